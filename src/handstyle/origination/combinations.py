"""Which combinations of words has no work ever shown, and which wrong captions stand beside each?

Fixed before any base was judged by them. Half put a colour on what has another, half put two things together.
"""

from __future__ import annotations

from dataclasses import dataclass

COLOURED = (
    ("red", "cat"), ("blue", "dog"), ("green", "elephant"), ("purple", "frog"), ("pink", "bicycle"),
    ("orange", "whale"), ("blue", "banana"), ("purple", "pizza"), ("green", "rose"), ("pink", "car"),
    ("red", "penguin"), ("yellow", "octopus"), ("blue", "strawberry"), ("green", "pig"), ("red", "tree"),
    ("purple", "apple"), ("pink", "turtle"), ("yellow", "train"), ("orange", "house"), ("blue", "carrot"),
)  # fmt: skip
TOGETHER = (
    ("penguin", "hat"), ("cat", "balloon"), ("dog", "umbrella"), ("frog", "crown"), ("bear", "guitar"),
    ("owl", "book"), ("rabbit", "pizza"), ("fox", "moon"), ("panda", "cake"), ("monkey", "trumpet"),
    ("turtle", "rocket"), ("pig", "flower"), ("horse", "bell"), ("lion", "ice cream"), ("robot", "apple"),
    ("snowman", "car"), ("ghost", "key"), ("whale", "sun"), ("duck", "camera"), ("mouse", "cheese"),
)  # fmt: skip
COLOURS = ("red", "blue", "green", "purple", "pink", "orange", "yellow")
WRONG_THINGS = 4  # beside the other colours, or on either side of two


@dataclass(frozen=True)
class Question:
    """What is drawn, and the captions among which a judge has to find it; the first is the right one."""

    prompt: str
    captions: tuple[str, ...]


def questions() -> list[Question]:
    """40: the right caption among eleven for a colour, among nine for two things."""
    found = []
    for number, (colour, thing) in enumerate(COLOURED):
        things = [COLOURED[(number + step) % len(COLOURED)][1] for step in range(3, 3 + WRONG_THINGS)]
        wrong = [f"{other} {thing}" for other in COLOURS if other != colour] + [f"{colour} {other}" for other in things]
        right = f"{colour} {thing}"
        found.append(Question(f"{_article(colour)} {right}", (right, *wrong)))
    for number, (thing, other) in enumerate(TOGETHER):
        others = [TOGETHER[(number + step) % len(TOGETHER)] for step in range(3, 3 + WRONG_THINGS)]
        wrong = [f"{thing} with {b}" for _, b in others] + [f"{a} with {other}" for a, _ in others]
        right = f"{thing} with {other}"
        found.append(Question(f"{_article(thing)} {thing} with {_article(other)} {other}", (right, *wrong)))
    return found


def _article(word: str) -> str:
    return "an" if word[0] in "aeio" else "a"
