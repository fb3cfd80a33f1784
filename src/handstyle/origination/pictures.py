"""Which pictures does the denoiser learn from, besides the works as they are?

Works with their hues turned, two works of one hand in company, works on a flat colour: made from the works alone, and
described as what they then show. They teach that words combine: that a cat may be red, and stand beside a dog.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from PIL import Image
from scipy import ndimage

from handstyle.origination.colours import turned
from handstyle.origination.recipe import PicturesRecipe
from handstyle.origination.words import COLOUR_WORDS, COLOURS, Said, ink, main_colour

Picture = tuple[np.ndarray, Said]
PALE = 0.55  # of white, mixed into the colour behind a work


def further(works: Sequence[Picture], recipe: PicturesRecipe, chance: np.random.Generator) -> Iterator[Picture]:
    """All that is made from the works, in an order and number that the recipe and chance decide."""
    for work in works:
        for _ in range(recipe.recoloured):
            if made := recoloured(work, chance):
                yield made
    for _ in range(round(len(works) * recipe.on_colour)):
        yield on_colour(works[int(chance.integers(len(works)))], chance)
    hands: dict[str, list[Picture]] = {}
    for work in works:
        hands.setdefault(work[1].phrase, []).append(work)
    for same in hands.values():
        for _ in range(round(len(same) * recipe.in_company)):
            first, second = (same[int(n)] for n in chance.integers(len(same), size=2))
            yield in_company(first, second, chance)


def recoloured(work: Picture, chance: np.random.Generator) -> Picture | None:
    """None when it has no main colour to turn, or turning gives the same word."""
    pixels, words = work
    if words.colour in ("", "grey", "black", "brown", "white"):
        return None
    other = turned(pixels, float(chance.uniform(0.8, 2 * np.pi - 0.8)))
    colour = main_colour(other)
    if not colour or colour == words.colour:
        return None
    name = re.sub(r"\s+", " ", " ".join(word for word in words.name.split() if word not in COLOUR_WORDS)).strip()
    if not name:
        return None
    return other, replace(words, name=name, keywords=(), colour=colour, must_say_colour=True)


def on_colour(work: Picture, chance: np.random.Generator) -> Picture:
    """White around the drawing, as far as it reaches in from the border, becomes a pale colour."""
    pixels, words = work
    word = str(chance.choice(list(COLOURS)))
    colour = (1 - PALE) * np.array(COLOURS[word], dtype=np.float32) + PALE * 255
    regions, _ = ndimage.label(~ink(pixels))
    border = np.unique(np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]]))
    outside = ndimage.binary_dilation(np.isin(regions, border[border > 0]), iterations=1)
    laid = np.where(outside[..., None], pixels.astype(np.float32) * colour / 255, pixels)
    named = replace(words, name=f"{words.name} on a {word} background", keywords=())
    return laid.round().astype(np.uint8), named


def in_company(first: Picture, second: Picture, chance: np.random.Generator) -> Picture:
    """Side by side, or the second, smaller, above the first."""
    side = first[0].shape[0]
    page = np.full_like(first[0], 255)
    if chance.random() < 0.6:
        words = str(chance.choice(["{} and {}", "{} and a {}", "{} beside {}", "{} next to a {}"]))
        small = round(side * 0.56)
        top, play = (side - small) // 2, side // 16
        _lay(page, first[0], small, top + int(chance.integers(-play, play + 1)), 0)
        _lay(page, second[0], small, top + int(chance.integers(-play, play + 1)), side - small)
    else:
        words = str(chance.choice(["{} with a {}", "{} with {}", "{} below a {}"]))
        large, small = round(side * 0.66), round(side * 0.42)
        _lay(page, first[0], large, side - large, (side - large) // 2)
        _lay(page, second[0], small, 0, int(chance.integers(side // 8, side - small - side // 8)))
    one, other = first[1], second[1]
    name = words.format(one.name, other.name)
    return page, Said(name, (), one.phrase, "", tuple(word for word in one.attributes if word in other.attributes))


def _lay(page: np.ndarray, pixels: np.ndarray, size: int, top: int, left: int) -> None:
    """Shrunk and laid on: the darker of both shows, so white is as good as nothing."""
    small = np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BOX))
    below = page[top : top + size, left : left + size]
    np.minimum(below, small, out=below)
