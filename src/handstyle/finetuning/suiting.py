"""What does a recipe ask of its base, before anything is encoded or drawn?"""

from __future__ import annotations

from handstyle.diffusion.family import ModelFamily
from handstyle.diffusion.quantised_layers import require_package
from handstyle.errors import UsageMistake
from handstyle.finetuning.new_words import require_room
from handstyle.finetuning.recipe import Recipe


def suit(family: ModelFamily, recipe: Recipe) -> None:
    """From here on the base reads words and mixes in noise as the recipe says. Raises UsageMistake where it cannot."""
    family.skip_layers(recipe.clip_skip)
    family.end_in_noise(recipe.rescale_betas_zero_snr)
    require_room(family, recipe)
    require_package(recipe.base_model_precision)
    if recipe.tlora and family.noise.prediction == "flow":
        raise UsageMistake(
            f"on {family.known_as} ranks are not counted by the noise: that is here for U-Nets alone",
            hint="Leave tlora out.",
        )
