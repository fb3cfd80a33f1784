"""With which words are class images drawn?

With the same for all; or, where `class_prompt` says `{caption}` or `{style}`, with what the works show, in styles that
the base knows: so that what is drawn is told from how, which the class words alone do not do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from handstyle.diffusion.family import ModelFamily
from handstyle.encoding.batches import Example
from handstyle.errors import UsageMistake
from handstyle.finetuning.recipe import Recipe


@dataclass(frozen=True)
class Asked:
    """So many pictures with these words; `seed` is that of the first."""

    prompt: str
    number: int
    seed: int


def asked(works: Sequence[Example], number: int, family: ModelFamily, recipe: Recipe) -> list[Asked]:
    """Captions and styles have their turn, each as often as any other, give or take one. Raises UsageMistake."""
    template = recipe.class_prompt or recipe.class_words
    captions = list(dict.fromkeys(work.caption for work in works)) if "{caption}" in template else [""]
    styles = [style.phrase for style in family.card.known_styles] if "{style}" in template else [""]
    if not styles:
        raise UsageMistake(
            f"class_prompt asks for {{style}}, and {family.card.name or 'this base'} names no style that it knows",
            hint='Name one yourself: class_prompt = "{caption}, oil painting".',
        )
    turns: dict[str, int] = {}
    for place in range(number):
        caption = captions[place % len(captions)]
        style = styles[(place + place // len(captions)) % len(styles)]  # so that a caption meets one after the other
        prompt = template.replace("{caption}", caption).replace("{style}", style)
        turns[prompt] = turns.get(prompt, 0) + 1
    found, seed = [], recipe.seed
    for prompt, times in turns.items():
        found.append(Asked(prompt, times, seed))
        seed += times
    return found


def is_one_for_all(recipe: Recipe) -> bool:
    return "{caption}" not in recipe.class_prompt and "{style}" not in recipe.class_prompt
