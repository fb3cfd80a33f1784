"""How does all that a recipe will need come into the cache, and what was there already?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from handstyle.collection.works import Collection
from handstyle.progress import Progress
from handstyle.results import Encoded
from handstyle.workspace import Workspace

if TYPE_CHECKING:
    from handstyle.diffusion.family import ModelFamily
    from handstyle.finetuning.recipe import Recipe


def encode_for(
    workspace: Workspace, collection: Collection, folder: Path, family: ModelFamily, recipe: Recipe, progress: Progress
) -> Encoded:
    from handstyle.collection import permission
    from handstyle.encoding.cache import Cache
    from handstyle.finetuning import preparing
    from handstyle.finetuning.framing import framing_of

    framing = framing_of(recipe, family)
    cache, works, found, texts = Cache(workspace.cache), collection.works, 0, 0
    cache.tidy()
    with permission.naming_the_holder(collection):
        for what, done in preparing.encode_pictures(collection, folder, family, recipe, cache):
            found += done.found and what == "encoding works"
            progress(what, done.index, done.of)
    for what, done in preparing.encode_words(collection, family, recipe, cache):
        found, texts = found + done.found, done.of
        progress(what, done.index, done.of)
    return Encoded(
        collection=collection.digest,
        base=family.digest,
        works=len(works),
        texts=texts,
        found=found,
        resolution=framing.resolution,
        smallest_share_kept=min(
            framing.crops(work.width, work.height)[0].share_of(work.width, work.height) for work in works
        ),
        cut_off={
            work.name: words for work in works for words in [family.words_cut_off(recipe.words(work.caption))] if words
        },
    )
