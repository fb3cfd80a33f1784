"""How does a recipe want pictures cut, and can the base work at these sizes?"""

from __future__ import annotations

from handstyle.diffusion.family import ModelFamily
from handstyle.encoding.buckets import Buckets, Framing
from handstyle.encoding.crops import check_resolution
from handstyle.errors import RecipeInvalid
from handstyle.finetuning.recipe import Recipe


def framing_of(recipe: Recipe, family: ModelFamily) -> Framing:
    """Raises CollectionFaulty or RecipeInvalid for sizes the base cannot work at."""
    resolution, multiple = recipe.resolution or family.resolution, family.pixel_multiple
    check_resolution(resolution, multiple)
    if not recipe.enable_bucket:
        return Framing(resolution, random_flip=recipe.random_flip)
    steps = recipe.bucket_reso_steps or max(1, resolution // (8 * multiple)) * multiple
    smallest, largest = recipe.min_bucket_reso or resolution // 2, recipe.max_bucket_reso or 2 * resolution
    faults = []
    if steps % multiple:
        faults.append(f"bucket_reso_steps: this base works at multiples of {multiple} pixels, not at {steps}")
    if steps > resolution:
        faults.append(f"bucket_reso_steps: {steps} is more than the resolution, {resolution}")
    if not smallest <= resolution <= largest:
        faults.append(f"min_bucket_reso, max_bucket_reso: the resolution, {resolution}, lies between them")
    if faults:
        raise RecipeInvalid("no buckets can be made as the recipe says", faults=faults, hint="Leave these choices out.")
    return Framing(
        resolution, Buckets(resolution, smallest, largest, steps, recipe.bucket_no_upscale), recipe.random_flip
    )
