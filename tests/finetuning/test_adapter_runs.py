"""Does a run with any adapter learn, go on to the bit where it was stopped, and leave the base as it was?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from handstyle.diffusion.adapter_names import ENDINGS, taken_apart
from handstyle.errors import RecipeInvalid
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.snapshots import Snapshots

# tests/finetuning/conftest.py compares the whole base before and after each of these.

STEPS = 7  # of `run`
OTHERS = [algo for algo, endings in ENDINGS.items() if algo != "lora" and endings]  # what changes layers


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("algo", OTHERS)
@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_a_run_goes_on_to_the_bit_where_it_was_stopped(
    algo: str, precision: str, run: Any, recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    chosen = recipe(algo=algo, mixed_precision=precision)
    snapshots = Snapshots(tmp_path, "ours")
    steps, end = run(chosen, watch=lambda step: snapshots.save(step.state()) if step.index == 3 else None)
    again, same_end = run(chosen, snapshots.load(tmp_path / "step-000003.safetensors"))
    assert [step.loss for step in again] == [step.loss for step in steps[3:]] and len(steps) == STEPS
    assert all(same(getattr(end, kind), getattr(same_end, kind)) for kind in ("weights", "exp_avg", "exp_avg_sq"))


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_a_run_that_counts_its_ranks_by_the_noise_does_too(
    dropout: float, run: Any, recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    chosen = recipe(tlora=True, rank=8, lora_dropout=dropout, gradient_checkpointing=dropout > 0)
    snapshots = Snapshots(tmp_path, "ours")
    steps, end = run(chosen, watch=lambda step: snapshots.save(step.state()) if step.index == 3 else None)
    again, same_end = run(chosen, snapshots.load(tmp_path / "step-000003.safetensors"))
    assert [step.loss for step in again] == [step.loss for step in steps[3:]]
    assert same(end.weights, same_end.weights) and same(end.exp_avg_sq, same_end.exp_avg_sq)


@pytest.mark.parametrize("algo", OTHERS)
def test_every_tensor_of_the_adapter_learns(algo: str, run: Any, recipe: Callable[..., Recipe], family: Any) -> None:
    from handstyle.finetuning.trainable import trainable

    chosen = recipe(algo=algo)
    with trainable(family, chosen) as learning:
        before = learning.weights()
    _, end = run(chosen)
    assert before.keys() == end.weights.keys()
    assert {parts[1] for name in before if (parts := taken_apart(name))} <= set(ENDINGS[algo])  # type: ignore[index]
    # What a rotation in blocks of one could learn is nothing, and has no numbers.
    assert not any(same({"": before[name]}, {"": end.weights[name]}) for name in before if before[name].numel())


@pytest.mark.parametrize("algo", ["loha", "lokr", "oft"])
def test_text_encoders_learn_with_it(algo: str, run: Any, recipe: Callable[..., Recipe]) -> None:
    _, end = run(recipe(algo=algo, train_text_encoder=True))
    assert {name.partition(".")[0] for name in end.weights} == {"unet", "text_encoder"}


def test_the_usual_adapter_is_not_written_so_that_lineages_stand() -> None:
    assert "algo" not in Recipe().as_json() and "lokr_factor" not in Recipe().as_json()
    assert Recipe().changed(algo="loha").as_json()["algo"] == "loha"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"algo": "locon"}, "algo"),
        ({"algo": "dora", "train_text_encoder": True}, "does not read a DoRA of a text encoder"),
        ({"algo": "loha", "lora_dropout": 0.1}, "loha has none"),
        ({"algo": "oft", "rank": 1}, "cannot be turned"),
        ({"algo": "lokr", "method": "full"}, "a full finetuning has no adapter"),
    ],
    ids=str,
)
def test_what_does_not_fit_an_adapter_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeInvalid, match=words):
        Recipe().changed(**settings)
