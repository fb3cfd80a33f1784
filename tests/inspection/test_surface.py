"""Are colours and strokes measured as they were drawn?"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from handstyle.inspection.surface import oklab, palette, surface


def page(colour: str = "white") -> Image.Image:
    return Image.new("RGB", (64, 64), colour)


def lined(width: int, colour: str = "black") -> Image.Image:
    image = page()
    ImageDraw.Draw(image).rectangle((8, 30, 55, 30 + width - 1), fill=colour)
    return image


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((255, 255, 255), (1.0, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((255, 0, 0), (0.6280, 0.2249, 0.1258)),
        ((0, 255, 0), (0.8664, -0.2339, 0.1795)),
        ((0, 0, 255), (0.4520, -0.0325, -0.3115)),
    ],
)
def test_colours_have_their_known_places_in_oklab(rgb: tuple[int, ...], lab: tuple[float, ...]) -> None:
    assert oklab(np.array(rgb, np.uint8)).tolist() == pytest.approx(lab, abs=2e-4)


def test_the_palette_is_what_was_painted_without_the_paper() -> None:
    image = page()
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, 31, 31), fill="#cc3311")  # 1024 pixels
    pen.rectangle((32, 32, 63, 47), fill="#0055aa")  # 512
    found = surface([image], "artist")
    assert [(colour.hex, round(colour.share, 3)) for colour in found.palette] == [
        ("#cc3311", 0.667),
        ("#0055aa", 0.333),
    ]
    assert found.number_of_colours == 3, "paper is one of them"


def test_at_most_eight_colours_are_named_the_most_used_first() -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    shares = [colour.share for colour in palette([np.asarray(image)])]
    assert len(shares) == 8 and shares == sorted(shares, reverse=True)


def test_an_empty_page_has_no_colours_and_no_strokes() -> None:
    for colour in ("white", "#f7f7f7"):
        found = surface([page(colour)], "base")
        assert (found.background_share, found.stroke_width, found.outline_share, found.gradient_share) == (1, 0, 0, 0)
    assert surface([page()], "base").palette == ()


def test_the_background_is_what_looks_like_the_corners() -> None:
    image = page("#88aacc")
    ImageDraw.Draw(image).rectangle((16, 16, 47, 47), fill="red")
    assert surface([image], "artist").background_share == 0.75


@pytest.mark.parametrize("width", [1, 3, 5])
def test_a_stroke_is_as_wide_as_it_was_drawn(width: int) -> None:
    assert surface([lined(width)], "artist").stroke_width == pytest.approx(width, abs=0.5)


def test_wider_strokes_measure_wider() -> None:
    widths = [surface([lined(width)], "artist").stroke_width for width in range(1, 7)]
    assert widths == sorted(widths) and widths[-1] > widths[0] + 3


def test_a_thick_dark_shape_is_no_stroke() -> None:
    image = page()
    ImageDraw.Draw(image).rectangle((12, 12, 51, 51), fill="black")
    found = surface([image], "artist")
    assert found.stroke_width == 0
    assert found.outline_share < 0.2, "only its corners look a little like ends of lines"
    assert surface([lined(2)], "artist").outline_share > 0.9


def test_flat_colour_has_no_gradient_and_shading_is_one() -> None:
    assert surface([lined(4, "red")], "artist").gradient_share < 0.01
    shaded = np.full((64, 64, 3), 255, np.uint8)
    shaded[:, 16:48] = np.linspace(255, 80, 32).round().astype(np.uint8)[None, :, None]
    assert surface([Image.fromarray(shaded)], "artist").gradient_share == pytest.approx(0.5, abs=0.05)


def test_several_pictures_count_alike() -> None:
    both = surface([page(), lined(3)], "style")
    apart = [surface([image], "style") for image in (page(), lined(3))]
    assert both.background_share == pytest.approx(np.mean([found.background_share for found in apart]))
    assert both.number_of_colours == pytest.approx(np.mean([found.number_of_colours for found in apart]))
    assert both.of == "style"
