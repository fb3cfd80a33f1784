"""What has to be encoded before a recipe can be run?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from handstyle.collection.works import Collection
from handstyle.diffusion.family import ModelFamily
from handstyle.encoding.cache import Cache
from handstyle.encoding.encode import Encoded, encode_texts, encode_works
from handstyle.encoding.mask_weights import encode_masks
from handstyle.finetuning.framing import framing_of
from handstyle.finetuning.material import mask_use
from handstyle.finetuning.recipe import Recipe


def encode_pictures(
    collection: Collection, folder: Path, family: ModelFamily, recipe: Recipe, cache: Cache
) -> Iterator[tuple[str, Encoded]]:
    """Every work, withheld ones too, and every mask that the recipe asks for; each with what was done."""
    works, framing = collection.works, framing_of(recipe, family)
    crops = [framing.crops(work.width, work.height) for work in works]
    for done in encode_works(works, folder, collection.background, crops, family, cache):
        yield "encoding works", done
    if use := mask_use(recipe):
        for done in encode_masks(works, folder, collection.background, crops, use, family, cache):
            yield "averaging masks", done


def encode_words(
    collection: Collection, family: ModelFamily, recipe: Recipe, cache: Cache
) -> Iterator[tuple[str, Encoded]]:
    texts = ["", *sorted({recipe.words(work.caption) for work in collection.works})]
    for done in encode_texts(texts, family, cache):
        yield "encoding texts", done
