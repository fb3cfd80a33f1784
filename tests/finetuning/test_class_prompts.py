"""Are class images drawn with the words a recipe asks for, and is what the base says of them preserved?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from handstyle.diffusion import low_rank
from handstyle.encoding.cache import Cache
from handstyle.errors import RecipeInvalid, UsageMistake
from handstyle.finetuning import class_prompts
from handstyle.finetuning import material as materials
from handstyle.finetuning.objective import Objective, batch_loss
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trainable import trainable

WORKS: Any = [SimpleNamespace(caption=caption) for caption in ("a fox", "a boat", "a fox")]


def knows(*phrases: str) -> Any:
    styles = tuple(SimpleNamespace(phrase=phrase) for phrase in phrases)
    return SimpleNamespace(card=SimpleNamespace(known_styles=styles, name="small"))


def asked(prompt: str, number: int, family: Any) -> dict[str, int]:
    found = class_prompts.asked(WORKS, number, family, Recipe(class_prompt=prompt, seed=5))
    first = 5
    for one in found:
        assert one.seed == first, "every picture has a seed of its own"
        first += one.number
    return {one.prompt: one.number for one in found}


def test_without_a_place_for_captions_all_have_the_same_words() -> None:
    assert asked("a drawing", 8, knows()) == {"a drawing": 8}
    assert [one.prompt for one in class_prompts.asked(WORKS, 3, knows(), Recipe(class_words="icon"))] == ["icon"]


def test_every_caption_has_its_turn_in_every_style() -> None:
    found = asked("{caption}, {style}", 8, knows("as an icon", "in ink"))
    assert found == dict.fromkeys(["a fox, as an icon", "a boat, as an icon", "a fox, in ink", "a boat, in ink"], 2), (
        Counter(found)
    )
    assert asked("{caption}, oil painting", 5, knows()) == {"a fox, oil painting": 3, "a boat, oil painting": 2}


def test_a_base_that_knows_no_style_cannot_be_asked_for_one() -> None:
    with pytest.raises(UsageMistake, match="names no style that it knows"):
        asked("{caption}, {style}", 5, knows())


def test_the_base_draws_them_with_these_words(
    family: Any, recipe: Callable[..., Recipe], material: Any, tmp_path: Path
) -> None:
    works = [SimpleNamespace(**{**vars(work), "caption": f"a {work.name}"}) for work in material(recipe()).works]
    chosen = recipe(with_prior_preservation=True, num_class_images=5, class_prompt="{caption}, ink", resolution=16)
    found = materials._class_images(works, family, chosen, Cache(tmp_path), None, lambda *said: None)
    assert [picture.text for picture in found] == [f"a {work.name}, ink" for work in works]
    with torch.no_grad():
        for picture in found:
            assert torch.equal(picture.conditioning_LD, family.encode_texts([picture.text])[0])
    latents = [picture.variants[0].mean_BCHW for picture in found]
    assert not torch.equal(latents[0], latents[1])


def test_to_keep_to_the_base_costs_nothing_before_anything_is_learnt_and_something_after(
    family: Any, recipe: Callable[..., Recipe], material: Any
) -> None:
    chosen = recipe(with_prior_preservation=True, prior_target="base", train_text_encoder=True)
    batch = material(chosen).batch_at(0)

    def loss(prior: float) -> float:
        weighed = batch.__class__(**{**vars(batch), "weight_B": torch.tensor([0.0, 0.0, prior, prior])})
        return float(batch_loss(weighed, family, seed=0, step=0, snr_gamma=None, precision="no", live_text=False,
                                objective=Objective.of(chosen)))  # fmt: skip

    with trainable(family, chosen) as learning:
        assert loss(1.0) < 1e-10
        with torch.no_grad():
            for parameter in learning.parameters.values():
                parameter.add_(0.05)
        learnt = loss(1.0)
        assert learnt > 1e-6 and loss(2.0) == pytest.approx(2 * learnt)
        assert all(parameter.requires_grad for parameter in learning.parameters.values())


def test_a_network_without_adapters_can_be_set_aside_too(family: Any) -> None:
    with low_rank.set_aside(family.denoiser):
        pass


def test_a_full_finetuning_has_no_base_beside_it() -> None:
    with pytest.raises(RecipeInvalid, match="no base beside it"):
        Recipe().changed(method="full", prior_target="base")
    new = {"prior_target", "style_friendly_sampling", "log_snr_mean", "log_snr_std"}
    assert new.isdisjoint(Recipe().as_json())
