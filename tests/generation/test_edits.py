"""Does what is not painted come back to the bit, in every size and on every base?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from handstyle.errors import UsageMistake
from handstyle.generation import edits
from handstyle.generation.generate import Worn, attached, generate
from handstyle.generation.request import GenerationRequest, Margins, parse_margins

Requesting = Callable[..., GenerationRequest]
BASES = ["family", "epsilon_family", "xl_family", "sd3_family", "flux_family"]


def drawing(width: int = 16, height: int = 16) -> Image.Image:
    chance = np.random.default_rng(1)
    return Image.fromarray(chance.integers(0, 256, (height, width, 3), dtype=np.uint8))


def mask_of(size: tuple[int, int], box: tuple[int, int, int, int]) -> Image.Image:
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).rectangle(box, fill=255)
    return mask


def painted(family: Any, request: GenerationRequest, canvas: edits.Canvas, seeds: tuple[int, ...] = (1,)) -> list[Any]:
    width, height = canvas.picture.size
    asked = [request.model_copy(update={"width": width, "height": height, "seed": seed}) for seed in seeds]
    return [np.asarray(picture.image) for picture in generate(asked, family, canvas=canvas)]


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("size", [(16, 16), (21, 13), (28, 20)])
@pytest.mark.parametrize("resamples", [1, 3])
def test_pixels_outside_of_the_mask_come_back_exactly(
    base: str, size: tuple[int, int], resamples: int, request: pytest.FixtureRequest, request_for: Requesting
) -> None:
    family = request.getfixturevalue(base)
    source, mask = drawing(*size), mask_of(size, (3, 2, 8, 9))
    canvas = edits.canvas(edits.inpainting(source, mask, family), family, 1.0, resamples)
    [found] = painted(family, request_for(), canvas)
    before, inside = np.asarray(source), np.asarray(mask) > 0
    assert found.shape == before.shape
    assert (found[~inside] == before[~inside]).all()
    assert (found[inside] != before[inside]).any()


def test_a_soft_mask_mixes_and_black_is_still_exact(family: Any, request_for: Requesting) -> None:
    source, mask = drawing(), mask_of((16, 16), (8, 0, 15, 15))
    mask.paste(128, (4, 0, 8, 16))
    hard = mask.point(lambda level: 255 if level else 0)
    [soft] = painted(family, request_for(), edits.canvas(edits.inpainting(source, mask, family), family, 1.0))
    [whole] = painted(family, request_for(), edits.canvas(edits.inpainting(source, hard, family), family, 1.0))
    before = np.asarray(source).astype(int)
    assert (soft[:, :4] == before[:, :4]).all() and (soft[:, 8:] == whole[:, 8:]).all()
    mixed = (before[:, 4:8] * 127 + whole[:, 4:8].astype(int) * 128) / 255
    assert abs(soft[:, 4:8] - mixed).max() <= 1


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("sides", ["right=8", "left=4,top=8", "3", "bottom=9,right=2"])
def test_beyond_the_border_is_painted_and_within_nothing_changes(
    base: str, sides: str, request: pytest.FixtureRequest, request_for: Requesting
) -> None:
    family, margins = request.getfixturevalue(base), parse_margins(sides)
    source = drawing()
    canvas = edits.canvas(edits.outpainting(source, margins, family), family, 1.0)
    [found] = painted(family, request_for(), canvas)
    assert found.shape == (16 + margins.top + margins.bottom, 16 + margins.left + margins.right, 3)
    within = found[margins.top : margins.top + 16, margins.left : margins.left + 16]
    assert (within == np.asarray(source)).all()


@pytest.mark.parametrize("base", BASES)
def test_the_stronger_a_variation_the_less_it_depends_on_its_picture(
    base: str, request: pytest.FixtureRequest, request_for: Requesting
) -> None:
    family = request.getfixturevalue(base)
    asked = request_for(num_inference_steps=10)
    sources = [edits.variation(Image.new("RGB", (16, 16), colour), family, 16, 16) for colour in ("orange", "navy")]
    apart = []
    for strength in (0.2, 0.6, 1.0):
        drawn = [painted(family, asked, edits.canvas(one, family, strength), (1, 2)) for one in sources]
        assert (drawn[0][0] != drawn[0][1]).any(), "each seed is a variation of its own"
        apart.append(abs(drawn[0][0].astype(int) - drawn[1][0].astype(int)).mean())
    assert apart[0] > apart[1] > apart[2] and apart[0] > 2 * apart[2], "the less, the less the picture is seen"


def test_a_variation_is_as_large_as_the_base_draws_and_keeps_its_shape(family: Any) -> None:
    for size, expected in (((16, 16), (16, 16)), ((400, 100), (32, 8)), ((9, 9), (16, 16)), ((300, 200), (20, 12))):
        assert edits.variation(drawing(*size), family, None, None).picture.size == expected
    assert edits.variation(drawing(30, 20), family, 24, 16).picture.size == (24, 16)
    same = drawing()
    assert edits.variation(same, family, None, None).picture is same, "what fits is not scaled"


def test_a_style_paints_too_and_leaves_no_trace(
    family: Any, request_for: Requesting, worn: Callable[..., Worn]
) -> None:
    canvas = edits.canvas(edits.inpainting(drawing(), mask_of((16, 16), (0, 0, 7, 15)), family), family, 1.0)
    [plain] = painted(family, request_for(), canvas)
    with attached([worn(1.0)], family):
        [styled] = painted(family, request_for(), canvas)
    with attached([worn(1.0), worn(0.5, seed=2)], family):
        [both] = painted(family, request_for(), canvas)
    assert (plain != styled).any() and (styled != both).any()
    assert (painted(family, request_for(), canvas)[0] == plain).all()


@pytest.mark.parametrize(
    ("mask", "words"),
    [(Image.new("L", (16, 16)), "nothing is white"), (Image.new("L", (16, 8), 255), "the mask is 16x8")],
)
def test_a_mask_that_cannot_be_meant_is_refused(mask: Image.Image, words: str, family: Any) -> None:
    with pytest.raises(UsageMistake, match=words):
        edits.inpainting(drawing(), mask, family)


def test_white_or_transparent_is_painted(tmp_path: Path) -> None:
    mask_of((16, 16), (0, 0, 7, 15)).save(tmp_path / "white.png")
    hole = drawing().convert("RGBA")
    hole.putalpha(mask_of((16, 16), (8, 0, 15, 15)))
    hole.save(tmp_path / "hole.png")
    for name in ("white.png", "hole.png"):
        levels = np.asarray(edits.read_mask(tmp_path / name))
        assert (levels[:, :8] == 255).all() and (levels[:, 8:] == 0).all()
    (tmp_path / "none.png").write_bytes(b"no picture")
    with pytest.raises(UsageMistake, match=r"the mask .*none\.png"):
        edits.read_mask(tmp_path / "none.png")


def test_a_line_thinner_than_a_latent_is_painted() -> None:
    mask = mask_of((16, 16), (5, 0, 5, 15))
    found = edits.latent_mask(mask, torch.zeros(1, 4, 8, 8))
    assert found[0, 0, :, 2].eq(1).all() and found.sum() == 8


@pytest.mark.parametrize(
    "text", ["", "up=3", "left=", "left=3,left=4", "-4", "0", "left=0", "3,left=2", "left=99999999"]
)
def test_sides_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(UsageMistake):
        parse_margins(text)


def test_sides_are_read() -> None:
    assert parse_margins("left=3, bottom=2") == Margins(left=3, bottom=2)
    assert parse_margins("5") == Margins(left=5, top=5, right=5, bottom=5)
