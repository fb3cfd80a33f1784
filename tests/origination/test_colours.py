"""Are colours turned as an eye would turn them?"""

from __future__ import annotations

import numpy as np
import pytest

from handstyle.origination import colours


def test_known_colours_have_known_places() -> None:
    """White, black and sRGB's own red (Ottosson 2020: 0.628, 0.225, 0.126)."""
    found = colours.oklab(np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0]]))
    assert found == pytest.approx(np.array([[1, 0, 0], [0, 0, 0], [0.628, 0.225, 0.126]]), abs=1e-3)


def test_there_and_back_is_the_same() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (50, 3), dtype=np.uint8)
    assert (colours.srgb(colours.oklab(pixels)) == pixels).all()


def test_what_has_no_colour_stays() -> None:
    greys = np.repeat(np.arange(0, 256, 5, dtype=np.uint8)[:, None], 3, axis=1)[None]
    assert np.abs(colours.turned(greys, 2.0).astype(int) - greys).max() <= 1


def test_half_a_turn_makes_yellow_a_blue() -> None:
    red, _, blue = colours.turned(np.array([[[253, 203, 88]]], dtype=np.uint8), np.pi)[0, 0].astype(int)
    assert blue > red + 60
