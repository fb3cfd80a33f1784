"""Does a run learn as asked, and does a resumed one end in the very same numbers?"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from handstyle.encoding.batches import Batch
from handstyle.errors import HandstyleError
from handstyle.finetuning import loop
from handstyle.finetuning.loop import Step, learning_rate_share
from handstyle.finetuning.recipe import Recipe, Scheduler
from handstyle.finetuning.snapshots import KINDS, Snapshots, State

STEPS = 7


def differing(one: State, other: State) -> list[str]:
    """Names of the tensors that are not bit for bit the same."""
    found = [] if one.step == other.step else ["step"]
    for kind in KINDS:
        ours: dict[str, Tensor] = getattr(one, kind)
        theirs: dict[str, Tensor] = getattr(other, kind)
        found += [f"{kind} has other names"] * (ours.keys() != theirs.keys())
        found += [f"{kind}/{name}" for name in ours.keys() & theirs.keys() if not torch.equal(ours[name], theirs[name])]
    return found


VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "moving average": {"ema_decay": 0.9},
    "accumulation": {"gradient_accumulation_steps": 3},
    "dropout": {"lora_dropout": 0.5, "caption_dropout": 0.5},
    "text encoder": {"train_text_encoder": True, "lora_dropout": 0.2, "ema_decay": 0.5},
    "full": {"method": "full", "ema_decay": 0.9},
    "updated on the way back": {"method": "full", "optimizer_in_backward": True},
    "class images": {"with_prior_preservation": True, "prior_batch_share": 0.5, "lr_scheduler": "cosine"},
    "buckets": {"enable_bucket": True, "with_prior_preservation": True, "gradient_accumulation_steps": 2},
    "bf16": {"mixed_precision": "bf16"},
}


LONGER = set(VARIANTS) - {"moving average", "buckets"}


@pytest.mark.parametrize(
    "settings",
    [pytest.param(VARIANTS[name], id=name, marks=[pytest.mark.slow] * (name in LONGER)) for name in VARIANTS],
)
def test_a_run_stopped_at_any_step_and_resumed_ends_in_the_same_bits(
    settings: dict[str, Any], run: Any, recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    """Five works, two a step: most stops lie in the middle of an epoch."""
    chosen = recipe(**settings)
    snapshots = Snapshots(tmp_path, "lineage", keep=STEPS)
    steps, end = run(chosen, watch=lambda step: snapshots.save(step.state()))
    assert len(snapshots.paths()) == STEPS
    for path in snapshots.paths()[:-1]:
        resumed, again = run(chosen, snapshots.load(path))
        assert [step.loss for step in resumed] == [step.loss for step in steps[-len(resumed) :]]
        assert not differing(end, again), f"stopped after {path.stem}"


@pytest.mark.slow
def test_the_same_recipe_learns_the_same_bits_and_another_seed_others(run: Any, recipe: Callable[..., Recipe]) -> None:
    _, one = run(recipe())
    _, other = run(recipe())
    assert not differing(one, other)
    _, reseeded = run(recipe(seed=1))
    assert differing(one, reseeded)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"ema_decay": 0.9}, id="lora", marks=pytest.mark.slow),
        pytest.param({"method": "full", "ema_decay": 0.9}, id="full"),
    ],
)
def test_the_fused_updates_equal_the_plain_ones(
    settings: dict[str, Any], run: Any, recipe: Callable[..., Recipe]
) -> None:
    """AdamW and the moving average, parameter by parameter or in one kernel: the same but for rounding."""
    _, fast = run(recipe(**settings))
    _, plain = run(recipe(**settings), plain=True)
    for kind in set(KINDS) - {"optimizer"}:  # which only others than AdamW have
        expected: dict[str, Tensor] = getattr(plain, kind)
        found: dict[str, Tensor] = getattr(fast, kind)
        assert expected.keys() == found.keys() and expected
        for name, tensor in expected.items():
            torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=1e-6, msg=f"{kind} of {name}")


def test_a_step_says_what_it_did(run: Any, recipe: Callable[..., Recipe]) -> None:
    steps, end = run(recipe(gradient_accumulation_steps=2, lr_scheduler="constant"))
    assert [(step.index, step.of) for step in steps] == [(n + 1, STEPS) for n in range(STEPS)]
    assert {step.pictures for step in steps} == {4}
    assert {step.learning_rate for step in steps} == {1e-3}
    assert all(math.isfinite(step.loss) and step.gradient_norm > 0 for step in steps)
    assert end.step == STEPS


def test_a_state_is_a_copy_that_later_steps_do_not_touch(run: Any, recipe: Callable[..., Recipe]) -> None:
    states: list[State] = []
    run(recipe(ema_decay=0.9), watch=lambda step: states.append(step.state().copied()))
    kept = states[2].weights["unet.mid_block.resnets.0.conv1.lora_A.weight"]
    assert not torch.equal(kept, states[3].weights["unet.mid_block.resnets.0.conv1.lora_A.weight"])
    for name, average in states[3].ema.items():
        assert average.data_ptr() != states[2].ema[name].data_ptr()


@pytest.mark.slow
def test_repeating_one_batch_lowers_its_loss(family: Any, recipe: Callable[..., Recipe], material: Any) -> None:
    from handstyle.finetuning.trainable import trainable

    chosen = recipe(lr_scheduler="constant", learning_rate=1e-2, max_train="20 steps", seed=3, caption_dropout=0)
    batch = material(chosen).batch_at(0)
    with trainable(family, chosen) as learning, pytest.MonkeyPatch.context() as patch:
        real = loop.batch_loss
        patch.setattr(loop, "batch_loss", lambda *given, **named: real(*given, **{**named, "step": 0}))
        losses = [step.loss for step in loop.finetune(family, lambda step: batch, learning, chosen, 20, None)]
    assert losses[-1] < 0.8 * losses[0]


# The optimiser


@pytest.mark.parametrize("scheduler", get_args(Scheduler))
@pytest.mark.parametrize("warmup", [0, 1, 4, 30])
def test_learning_rates_are_those_of_diffusers(scheduler: str, warmup: int) -> None:
    from diffusers.optimization import get_scheduler

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = get_scheduler(scheduler, optimizer, num_warmup_steps=warmup, num_training_steps=20)
    for step in range(20):
        expected = optimizer.param_groups[0]["lr"]
        assert learning_rate_share(step, 20, scheduler, warmup) == pytest.approx(expected, abs=1e-12), f"step {step}"
        optimizer.step()
        theirs.step()


def test_one_step_is_the_one_of_adamw(family: Any, recipe: Callable[..., Recipe], run: Any) -> None:
    """With a gradient within the norm, Adam's first step is the learning rate times the sign of the gradient, and the
    decay (Loshchilov and Hutter 2019, algorithm 2)."""
    from handstyle.finetuning.trainable import trainable

    chosen = recipe(
        method="full", lr_scheduler="constant", adam_weight_decay=0.1, max_grad_norm=1e9, adam_epsilon=1e-30
    )
    states: list[State] = []
    run(chosen, watch=lambda step: states.append(step.state().copied()))
    with trainable(family, chosen) as learning:
        before = learning.weights()
    name = "unet.mid_block.resnets.0.conv1.weight"
    gradient = states[0].exp_avg[name] / (1 - chosen.adam_beta1)
    expected = before[name] * (1 - 1e-3 * 0.1) - 1e-3 * gradient.sign()
    torch.testing.assert_close(states[0].weights[name], expected, rtol=0, atol=2e-7)


@pytest.mark.slow
def test_accumulated_gradients_are_those_of_the_larger_batch(
    family: Any, recipe: Callable[..., Recipe], material: Any
) -> None:
    """The mean of the parts: the first moment of Adam's first step shows the gradient."""
    from handstyle.finetuning.trainable import trainable

    parts = recipe(gradient_accumulation_steps=3, max_grad_norm=1e9)
    at = material(parts).batch_at
    with trainable(family, parts) as learning:
        [together] = [step.state().copied() for step in loop.finetune(family, at, learning, parts, 1, None)]
    total: dict[str, Tensor] = {}
    for part in range(3):
        with trainable(family, parts) as learning:
            loss = loop.batch_loss(at(part), family, seed=0, step=part, snr_gamma=5.0, precision="no", live_text=False)
            loss.backward()
            for name, parameter in learning.parameters.items():
                assert parameter.grad is not None
                total[name] = total.get(name, torch.zeros(())) + parameter.grad / 3
    for name, moment in together.exp_avg.items():
        torch.testing.assert_close(moment / (1 - parts.adam_beta1), total[name], rtol=1e-4, atol=1e-7)


def test_gradients_are_clipped_to_their_norm(run: Any, recipe: Callable[..., Recipe]) -> None:
    states: list[State] = []
    steps, _ = run(recipe(max_grad_norm=1e-3), watch=lambda step: states.append(step.state().copied()))
    gradient = torch.cat([moment.flatten() for moment in states[0].exp_avg.values()]) / 0.1
    assert float(gradient.norm()) == pytest.approx(1e-3, rel=1e-3)
    assert steps[0].gradient_norm > 1e-3, "what is said is the norm before clipping"


@pytest.mark.slow
def test_the_text_encoder_has_a_learning_rate_of_its_own(run: Any, recipe: Callable[..., Recipe], family: Any) -> None:
    moved = {}
    for rate in (1e-5, 1e-3):
        states: list[State] = []
        settings = {"method": "full", "train_text_encoder": True, "text_encoder_lr": rate, "lr_scheduler": "constant"}
        run(recipe(**settings, adam_weight_decay=0), watch=lambda step, kept=states: kept.append(step.state().copied()))
        name = "text_encoder.encoder.layers.0.mlp.fc1.weight"
        [stem] = [key for key in states[0].weights if key.endswith(name.removeprefix("text_encoder."))]
        moved[rate] = states[1].weights[stem] - states[0].weights[stem]
    assert float(moved[1e-3].abs().mean() / moved[1e-5].abs().mean()) == pytest.approx(100, rel=0.3)


@pytest.mark.parametrize("warmup", [True, False])
def test_the_moving_average_follows_the_weights(warmup: bool, run: Any, recipe: Callable[..., Recipe]) -> None:
    """ema <- d ema + (1 - d) weights; with a warm-up, d = min(decay, (1 + n) / (10 + n)) after n steps."""
    states: list[State] = []
    run(recipe(ema_decay=0.3, ema_warmup=warmup), watch=lambda step: states.append(step.state().copied()))
    for before, after in pairwise(states):
        decay = min(0.3, (1 + after.step) / (10 + after.step)) if warmup else 0.3
        for name, average in after.ema.items():
            expected = decay * before.ema[name] + (1 - decay) * after.weights[name]
            torch.testing.assert_close(average, expected, rtol=1e-5, atol=1e-7)
    assert states[-1].finished_weights() is states[-1].ema


def test_without_a_moving_average_the_weights_themselves_are_the_result(
    run: Any, recipe: Callable[..., Recipe]
) -> None:
    _, end = run(recipe())
    assert end.ema == {} and end.finished_weights() is end.weights


@pytest.mark.parametrize("settings", [{}, {"method": "full"}], ids=["low rank", "full"])
@pytest.mark.slow
def test_bf16_computes_and_fp32_remembers(settings: dict[str, Any], run: Any, recipe: Callable[..., Recipe]) -> None:
    _, exact = run(recipe(**settings))
    _, rounded = run(recipe(**settings, mixed_precision="bf16"))
    for kind in KINDS:
        assert {tensor.dtype for tensor in getattr(rounded, kind).values()} <= {torch.float32}
    assert differing(exact, rounded), "bf16 rounds the computation"
    fine = sum(int((tensor != tensor.bfloat16().float()).sum()) for tensor in rounded.weights.values())
    assert fine > 0.9 * sum(tensor.numel() for tensor in rounded.weights.values()), "the masters are not rounded"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_the_run_with_advice(
    value: float, family: Any, recipe: Callable[..., Recipe], material: Any
) -> None:
    from handstyle.finetuning.trainable import trainable

    chosen = recipe()
    at = material(chosen).batch_at

    def broken_at_the_third(step: int) -> Batch:
        batch = at(step)
        if step == 2:
            batch.conditioning_BLD[:] = value
        return batch

    done: list[Step] = []
    with (
        trainable(family, chosen) as learning,
        pytest.raises(HandstyleError, match=r"the loss became \S+ at step 3") as error,
    ):
        done.extend(loop.finetune(family, broken_at_the_third, learning, chosen, STEPS, None))
    assert "learning_rate" in error.value.hint


METHODS = pytest.mark.parametrize("method", ["lora", "full"])


@METHODS
@pytest.mark.slow
def test_updates_on_the_way_back_are_the_usual_ones_where_nothing_is_clipped(
    method: str, recipe: Callable[..., Recipe], run: Any
) -> None:
    settings = {"method": method, "max_grad_norm": 1e9, "ema_decay": 0.9}
    _, usual = run(recipe(**settings))
    steps, on_the_way = run(recipe(**settings, optimizer_in_backward=True))
    assert not differing(on_the_way, usual)
    assert all(step.gradient_norm > 0 for step in steps)


def test_on_the_way_back_each_gradient_is_clipped_by_its_own_norm(recipe: Callable[..., Recipe], run: Any) -> None:
    """Adam's first moment after one step is (1 - beta1) times the gradient."""
    states: list[State] = []
    chosen = recipe(max_grad_norm=1e-4, optimizer_in_backward=True, lr_warmup_steps=0)
    run(chosen, watch=lambda step: states.append(step.state().copied()))
    norms = [float(moment.norm()) / (1 - chosen.adam_beta1) for moment in states[0].exp_avg.values()]
    clipped = [norm for norm in norms if norm > 0]  # the gradient of A is 0 while B is
    assert len(clipped) > 10 and max(clipped) <= 1.001e-4
    assert sum(norm > 0.9e-4 for norm in clipped) > 1, "several reach the limit: it is not that of all together"


def test_gradients_are_freed_on_the_way_back_and_nothing_stays_behind(
    family: Any, recipe: Callable[..., Recipe], material: Any
) -> None:
    from handstyle.finetuning.trainable import trainable

    chosen = recipe(method="full", optimizer_in_backward=True)
    at = material(chosen).batch_at
    with trainable(family, chosen) as learning:
        held: list[int] = []
        watched = [
            parameter.register_post_accumulate_grad_hook(
                lambda _: held.append(sum(other.grad is not None for other in learning.parameters.values()))
            )
            for parameter in learning.parameters.values()
        ]
        for step in loop.finetune(family, at, learning, chosen, 2, None):
            assert step.index in (1, 2)
        for hook in watched:
            hook.remove()
        assert len(held) >= len(learning.parameters) and max(held) <= 2
        assert not any(parameter._post_accumulate_grad_hooks for parameter in learning.parameters.values())
