"""Does every optimiser step as its authors wrote, and go on to the bit where a run was stopped?"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from handstyle.errors import RecipeInvalid, UsageMistake
from handstyle.finetuning import optimizers
from handstyle.finetuning.loop import Run
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.snapshots import Snapshots
from handstyle.finetuning.trainable import Trainable, trainable

SETTINGS: dict[str, dict[str, Any]] = {
    "adafactor": {"learning_rate": 1e-3},
    "prodigy": {"learning_rate": 1.0},
    "adamwschedulefree": {"learning_rate": 1e-3},
    "adamw8bit": {"learning_rate": 1e-3},
}
others = pytest.mark.parametrize("name", list(SETTINGS))


@pytest.fixture(autouse=True)
def installed(request: pytest.FixtureRequest) -> None:
    """On a processor, too, bitsandbytes takes steps."""
    called = getattr(request.node, "callspec", None)
    if called and (package := optimizers.PACKAGES.get(called.params.get("name", ""))):
        pytest.importorskip(package.replace("-", "_"))


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        torch.equal(one[name], other[name]) and one[name].dtype == other[name].dtype for name in one
    )


@others
@pytest.mark.parametrize(
    "settings",
    [{}, {"method": "full", "train_text_encoder": True}, {"gradient_accumulation_steps": 2, "lora_dropout": 0.2}],
    ids=str,
)
def test_a_run_goes_on_to_the_bit_where_it_was_stopped(
    name: str, settings: dict[str, Any], run: Any, recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    asked = {"optimizer": name, **SETTINGS[name], **settings}
    chosen = recipe(**asked, text_encoder_lr=asked["learning_rate"])
    snapshots = Snapshots(tmp_path, "ours", keep=9)
    steps, end = run(chosen, watch=lambda step: snapshots.save(step.state()))
    for stopped in (1, 4):
        again, same_end = run(chosen, snapshots.load(tmp_path / f"step-{stopped:06d}.safetensors"))
        assert [step.loss for step in again] == [step.loss for step in steps[stopped:]]
        assert all(same(getattr(end, kind), getattr(same_end, kind)) for kind in ("weights", "ema", "optimizer"))
    assert end.optimizer and not end.exp_avg


@others
def test_without_its_state_it_would_go_on_otherwise(
    name: str, run: Any, recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    """So that the test above says something."""
    chosen = recipe(optimizer=name, **SETTINGS[name])
    snapshots = Snapshots(tmp_path, "ours")
    _, end = run(chosen, watch=lambda step: snapshots.save(step.state()) if step.index == 4 else None)
    stopped = snapshots.load(tmp_path / "step-000004.safetensors")
    stopped.optimizer.clear()
    _, other = run(chosen, stopped)
    assert not same(end.weights, other.weights)


class One:
    """A single weight matrix and its gradients of chance."""

    def __init__(self, recipe: Recipe, steps: int) -> None:
        torch.manual_seed(0)
        self.weight = nn.Parameter(torch.randn(4, 3))
        self.run = Run(Trainable({"unet.w": self.weight}, {}), recipe, steps)
        self.gradients = [torch.randn(4, 3) * 0.1 for _ in range(steps)]

    def go(self) -> Tensor:
        for gradient in self.gradients:
            self.run.prepare()
            self.weight.grad = gradient.clone()
            self.run.apply()
        return self.weight.detach()


def asked(**settings: Any) -> Recipe:
    return Recipe.model_validate(
        {"lr_scheduler": "constant", "max_grad_norm": 1e9, "adam_weight_decay": 0.01, **settings}
    )


def test_schedule_free_adamw_is_the_one_of_its_authors() -> None:
    """Defazio et al. 2024, algorithm 1, with Adam's correction where they have moved it since: to the second moment.
    Gradients are taken at y, where weights decay, too; x is kept."""
    one = One(asked(optimizer="adamwschedulefree", learning_rate=0.01), 5)
    x = z = one.weight.detach().double().clone()
    v = torch.zeros_like(x)
    for t, gradient in enumerate(one.gradients, start=1):
        y = 0.1 * z + 0.9 * x
        v = 0.999 * v + 0.001 * gradient.double() ** 2
        z = z - 0.01 * (gradient.double() / ((v / (1 - 0.999**t)).sqrt() + 1e-8) + 0.01 * y)
        x = (1 - 1 / t) * x + z / t
    found = one.go()
    assert torch.allclose(found.double(), 0.1 * z + 0.9 * x, atol=1e-5)
    assert torch.allclose(one.run.state().finished_weights()["unet.w"].double(), x, atol=1e-5)
    assert (x - found).abs().max() > 1e-4


def test_adafactor_is_the_one_of_the_paper() -> None:
    """Shazeer and Stern 2018, algorithm 4, with a rate that is told; U is clipped where it is long, and only there."""
    one = One(asked(optimizer="adafactor", learning_rate=0.01), 5)
    w = one.weight.detach().double().clone()
    r, c = torch.zeros(4, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    for t, gradient in enumerate(one.gradients, start=1):
        share, square = 1 - t**-0.8, gradient.double() ** 2 + 1e-30
        r = share * r + (1 - share) * square.mean(dim=1)
        c = share * c + (1 - share) * square.mean(dim=0)
        u = gradient.double() / torch.outer(r / r.mean(), c).sqrt()
        u = u / max(1.0, float(u.square().mean().sqrt()))
        w = w - 0.01 * 0.01 * w - 0.01 * u
    assert torch.allclose(one.go().double(), w, atol=1e-5)


def test_prodigy_is_the_one_of_the_paper() -> None:
    """Mishchenko and Defazio 2024, algorithm 1 (Adam's version), with Adam's corrections as diffusers asks for them."""
    one = One(asked(optimizer="prodigy", learning_rate=1.0), 8)
    w = one.weight.detach().double().clone()
    start, d, most = w.clone(), 1e-6, 1e-6
    m, v, s = (torch.zeros_like(w) for _ in range(3))
    numerator, beta_3 = 0.0, math.sqrt(0.999)
    for k, gradient in enumerate(one.gradients):
        g = gradient.double()
        rate = d * math.sqrt(1 - 0.999 ** (k + 1)) / (1 - 0.9 ** (k + 1))
        numerator = beta_3 * numerator + (d / 1e-6) * rate * float((g * (start - w)).sum())
        m, v = 0.9 * m + d * 0.1 * g, 0.999 * v + d * d * 0.001 * g * g
        s = beta_3 * s + (d / 1e-6) * d * g
        estimate = numerator / float(s.abs().sum())
        d = max(d, estimate) if d == 1e-6 else d
        most = max(most, estimate)
        d = most
        w = w - 0.01 * rate * w
        w = w - rate * m / (v.sqrt() + d * 1e-8)
    assert torch.allclose(one.go().double(), w, atol=1e-6)


@pytest.mark.parametrize("name", ["adamw8bit"])
def test_adamw_in_8_bits_steps_nearly_as_adamw_does(name: str) -> None:
    """Dettmers et al. 2022, "8-bit Optimizers via Block-wise Quantization": what it remembers is rounded, in blocks. Of
    a matrix with fewer than 4096 numbers nothing is."""
    for rows, off, kind in ((8, 1e-6, torch.float32), (80, 3e-3, torch.uint8)):
        torch.manual_seed(0)
        weight, gradients = torch.randn(rows, 64), [torch.randn(rows, 64) * 0.1 for _ in range(5)]
        ends, remembered = [], {}
        for chosen in (asked(learning_rate=0.01), asked(optimizer=name, learning_rate=0.01)):
            parameter = nn.Parameter(weight.clone())
            run = Run(Trainable({"unet.w": parameter}, {}), chosen, 5)
            for gradient in gradients:
                run.prepare()
                parameter.grad = gradient.clone()
                run.apply()
            ends.append(parameter.detach())
            remembered = run.state().optimizer
        assert (ends[0] - ends[1]).abs().max() < off < 0.1 * (ends[0] - weight).abs().max()
        assert remembered["tensor/state1/unet.w"].dtype == kind


@others
def test_repeating_one_batch_lowers_its_loss(
    name: str, family: Any, recipe: Callable[..., Recipe], material: Any
) -> None:
    from handstyle.finetuning.loop import finetune

    chosen = recipe(optimizer=name, **{**SETTINGS[name], "learning_rate": 1.0 if name == "prodigy" else 1e-2})
    batch = material(chosen).batch_at(0)
    with trainable(family, chosen) as learning:
        losses = [step.loss for step in finetune(family, lambda step: batch, learning, chosen, 30, None)]
    assert all(math.isfinite(loss) for loss in losses)
    with_fixed_noise = sum(losses[-10:]) < sum(losses[:10])
    assert with_fixed_noise or name == "prodigy"  # which spends its first steps on finding a rate


def test_bytes_of_state_are_those_that_are_counted_with(run: Any, recipe: Callable[..., Recipe]) -> None:
    for name in ("prodigy", "adamwschedulefree"):
        _, end = run(recipe(optimizer=name, **SETTINGS[name]))
        numbers = sum(tensor.numel() for tensor in end.weights.values())
        kept = sum(tensor.nbytes for path, tensor in end.optimizer.items() if path.startswith("tensor/"))
        # A little less of Prodigy: of weights that begin at zero it keeps no copy.
        assert 0.9 <= kept / (optimizers.STATE[name] * numbers) <= 1.01


def test_a_package_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, package in optimizers.PACKAGES.items():
        module = package.replace("-", "_")
        for missing in (module, f"{module}.optim"):
            monkeypatch.setitem(sys.modules, missing, None)
        recipe = asked(optimizer=name, learning_rate=1.0)
        with pytest.raises(UsageMistake, match=f"in the package {package}") as refused:
            One(recipe, 1)
        assert "pip install" in refused.value.hint


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"optimizer": "prodigy", "learning_rate": 1e-4}, "set learning_rate = 1"),
        ({"optimizer": "prodigy", "learning_rate": 1, "train_text_encoder": True}, "one rate for all"),
        ({"optimizer": "prodigy", "learning_rate": 1, "optimizer_in_backward": True}, "of all weights together"),
        ({"optimizer": "adamwschedulefree", "ema_decay": 0.9}, "an average of its own"),
        ({"optimizer": "adamwschedulefree", "lr_scheduler": "cosine"}, "needs none"),
        ({"optimizer": "lion"}, "optimizer"),
    ],
    ids=str,
)
def test_what_does_not_fit_an_optimiser_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeInvalid, match=words):
        Recipe().changed(**settings)


@pytest.mark.parametrize("settings", [{}, {"method": "full", "train_text_encoder": True}, {"mixed_precision": "bf16"}],
                         ids=str)  # fmt: skip
def test_computing_again_on_the_way_back_gives_the_same_weights(
    settings: dict[str, Any], run: Any, recipe: Callable[..., Recipe], family: Any
) -> None:
    _, plain = run(recipe(**settings))
    chosen = recipe(**settings, gradient_checkpointing=True)
    with trainable(family, chosen):
        assert family.denoiser.is_gradient_checkpointing
    steps, end = run(chosen)
    assert same(plain.weights, end.weights) and steps
    assert not any(getattr(module, "gradient_checkpointing", False) for module in family.denoiser.modules())


def test_the_usual_optimiser_is_not_written_so_that_lineages_stand() -> None:
    assert {"optimizer", "gradient_checkpointing"}.isdisjoint(Recipe().as_json())
