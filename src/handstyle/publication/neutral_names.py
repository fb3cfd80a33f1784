"""Which names fit a style and name nobody?

What it is drawn with, in which colours and lines, and a few digits of its digest, so that no two are alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.inspection.report import InspectionReport, Surface
from handstyle.publication import recognition

MOST_OFFERED = 3
SUFFIX = 4  # digits of the digest
MOSTLY = 0.5  # share of edges, or of pixels, that gives a style its word

# The names of CSS Color 4, section 6.1, that are words to everybody.
COLOURS = {
    "black": (0, 0, 0), "grey": (128, 128, 128), "silver": (192, 192, 192), "white": (255, 255, 255),
    "brown": (139, 69, 19), "tan": (210, 180, 140), "maroon": (128, 0, 0), "red": (220, 20, 30),
    "coral": (255, 127, 80), "orange": (255, 165, 0), "gold": (255, 215, 0), "yellow": (255, 255, 0),
    "khaki": (240, 230, 140), "olive": (128, 128, 0), "green": (0, 128, 0), "lime": (50, 205, 50),
    "teal": (0, 128, 128), "turquoise": (64, 224, 208), "azure": (135, 206, 250), "blue": (30, 80, 225),
    "navy": (0, 0, 128), "indigo": (75, 0, 130), "purple": (128, 0, 128), "violet": (238, 130, 238),
    "pink": (255, 182, 193),
}  # fmt: skip


def neutral_names(style: TrainedStyle, report: InspectionReport | None, people: Iterable[str]) -> tuple[str, ...]:
    """At most three, none of which holds a name of `people`, not even as a word."""
    names = list(people)

    def says_nobody(words: str) -> bool:
        return not any(recognition.sighting(name, words) for name in names)

    surface = next((one for one in report.surfaces if one.of == "artist"), None) if report else None
    medium = style.recipe.class_words if says_nobody(f"some {style.recipe.class_words} here") else "style"
    offered = [f"{words} {style.tensors[:SUFFIX]}" for words in _described(medium, surface)]
    return tuple(name[0].upper() + name[1:] for name in dict.fromkeys(offered) if says_nobody(name))[:MOST_OFFERED]


def neutral_identifier(tensors: str, people: Iterable[str]) -> str:
    """A rare word for prompts, made of the digest of what it calls: four consonants that name nobody."""
    letters = "bcdfghjkmnpqrtvwxz"
    names = list(people)
    for start in range(0, 48, 2):
        word = "hs" + "".join(letters[int(tensors[place : place + 2], 16) % 18] for place in range(start, start + 8, 2))
        if not any(recognition.sighting(name, word) for name in names):
            return word
    return f"hs{tensors[:8]}"


def _described(medium: str, surface: Surface | None) -> Iterator[str]:
    if surface is not None:
        colours = list(dict.fromkeys(_colour(colour.hex) for colour in surface.palette))[:2]
        lines = (
            "outlined" if surface.outline_share > MOSTLY else "shaded" if surface.gradient_share > MOSTLY else "flat"
        )
        if colours:
            yield f"{lines} {medium} in {' and '.join(colours)}"
            yield f"{' and '.join(colours)} {medium}"
        yield f"{lines} {medium}"
    yield f"quiet {medium}"
    yield "hand"


def _colour(code: str) -> str:
    red, green, blue = (int(code[place : place + 2], 16) for place in (1, 3, 5))
    return min(
        COLOURS, key=lambda name: sum((a - b) ** 2 for a, b in zip(COLOURS[name], (red, green, blue), strict=True))
    )
