"""Do every adapter and every optimiser learn on Stable Diffusion 3 and FLUX.1, too, and draw as they learnt?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from handstyle.diffusion.adapter_names import ENDINGS, taken_apart
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.snapshots import Snapshots
from handstyle.finetuning.trainable import at_rest, trainable
from handstyle.finetuning.trained_style import BaseIdentity, TrainedStyle
from handstyle.generation.generate import Worn, attached

ALGORITHMS = [algo for algo, endings in ENDINGS.items() if endings]  # what changes layers
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adamw": {},
    "adafactor": {},
    "prodigy": {"learning_rate": 1.0},
    "adamwschedulefree": {},
}
PACKAGES = {"prodigy": "pytorch_optimizer", "adamwschedulefree": "pytorch_optimizer"}


@pytest.fixture(params=["sd3_family", "flux_family"])
def family(request: pytest.FixtureRequest) -> Any:
    """In the place of the family that the other tests of training run on."""
    return request.getfixturevalue(request.param)


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def predicted(family: Any) -> Tensor:
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found: Tensor = family.predict(latents, torch.tensor([300]), family.encode_texts(["a boat"]))
    return found


def worn_as(recipe: Recipe, tensors: dict[str, Tensor], family: Any) -> Worn:
    identity = BaseIdentity(name="tiny", family=family.kind, sha256="b" * 64, licence="CC0-1.0")
    style = TrainedStyle(
        name="style-1", base=identity, collection="c" * 64, number_of_works=5, recipe=recipe, steps=7, resolution=16,
        tensors="a" * 64, environment={},
    )  # fmt: skip
    return Worn(style, tensors, 1.0)


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_a_run_learns_goes_on_to_the_bit_and_draws_as_it_learnt(
    algo: str, run: Any, recipe: Callable[..., Recipe], family: Any, tmp_path: Path
) -> None:
    texts = {"train_text_encoder": True} if algo != "dora" else {}
    chosen = recipe(algo=algo, rank=4, learning_rate=0.01, **texts)
    with trainable(family, chosen) as learning:
        before = {name: tensor.clone() for name, tensor in learning.weights().items()}
    snapshots = Snapshots(tmp_path, "ours")
    steps, end = run(chosen, watch=lambda step: snapshots.save(step.state()) if step.index == 3 else None)
    assert all(torch.isfinite(torch.tensor(step.loss)) for step in steps)
    assert before.keys() == end.weights.keys()
    assert {parts[1] for name in before if (parts := taken_apart(name))} <= set(ENDINGS[algo])  # type: ignore[index]
    # After the last block of Stable Diffusion 3 the words' answer is not asked for: what asks for it learns nothing.
    last = f"transformer_blocks.{getattr(family.denoiser.config, 'num_layers', 1) - 1}.attn.add_q_proj"
    unasked = {name for name in before if family.kind == "stable-diffusion-3" and last in name}
    still = {name for name in before if before[name].numel() and torch.equal(before[name], end.weights[name])}
    assert still <= unasked, "every other tensor learns"
    again, same_end = run(chosen, snapshots.load(tmp_path / "step-000003.safetensors"))
    assert [step.loss for step in again] == [step.loss for step in steps[3:]]
    assert same(end.weights, same_end.weights) and same(end.exp_avg_sq, same_end.exp_avg_sq)

    plain = predicted(family)
    with trainable(family, chosen) as learning, at_rest(family), torch.no_grad():
        for name, parameter in learning.parameters.items():
            parameter.copy_(end.weights[name])
        learnt = predicted(family)
    with attached([worn_as(chosen, end.weights, family)], family):
        worn = predicted(family)
    scale = float(learnt.abs().max())
    torch.testing.assert_close(worn, learnt, rtol=0, atol=1e-4 * scale)
    assert float((learnt - plain).abs().max()) > 1e-3 * scale
    assert torch.equal(predicted(family), plain)


@pytest.mark.parametrize("name", list(OPTIMIZERS))
@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_run_with_each_optimizer_learns_and_goes_on_to_the_bit(
    method: str, name: str, run: Any, recipe: Callable[..., Recipe], family: Any, tmp_path: Path
) -> None:
    if name in PACKAGES:
        pytest.importorskip(PACKAGES[name])
    asked = {"learning_rate": 1e-3, **OPTIMIZERS[name]}
    chosen = recipe(optimizer=name, method=method, **asked)
    snapshots = Snapshots(tmp_path, "ours")
    steps, end = run(chosen, watch=lambda step: snapshots.save(step.state()) if step.index == 4 else None)
    again, same_end = run(chosen, snapshots.load(tmp_path / "step-000004.safetensors"))
    assert [step.loss for step in again] == [step.loss for step in steps[4:]]
    kinds = ("weights", "exp_avg", "exp_avg_sq", "ema", "optimizer")
    assert all(same(getattr(end, kind), getattr(same_end, kind)) for kind in kinds)
    begun = snapshots.load(tmp_path / "step-000004.safetensors").weights
    assert sum(not torch.equal(begun[key], end.weights[key]) for key in begun) > len(begun) // 2
