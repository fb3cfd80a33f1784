"""Does a base read words and mix in noise as a recipe says, and does what is trained carry that along?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from handstyle.errors import UsageMistake
from handstyle.finetuning import kohya_recipes
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.suiting import suit

TO_THE_END = {"rescale_betas_zero_snr": True}


@pytest.fixture
def family(v_family: Any) -> Any:
    """A trace of the picture is left at its end."""
    return v_family


@pytest.fixture(autouse=True)
def as_it_was(family: Any) -> Iterator[None]:
    yield
    family.end_in_noise(False)
    family.skip_layers(0)


def test_a_recipe_ends_in_noise_and_the_next_does_not(family: Any) -> None:
    before = family.noise.signal_T.clone()
    suit(family, Recipe(**TO_THE_END, clip_skip=1))
    assert family.noise.signal_T[-1] == 0 and family.clip_skip == 1
    suit(family, Recipe())
    assert torch.equal(family.noise.signal_T, before) and family.clip_skip == 0


def test_a_run_with_it_learns_from_another_loss(family: Any, run: Any, recipe: Callable[..., Recipe]) -> None:
    plain, _ = run(recipe())
    suit(family, recipe(**TO_THE_END))
    steps, _ = run(recipe(**TO_THE_END))
    assert all(torch.isfinite(torch.tensor(step.loss)) for step in steps)
    assert [step.loss for step in steps] != [step.loss for step in plain]


def test_what_is_worn_is_drawn_with_its_own_schedule(family: Any) -> None:
    from handstyle.finetuning.trained_style import BaseIdentity, TrainedStyle
    from handstyle.generation.generate import Worn, attached

    base = BaseIdentity(name="tiny", family="stable-diffusion-1", sha256="b" * 64, licence="CC0-1.0")
    style = TrainedStyle(
        name="style-1", base=base, collection="c" * 64, number_of_works=5, recipe=Recipe(**TO_THE_END), steps=7,
        resolution=16, tensors="a" * 64, environment={},
    )  # fmt: skip
    with attached([Worn(style, {})], family):
        assert family.noise.signal_T[-1] == 0 and family.scheduler_config()["timestep_spacing"] == "trailing"
    assert not family.ends_in_noise


def test_a_base_that_cannot_is_told_of_before_anything_is_encoded(epsilon_family: Any) -> None:
    with pytest.raises(UsageMistake, match="predicts the noise"):
        suit(epsilon_family, Recipe(**TO_THE_END))


def test_kohyas_name_for_it_is_understood_and_recipes_without_it_are_written_as_before() -> None:
    found = kohya_recipes.from_settings({"zero_terminal_snr": True}, "a file").recipe
    assert found.rescale_betas_zero_snr
    assert "rescale_betas_zero_snr" not in Recipe().as_json()


def test_what_is_exported_says_so_in_diffusers_words(family: Any, v_base: Path, tmp_path: Path) -> None:
    from diffusers import DDIMScheduler

    from handstyle.publication import exports

    exports._write_schedule(tmp_path, v_base)
    told = json.loads((tmp_path / exports.SCHEDULE).read_text())
    assert told["rescale_betas_zero_snr"] is True and told["timestep_spacing"] == "trailing"
    scheduler = DDIMScheduler.from_pretrained(tmp_path / "scheduler")
    suit(family, Recipe(**TO_THE_END))
    torch.testing.assert_close(scheduler.alphas_cumprod, family.noise.signal_T, rtol=1e-3, atol=1e-6)
