"""Which new word does a recipe teach, where does it begin, and how long may its vectors grow?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from handstyle.diffusion import vocabulary
from handstyle.diffusion.adapter_names import WORD
from handstyle.diffusion.family import ModelFamily
from handstyle.errors import UsageMistake
from handstyle.finetuning.recipe import Recipe

PULL = 0.1  # by this power of the ratio a deviation is drawn back at each step


def require_room(family: ModelFamily, recipe: Recipe) -> None:
    """Raises UsageMistake where the recipe teaches a word that this base cannot learn."""
    if recipe.teaches_a_word:
        vocabulary.check(family, recipe.identifier, family.word_tables)


@contextmanager
def taught(family: ModelFamily, recipe: Recipe) -> Iterator[dict[str, nn.Parameter]]:
    """The new word of the recipe, if it teaches one: its vectors by the names a trained style gives them."""
    if not recipe.teaches_a_word:
        yield {}
        return
    require_room(family, recipe)
    begin = {part: first_vectors(family, part, recipe) for part in family.word_tables}
    with vocabulary.joined(family, recipe.identifier, begin) as rows:
        yield {f"{part}{WORD}": parameter for part, parameter in rows.items()}


def first_vectors(family: ModelFamily, part: str, recipe: Recipe) -> Tensor:
    """Those of the words it begins with, as many as are asked for, repeated or cut off: as kohya's
    train_textual_inversion.py does with `--init_word`. KD."""
    words = recipe.initializer_token or recipe.class_words
    rows = vocabulary.tokens(family, part, words)
    if not rows:
        raise UsageMistake(f"`{words}` is no word that a new one can begin with", hint="Set initializer_token.")
    chosen = [rows[n % len(rows)] for n in range(recipe.num_vectors)]
    return vocabulary.table(family, part)[chosen].clone()


def deviations(family: ModelFamily) -> dict[str, float]:
    """Of all numbers in each table, by the names of a trained style."""
    return {f"{part}{WORD}": float(vocabulary.table(family, part).std()) for part in family.word_tables}


@torch.no_grad()
def draw_back(words: Mapping[str, nn.Parameter], deviations: Mapping[str, float]) -> None:
    """Each step, vectors are scaled by (deviation of the table / their own)^0.1: so they stay about as long as those of
    other words (`TokenEmbeddingsHandler.retract_embeddings` in diffusers' train_dreambooth_lora_sdxl_advanced.py)."""
    for name, rows_KD in words.items():
        own = rows_KD.std()
        if own > 0:
            rows_KD.mul_((deviations[name] / own) ** PULL)
