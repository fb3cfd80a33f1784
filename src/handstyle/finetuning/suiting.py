"""What does a recipe ask of its base, before anything is encoded or drawn?"""

from __future__ import annotations

from handstyle.diffusion.family import ModelFamily
from handstyle.finetuning.new_words import require_room
from handstyle.finetuning.recipe import Recipe


def suit(family: ModelFamily, recipe: Recipe) -> None:
    """From here on the base reads words and mixes in noise as the recipe says. Raises UsageMistake where it cannot."""
    family.skip_layers(recipe.clip_skip)
    family.end_in_noise(recipe.rescale_betas_zero_snr)
    require_room(family, recipe)
