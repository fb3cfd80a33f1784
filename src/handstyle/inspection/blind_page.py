"""How are drawings shown so that nothing in the page gives away which is whose?

All of them stand in one picture, in an order that chance chose: one file, signed as a whole, so that neither a name nor
a size nor a record tells one drawing from another. The page holds a digest of the answers and not the answers.
"""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from handstyle import digests
from handstyle.inspection.blind_test import Answers, Hand
from handstyle.inspection.one_file import document
from handstyle.inspection.page import as_image

COLUMNS = 8
PAPER = "white"


def order(number_of_each: int, nonce: str, style: str) -> Answers:
    """As many by the artist as by the model, by a nonce that nobody chose."""
    each: tuple[Hand, Hand] = ("artist", "model")
    hands = [hand for hand in each for _ in range(number_of_each)]
    chance = sorted(range(len(hands)), key=lambda place: digests.of_bytes(f"{nonce}/{place}".encode()))
    return Answers(style=style, nonce=nonce, hands=tuple(hands[place] for place in chance))


def sheet(answers: Answers, artists: Sequence[Image.Image], models: Sequence[Image.Image]) -> Image.Image:
    """The drawings in the order of the answers, edge to edge; those of each hand in an order of their own that has
    nothing to do with the other's."""
    side = artists[0].width
    rows = -(-len(answers.hands) // COLUMNS)
    paper = Image.new("RGB", (COLUMNS * side, rows * side), PAPER)
    left = {
        "artist": _shuffled(artists, f"{answers.nonce}/artist"),
        "model": _shuffled(models, f"{answers.nonce}/model"),
    }
    for place, hand in enumerate(answers.hands):
        row, column = divmod(place, COLUMNS)
        paper.paste(left[hand].pop(), (column * side, row * side))
    return paper


def _shuffled(images: Sequence[Image.Image], seed: str) -> list[Image.Image]:
    chance = sorted(range(len(images)), key=lambda place: digests.of_bytes(f"{seed}/{place}".encode()))
    return [images[place] for place in chance]


def page(sheet_png: bytes, number: int, commitment: str) -> str:
    """The page for the people who guess. It needs its script, and asks nothing of a network."""
    whole = as_image(sheet_png)
    rows = -(-number // COLUMNS)
    return document(
        "blind-test.html.jinja",
        {},
        style="blind-test.css",
        script="blind-test.js",
        sheet=whole,
        is_small=whole.width <= COLUMNS * 128,
        number=number,
        columns=COLUMNS,
        rows=rows,
        commitment=commitment,
    )
