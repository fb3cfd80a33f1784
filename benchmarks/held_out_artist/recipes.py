"""By which recipe would a method be trained now?

Its digest is in the key of every row: where a default has changed, rows of before neither count as done nor stand in
one mean with those of after.
"""

from __future__ import annotations

from benchmarks.held_out_artist.methods import Method
from handstyle import digests
from handstyle.diffusion.family import ModelFamily
from handstyle.diffusion.hardware import hardware
from handstyle.finetuning.defaults import default_recipe, preset_for, with_settings
from handstyle.finetuning.recipe import Recipe, named


def resolved(family: ModelFamily, method: Method) -> Recipe:
    """As a plan resolves it, but for the precision: that is the machine's, and two machines may share a table."""
    default = default_recipe(method.works, family, hardware()).changed(mixed_precision="no")
    return with_settings(default, method.settings)


def recipe_of(family: ModelFamily, method: Method) -> str:
    """Digest of the recipe and of what a method says beside it."""
    recipe = resolved(family, method).as_json()
    return digests.of_json({"recipe": recipe, "captions": method.captions, "stop": method.stop})


def of_the_base(family: ModelFamily) -> str:
    """Digest of all that a row depends on for which nothing was trained: in which words the base was asked."""
    return digests.of_json({"class words": class_words_of(family)})


def class_words_of(family: ModelFamily) -> str:
    """In which words the base is asked beside every method."""
    return named(preset_for(family)).class_words
