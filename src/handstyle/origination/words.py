"""In which words is a picture described, each time it is shown?

Its name, or what else it is called, the words that call the hand, and what can be seen: each left out at random, so
that the network learns what each word does alone. A new hand can then be described by what it shares with known ones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from handstyle.origination.colours import oklab
from handstyle.origination.recipe import WordsRecipe

COLOURS = {
    "red": (220, 45, 50), "orange": (245, 145, 40), "yellow": (253, 205, 70), "green": (90, 170, 70),
    "teal": (30, 160, 160), "light blue": (130, 200, 245), "blue": (50, 115, 210), "purple": (135, 90, 190),
    "pink": (245, 130, 175), "brown": (130, 85, 60), "grey": (150, 158, 165), "black": (35, 35, 42),
}  # fmt: skip  # sRGB
COLOUR_WORDS = frozenset(" ".join([*COLOURS, "white", "golden", "dark", "gray"]).split())
TEMPLATES = ("a {}", "the {}", "a picture of a {}", "{} icon", "an emoji of a {}", "a drawing of a {}")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
KINDS = ("style", "style", "style", "icon", "drawing", "art", "illustration")
LETTERED = re.compile(
    r"sign|letter|text|clock|number|calendar|music|note|book|button|abc|keyboard|dollar|yen|euro|pound|zodiac|atm|dvd|"
    r"compass|scissors|left|right|up|down|hundred|newspaper|map|flag|soon|end|back|new|free|cool|wc|ok|sos|vs|top"
)


@dataclass(frozen=True)
class Said:
    """What can be said of a picture. `colour` is that of most of it, or empty."""

    name: str
    keywords: tuple[str, ...]
    phrase: str
    colour: str
    attributes: tuple[str, ...]
    must_say_colour: bool = False  # when the name alone would call another

    @classmethod
    def of_json(cls, entry: dict[str, Any]) -> Said:
        return cls(**{**entry, **{name: tuple(entry[name]) for name in ("keywords", "attributes")}})

    @property
    def may_be_mirrored(self) -> bool:
        return not LETTERED.search(self.name)


def said(caption: str, phrase: str, pixels_HWC: np.ndarray) -> Said:
    """Takes `name; keyword, keyword` apart and looks at the picture."""
    name, _, rest = caption.partition(";")
    keywords = tuple(word.strip() for word in rest.split(",") if word.strip())
    return Said(name.strip(), keywords, phrase, main_colour(pixels_HWC), attributes(pixels_HWC))


def described(
    picture: Said,
    recipe: WordsRecipe,
    chance: np.random.Generator,
    *,
    unknown_hand: float = 0.0,
    identifiers: int = 16,
) -> str:
    """One description, drawn anew. Where a share of hands is unknown they are called by invented words, so that what a
    new hand is called by means, before it is learnt, any hand. `identifiers`: how many of these the tokenizer knows."""
    if chance.random() < recipe.nothing:
        return ""
    parts = []
    if chance.random() >= recipe.no_content:
        parts.append(_content(picture, recipe, chance))
    if chance.random() >= recipe.no_phrase:
        unknown = unknown_hand and chance.random() < unknown_hand
        parts.append(invented(chance, identifiers) if unknown else picture.phrase)
    if chance.random() >= recipe.no_attributes:
        kept = [word for word in picture.attributes if chance.random() < 0.7]
        parts += kept
    return ", ".join(parts)


def _content(picture: Said, recipe: WordsRecipe, chance: np.random.Generator) -> str:
    name, keywords = picture.name, list(picture.keywords)
    draw = chance.random()
    if draw < recipe.keywords and keywords and not picture.must_say_colour:
        chosen = [str(word) for word in chance.permutation(keywords)[: chance.integers(1, 4)]]
        return " ".join(chosen if chance.random() < 0.4 else [name, *chosen])
    coloured = picture.colour and COLOUR_WORDS.isdisjoint(name.split())
    if coloured and (picture.must_say_colour or chance.random() < 0.25):
        name = f"{picture.colour} {name}"
    if draw < recipe.keywords + recipe.templates:
        name = str(chance.choice(TEMPLATES)).format(name)
        name = re.sub(r"\ba ([aeiou])", r"an \1", name)
    return name


def invented(chance: np.random.Generator, identifiers: int) -> str:
    """Words as people call a new hand by: a few letters, or one of the identifiers, and what it is."""
    letters = "".join(chance.choice(list(LETTERS), size=chance.integers(2, 6)))
    word = letters if chance.random() < 0.75 or not identifiers else f"<s{chance.integers(1, identifiers + 1)}>"
    return f"{word} {chance.choice(KINDS)}"


def corpus(
    pictures: Sequence[Said], vocabulary: Sequence[str], recipe: WordsRecipe, number: int, seed: int
) -> list[str]:
    """About so many texts for the text encoder: names and keywords alone, the vocabulary, and works as they will be
    described, in colours and in company too."""
    chance = np.random.default_rng(seed)
    texts = {word for picture in pictures for word in (picture.name, *picture.keywords)} | set(vocabulary)
    short = [picture for picture in pictures if len(picture.name.split()) < 4]
    for _ in range(20 * number):
        if len(texts) >= number or not short:
            break
        picture = pictures[int(chance.integers(len(pictures)))]
        draw = chance.random()
        if draw < 0.6:
            texts.add(described(picture, recipe, chance))
        elif draw < 0.8:
            texts.add(f"{chance.choice(list(COLOURS))} {picture.name}")
        else:
            other = short[int(chance.integers(len(short)))]
            texts.add(f"{picture.name} {chance.choice(['and', 'with', 'beside', 'below'])} {other.name}")
    return sorted(text for text in texts if text)


def ink(pixels_HWC: np.ndarray) -> np.ndarray:
    """HW, true where something is drawn on the white."""
    return np.asarray((pixels_HWC < 245).any(-1))


def main_colour(pixels_HWC: np.ndarray) -> str:
    """The word for the colour of at least two fifths of what is drawn; empty when no colour has so much."""
    drawn = pixels_HWC[ink(pixels_HWC)].astype(np.float32)
    if len(drawn) < 100:
        return ""
    words = [*COLOURS, "white"]
    known = np.array([*COLOURS.values(), (242, 242, 246)], dtype=np.float32)
    nearest = ((_even(drawn)[:, None] - _even(known)[None]) ** 2).sum(-1).argmin(1)
    counts = np.bincount(nearest, minlength=len(known)) / len(drawn)
    return words[int(counts.argmax())] if counts.max() >= 0.4 else ""


def _even(colours_N3: np.ndarray) -> np.ndarray:
    """OKLab, lightness at half its weight: a word for a colour covers its shades."""
    return oklab(colours_N3) * np.array([0.5, 1, 1], np.float32)


def attributes(pixels_HWC: np.ndarray) -> tuple[str, ...]:
    """What an eye sees of how it is drawn: its outline, and whether colours are flat or pass into each other."""
    drawn = ink(pixels_HWC)
    if drawn.sum() < 100:
        return ()
    rim = drawn & ~ndimage.binary_erosion(drawn, iterations=max(1, round(pixels_HWC.shape[0] / 64)))
    grey = pixels_HWC.astype(np.float32).mean(-1)
    found = []
    dark_rim, dark = float((grey[rim] < 90).mean()), float((grey[drawn] < 60).mean())
    if dark_rim > 0.55 and dark < 0.6:
        found.append("dark outline")
    elif dark_rim < 0.25:
        found.append("no outline")
    slope = np.abs(np.diff(grey, axis=1))[:, :][drawn[:, 1:] & drawn[:, :-1]]
    gentle = float(((slope > 0.4) & (slope < 8)).mean())
    found.append("gradients" if gentle > 0.3 else "flat colours" if gentle < 0.1 else "soft shading")
    if drawn.mean() < 0.12:
        found.append("thin lines")
    return tuple(found)
