"""Does a LoRA learn on a base that is held in fewer bits, and is it then one like any other?"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from handstyle.diffusion import low_rank
from handstyle.diffusion.quantised_layers import is_held
from handstyle.errors import RecipeInvalid, UsageMistake
from handstyle.finetuning import memory, running
from handstyle.finetuning.loop import finetune
from handstyle.finetuning.memory import Looks
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.snapshots import Snapshots
from handstyle.finetuning.suiting import suit
from handstyle.finetuning.trainable import trainable

kinds = pytest.mark.parametrize("kind", ["int8", "nf4"])


@pytest.fixture
def bitsandbytes() -> Any:
    return pytest.importorskip("bitsandbytes")


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@kinds
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"mixed_precision": "bf16", "gradient_checkpointing": True},
        {"lora_dropout": 0.2, "train_text_encoder": True},
        {"train_text_encoder_ti": True, "num_vectors": 2, "token_lr": 1e-2},
    ],
    ids=str,
)
def test_a_run_goes_on_to_the_bit_where_it_was_stopped(
    kind: str, settings: dict[str, Any], bitsandbytes: Any, run: Any, recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    chosen = recipe(base_model_precision=kind, **settings)
    snapshots = Snapshots(tmp_path, "ours", keep=9)
    steps, end = run(chosen, watch=lambda step: snapshots.save(step.state()))
    again, same_end = run(chosen, snapshots.load(tmp_path / "step-000004.safetensors"))
    assert [step.loss for step in again] == [step.loss for step in steps[4:]]
    assert same(end.weights, same_end.weights)
    plain_steps, plain = run(recipe(**settings))
    assert end.weights.keys() == plain.weights.keys(), "a LoRA like any other"
    assert not same(end.weights, plain.weights)
    assert all(math.isclose(step.loss, other.loss, rel_tol=0.1) for step, other in zip(steps, plain_steps, strict=True))


@kinds
def test_repeating_one_batch_lowers_its_loss(
    kind: str, bitsandbytes: Any, family: Any, recipe: Callable[..., Recipe], material: Any
) -> None:
    chosen = recipe(base_model_precision=kind, learning_rate=1e-2)
    batch = material(chosen).batch_at(0)
    with trainable(family, chosen) as learning:
        losses = [step.loss for step in finetune(family, lambda step: batch, learning, chosen, 30, None)]
    assert sum(losses[-10:]) < sum(losses[:10])


def test_the_layers_of_all_blocks_are_held_and_the_text_encoder_is_not(
    bitsandbytes: Any, family: Any, recipe: Callable[..., Recipe]
) -> None:
    with trainable(family, recipe(base_model_precision="int8", train_text_encoder=True)):
        held = [name for name, layer in family.denoiser.named_modules() if is_held(layer)]
        assert any("attn1.to_q" in name for name in held) and any("resnets.0.conv1" in name for name in held)
        assert not any(name.startswith(("conv_in", "conv_out", "time_embedding")) for name in held)
        assert not any(is_held(layer) for layer in family.text_encoder.modules())
        whole = sum(parameter.numel() for parameter in family.denoiser.parameters())
        assert (
            sum(layer.quantised.codes_OI.numel() for layer in family.denoiser.modules() if is_held(layer)) > whole / 2
        )


def test_without_its_adapters_the_network_is_the_rounded_base(
    bitsandbytes: Any, family: Any, recipe: Callable[..., Recipe], material: Any
) -> None:
    chosen = recipe(base_model_precision="int8")
    latents_BCHW, conditioning_BLD = torch.randn(1, 4, 8, 8), family.encode_texts(["ant"])

    def predicted() -> Tensor:
        with torch.no_grad():
            return torch.as_tensor(family.predict(latents_BCHW, torch.tensor([500]), conditioning_BLD))

    before = predicted()
    with trainable(family, chosen) as learning:
        fresh = predicted()
        for parameter in learning.parameters.values():
            parameter.data.add_(0.1)
        assert not torch.equal(predicted(), fresh)
        with low_rank.set_aside(family.denoiser):
            assert torch.allclose(predicted(), fresh, atol=1e-6)
    assert 0 < float((fresh - before).norm() / before.norm()) < 0.1
    assert torch.equal(predicted(), before)


@kinds
@pytest.mark.parametrize("of", ["xl_family", "sd3_family", "flux_family"])
def test_other_families_are_held_and_put_back(
    of: str, kind: str, bitsandbytes: Any, request: pytest.FixtureRequest, recipe: Callable[..., Recipe]
) -> None:
    family = request.getfixturevalue(of)
    before = {name: tensor.clone() for name, tensor in family.denoiser.state_dict().items()}
    side = family.resolution
    latents_BCHW, conditioning_BLD = torch.randn(1, *family.latent_shape(side, side)), family.encode_texts(["ant"])
    with torch.no_grad():
        plain = family.predict(latents_BCHW, torch.tensor([1]), conditioning_BLD)
    with trainable(family, recipe(base_model_precision=kind)) as learning:
        found = family.predict(latents_BCHW, torch.tensor([1]), conditioning_BLD)
        found.square().sum().backward()
        assert any(
            parameter.grad is not None and bool(parameter.grad.any()) for parameter in learning.parameters.values()
        )
    assert 0 < float((found.detach() - plain).norm() / plain.norm()) < 0.5
    assert same(before, family.denoiser.state_dict())


def test_what_a_step_holds_is_counted_without_the_layouts_of_weights(
    bitsandbytes: Any, family: Any, recipe: Callable[..., Recipe], material: Any
) -> None:
    """Otherwise each layer is laid out twice for the processor, beside its weights."""
    found = {}
    for kind in ("no_change", "int8", "nf4"):
        chosen = recipe(base_model_precision=kind)
        with trainable(family, chosen) as learning:
            counted = memory.demand(family, learning, material(chosen).batch_at(0), chosen, Looks(2, 1))
            assert counted is not None
            found[kind] = counted.step
    assert found["int8"] < found["no_change"] and found["nf4"] < found["no_change"]


def test_the_record_says_it(recipe: Callable[..., Recipe], bitsandbytes: Any) -> None:
    assert recipe(base_model_precision="nf4").as_json()["base_model_precision"] == "nf4"
    assert "base_model_precision" not in Recipe().as_json(), "so that lineages stand"
    assert running.quantised_layers.environment("int8").keys() == {"bitsandbytes"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"method": "full", "base_model_precision": "int8"}, "base_model_precision: a full finetuning"),
        ({"algo": "dora", "base_model_precision": "nf4"}, "base_model_precision: dora"),
        ({"base_model_precision": "int4"}, "base_model_precision"),
    ],
    ids=str,
)
def test_what_needs_the_weights_themselves_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeInvalid, match=words):
        Recipe().changed(**settings)


def test_without_the_package_it_is_refused_before_anything_is_encoded(
    monkeypatch: pytest.MonkeyPatch, family: Any
) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(UsageMistake, match="bitsandbytes, which is not installed") as refused:
        suit(family, Recipe(base_model_precision="int8"))
    assert "handstyle[quantised]" in refused.value.hint
