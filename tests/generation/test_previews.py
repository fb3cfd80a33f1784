"""Are contact sheets as large as their pictures, and can their labels be read?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from handstyle.generation.previews import GAP, LINE, Previews, sheet
from handstyle.generation.request import GenerationRequest
from handstyle.generation.signature import MadeFrom, read_signature
from handstyle.publication.marking import Marking

MARK = Marking(Ed25519PrivateKey.from_private_bytes(b"k" * 32))
MADE = MadeFrom("tiny", "b" * 64, is_sheet=True)


def page_of(colour: str, size: tuple[int, int] = (16, 16)) -> Image.Image:
    return Image.new("RGB", size, colour)


def test_a_sheet_has_room_for_every_picture() -> None:
    rows = [[page_of("red"), page_of("blue")], [page_of("green"), page_of("black")], [page_of("red"), page_of("red")]]
    page = sheet(rows)
    assert page.size == (2 * (16 + GAP) + GAP, 3 * (16 + GAP) + GAP)
    assert page.getpixel((GAP, GAP)) == (255, 0, 0)
    assert page.getpixel((16 + 2 * GAP, GAP)) == (0, 0, 255)
    assert page.getpixel((16 + GAP, GAP)) == (255, 255, 255)


def test_labels_and_columns_stand_outside_the_pictures() -> None:
    rows = [[page_of("red"), page_of("red")], [page_of("red")]]
    plain, labelled = sheet(rows), sheet(rows, ["a boat", "a cat"], ["0", "60"])
    assert labelled.height == plain.height + LINE and labelled.width > plain.width

    def red(page: Image.Image) -> int:
        return int((np.asarray(page) == (255, 0, 0)).all(axis=-1).sum())

    assert red(labelled) == red(plain) == 3 * 16 * 16


@pytest.mark.parametrize("label", ["two\nlines", "猫 Zoë \U0001f98a", "", "long " * 400, "tab\there"])
def test_any_prompt_can_be_a_label(label: str) -> None:
    page = sheet([[page_of("red")]], [label], [label])
    assert page.width < 1000, "a long prompt is shortened"


def test_samples_grow_by_a_column_a_look(
    family: Any, request_for: Callable[..., GenerationRequest], tmp_path: Path
) -> None:
    previews = Previews(tmp_path / "samples", (request_for("a boat, x", 1), request_for("a cat, x", 2)), MARK, MADE)
    sizes = []
    for step in (0, 60, 120):
        path = previews.paint(step, family)
        with Image.open(path) as page:
            sizes.append(page.size)
    assert [path.name for path in sorted((tmp_path / "samples").iterdir())] == [
        "sheet.png", "step-000000.png", "step-000060.png", "step-000120.png",
    ]  # fmt: skip
    assert [size[0] - sizes[0][0] for size in sizes] == [0, 16 + GAP, 2 * (16 + GAP)]
    assert all(read_signature(path).fits for path in (tmp_path / "samples").iterdir())
    with Image.open(tmp_path / "samples" / "step-000060.png") as column:
        assert column.size == (16 + 2 * GAP, 2 * (16 + GAP) + GAP)


def test_painting_again_gives_the_same_column(family: Any, request_for: Any, tmp_path: Path) -> None:
    previews = Previews(tmp_path, (request_for(),), MARK, MADE)
    first = previews.paint(0, family).read_bytes()
    assert previews.paint(0, family).read_bytes() == first
