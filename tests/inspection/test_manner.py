"""Do the numbers of a manner follow colours, edges and strokes, and nothing else?"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from handstyle.inspection.extractor import as_seen
from handstyle.inspection.manner import COLOURS, EDGES, SCALES, TO_CONES, TO_LAB, _oklab, manner
from handstyle.inspection.surface import oklab

PALETTE = COLOURS**3


def of(left: int, colour: str, outline: str | None = None) -> Tensor:
    image = Image.new("RGB", (64, 64), "white")
    ImageDraw.Draw(image).rectangle((left, 16, left + 23, 39), fill=colour, outline=outline)
    return manner(as_seen([image]))[0]


def test_each_part_is_the_roots_of_shares_that_add_up_to_one() -> None:
    shares = of(8, "#2b6cb0") ** 2
    parts = [PALETTE, *[EDGES**2] * 2 * len(SCALES)]
    sums = [float(part.sum()) for part in shares.split(parts)]
    np.testing.assert_allclose(sums, 1, atol=1e-4)


def test_a_drawing_that_moves_over_the_page_keeps_its_manner() -> None:
    torch.testing.assert_close(of(8, "red"), of(24, "red"), atol=1e-3, rtol=0)


def test_another_colour_is_another_palette_and_a_like_one_is_near() -> None:
    red, like, blue = of(8, "#e00000")[:PALETTE], of(8, "#d80808")[:PALETTE], of(8, "#0000e0")[:PALETTE]
    assert (red - like).norm() < 0.5 * (red - blue).norm()


def test_an_outline_changes_the_strokes() -> None:
    assert (of(8, "orange", "black")[PALETTE:] - of(8, "orange")[PALETTE:]).norm() > 0.3


def test_an_empty_page_has_no_palette() -> None:
    assert float(manner(torch.ones(1, 3, 64, 64))[0, :PALETTE].abs().max()) == 0


def test_colours_are_those_of_the_other_measures() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    ours = _oklab(torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255)[0].permute(1, 2, 0)
    np.testing.assert_allclose(ours, oklab(pixels), atol=1e-5)
    assert TO_CONES.shape == TO_LAB.shape == (3, 3)
