"""Do exactly the layers learn that lie in the blocks a recipe names?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from handstyle.diffusion.single_file import SHIPPED, configs_in
from handstyle.diffusion.stable_diffusion_xl import StableDiffusionXL
from handstyle.diffusion.unet_family import LAYERS
from handstyle.errors import RecipeInvalid
from handstyle.finetuning import blocks
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trainable import trainable


def learning(family: Any, recipe: Recipe) -> set[str]:
    with trainable(family, recipe) as found:
        return {name.partition(".lora_")[0].removeprefix("unet.") for name in found.denoiser}


@pytest.mark.parametrize(
    ("asked", "inside"),
    [
        (["style"], ["up_blocks.0.attentions.1."]),
        (["content"], ["up_blocks.0.attentions.0."]),
        (["b-lora"], ["up_blocks.0.attentions.0.", "up_blocks.0.attentions.1."]),
        (["unet.mid_block", "down_blocks.1"], ["mid_block.", "down_blocks.1."]),
    ],
    ids=str,
)
def test_what_learns_lies_in_the_blocks_that_are_named(
    asked: list[str], inside: list[str], xl_family: Any, recipe: Callable[..., Recipe]
) -> None:
    every = learning(xl_family, recipe())
    found = learning(xl_family, recipe(lora_blocks=asked))
    assert found == {layer for layer in every if layer.startswith(tuple(inside))}
    assert found and found < every


def test_kinds_of_layers_and_blocks_both_hold(xl_family: Any, recipe: Callable[..., Recipe]) -> None:
    found = learning(xl_family, recipe(lora_blocks=["style"], lora_modules=["attention"]))
    assert found and all(".attn" in layer for layer in found)


def test_a_block_with_ten_in_its_name_is_not_the_one_with_one(family: Any, recipe: Callable[..., Recipe]) -> None:
    assert not blocks._lies_in("up_blocks.10.resnets.0.conv1", "up_blocks.1")
    assert blocks._lies_in("up_blocks.1.resnets.0.conv1", "up_blocks.1")


def test_a_block_that_is_not_there_is_refused_with_those_that_are(family: Any, recipe: Callable[..., Recipe]) -> None:
    with (
        pytest.raises(RecipeInvalid, match=r"up_block\.0, style") as refused,
        trainable(family, recipe(lora_blocks=["up_block.0", "mid_block", "style"])),
    ):
        pass
    assert "Nearest is up_blocks.0" in refused.value.hint and "none for this base" in refused.value.hint


def test_only_what_learns_in_a_block_is_trained(run: Any, family: Any, recipe: Callable[..., Recipe]) -> None:
    _, end = run(recipe(lora_blocks=["mid_block"]))
    assert end.weights and all(name.startswith("unet.mid_block.") for name in end.weights)


def test_the_presets_are_blocks_of_the_true_network() -> None:
    """B-LoRA's, with ten transformer blocks each, of which each attends twice."""
    import re

    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(configs_in(SHIPPED / "stable-diffusion-xl")["unet"])
    attention = [name for name, _ in unet.named_modules() if re.search(LAYERS["attention"], name)]
    for preset in ("style", "content"):
        (block,) = StableDiffusionXL.block_presets[preset]
        assert len([layer for layer in attention if blocks._lies_in(layer, block)]) == 10 * 8


def test_a_full_finetuning_has_no_blocks_and_a_recipe_without_them_says_nothing() -> None:
    with pytest.raises(RecipeInvalid, match="lora_blocks"):
        Recipe().changed(method="full", lora_blocks=["style"])
    assert "lora_blocks" not in Recipe().as_json()
