"""Do the measures of decisions see what they say, and nothing else?"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from handstyle.inspection.decisions import Decided, composition, decided, left_out, pose, silhouette

Box = tuple[int, int, int, int]


def page(*boxes: Box, colour: str = "red", shape: str = "rectangle", paper: str = "white") -> Image.Image:
    image = Image.new("RGB", (128, 128), paper)
    for box in boxes:
        getattr(ImageDraw.Draw(image), shape)(box, fill=colour)
    return image


def apart(one: Image.Image, other: Image.Image) -> dict[str, float]:
    a, b = decided(one), decided(other)
    return {"silhouette": silhouette(a, b), "composition": composition(a, b), "pose": pose(a, b),
            "left out": left_out(a, b)}  # fmt: skip


SQUARE = page((32, 32, 95, 95))


def test_a_picture_is_no_way_from_itself_and_colours_are_no_decision_of_this_kind() -> None:
    assert set(apart(SQUARE, SQUARE).values()) == {0.0}
    blue_on_yellow = page((32, 32, 95, 95), colour="blue", paper="lightyellow")
    assert set(apart(SQUARE, blue_on_yellow).values()) == {0.0}


def test_what_stands_elsewhere_or_larger_differs_in_composition_alone() -> None:
    for other in (page((0, 0, 63, 63)), page((16, 16, 111, 111))):
        found = apart(SQUARE, other)
        assert found["composition"] > 0.1
        assert found["silhouette"] == found["pose"] == 0


def test_another_shape_differs_in_silhouette_alone() -> None:
    found = apart(SQUARE, page((32, 32, 95, 95), shape="ellipse"))
    assert 0.15 < found["silhouette"] < 0.3  # a quarter of pi is missing
    assert found["composition"] == 0 and found["pose"] < 0.01


def test_a_stick_that_stands_is_far_from_one_that_lies_and_turned_by_half_it_is_the_same() -> None:
    stands, lies = page((56, 8, 71, 119)), page((8, 56, 119, 71))
    assert apart(stands, lies)["pose"] > 0.9
    slant = Image.new("RGB", (128, 128), "white")
    ImageDraw.Draw(slant).line((20, 108, 108, 20), fill="black", width=10)
    other = Image.new("RGB", (128, 128), "white")
    ImageDraw.Draw(other).line((20, 20, 108, 108), fill="black", width=10)
    assert apart(slant, other)["pose"] > 0.9
    assert apart(slant, slant.rotate(180))["pose"] < 0.02
    assert apart(stands, slant)["pose"] == pytest.approx(2**-0.5, abs=0.05)


def test_an_outline_has_the_silhouette_of_what_it_encloses() -> None:
    ring = Image.new("RGB", (128, 128), "white")
    ImageDraw.Draw(ring).ellipse((32, 32, 95, 95), outline="black", width=6)
    assert apart(ring, page((32, 32, 95, 95), shape="ellipse", colour="black"))["silhouette"] == 0


def test_what_is_left_out_is_counted_in_patches() -> None:
    plain = page((16, 16, 111, 111))
    spots = page((16, 16, 111, 111))
    for n in range(3):
        ImageDraw.Draw(spots).rectangle((24 + 28 * n, 24, 40 + 28 * n, 40), fill="blue")
    assert decided(plain).patches == 1 and decided(spots).patches == 4
    assert apart(plain, spots)["left out"] == pytest.approx(np.log2(5 / 2))
    grain = np.asarray(plain).copy()
    grain[60, 60] = 0
    assert decided(Image.fromarray(grain)).patches == 1, "a speck is no decision"


def test_an_empty_page_has_decided_nothing() -> None:
    nothing = decided(Image.new("RGB", (64, 64), "white"))
    assert isinstance(nothing, Decided) and nothing.patches == 0 and not nothing.drawn_HW.any()
    assert apart(Image.new("RGB", (64, 64), "white"), SQUARE)["silhouette"] == 1
