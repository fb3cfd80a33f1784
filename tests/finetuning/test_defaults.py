"""Does the default suit the works and the base, and is the cost said before it is paid?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handstyle.diffusion.hardware import Hardware
from handstyle.finetuning import defaults
from handstyle.finetuning.recipe import Recipe, named
from handstyle.finetuning.trainable import trainable

MACHINE = Hardware("cpu", "some processor", 2, 8 << 30, fast_bf16=True)


def steps(number_of_works: int, family: Any) -> int:
    return defaults.default_recipe(number_of_works, family, MACHINE).max_train.count


def test_the_number_of_steps_follows_the_number_of_works_within_bounds(family: Any) -> None:
    assert steps(1, family) == defaults.FEWEST_STEPS
    assert steps(10**6, family) == defaults.MOST_STEPS
    counts = [steps(number, family) for number in range(1, 400, 20)]
    assert counts == sorted(counts) and counts[-1] > counts[0]


def test_the_default_suits_the_base_and_the_machine(family: Any) -> None:
    recipe = defaults.default_recipe(32, family, MACHINE)
    assert (recipe.resolution, recipe.mixed_precision) == (16, "bf16")
    assert defaults.preset_for(family) == "small_base"
    slow = Hardware("cpu", "an older one", 2, 8 << 30, fast_bf16=False)
    assert defaults.default_recipe(32, family, slow).mixed_precision == "no"


def test_a_file_comes_before_a_preset_and_a_preset_before_the_default(tmp_path: Path) -> None:
    path = Recipe(rank=3).to_toml(tmp_path / "recipe.toml")
    assert defaults.recipe_from(path, "sd15_style", Recipe()).rank == 3
    assert defaults.recipe_from(None, "sd15_style", Recipe()) == named("sd15_style")
    assert defaults.recipe_from(None, None, Recipe(rank=5)).rank == 5


@pytest.mark.parametrize(
    ("settings", "learns"),
    [
        ({}, True),
        ({"rank": 2}, True),
        ({"method": "full"}, False),
        ({"algo": "textual-inversion", "identifier": "hndst"}, False),
        ({"algo": "dora"}, False),
        ({"algo": "loha", "train_text_encoder": True}, True),
        ({"train_text_encoder": False}, False),
    ],
    ids=str,
)
def test_the_text_encoder_of_a_preset_learns_beside_what_it_was_chosen_for(
    settings: dict[str, Any], learns: bool
) -> None:
    found = defaults.with_settings(named("small_base"), settings)
    assert found.train_text_encoder is learns
    assert found == named("small_base").changed(**{"train_text_encoder": learns} | settings)


@pytest.mark.parametrize("settings", [{}, {"method": "full", "ema_decay": 0.9}], ids=["low rank", "full"])
def test_trial_steps_say_the_cost_and_change_nothing(
    settings: dict[str, Any], family: Any, recipe: Callable[..., Recipe], material: Any
) -> None:
    chosen = recipe(**settings, gradient_accumulation_steps=2)
    with trainable(family, chosen) as learning:
        before = learning.weights()
        expected = defaults.expect(family, learning, material(chosen).batch_at(0), chosen, 50)
        assert (expected.steps, expected.pictures) == (50, 200)
        assert expected.seconds > 0 and expected.memory > 1 << 24
        assert expected.parameters == learning.number_of_parameters
        assert all((before[name] == parameter).all() for name, parameter in learning.parameters.items())
        assert all(parameter.grad is None for parameter in learning.parameters.values())
    assert str(expected).startswith("50 steps, 200 pictures, ")
