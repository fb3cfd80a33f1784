"""Is a copy found, also a mirrored or moved one, and likeness not taken for copying?"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from handstyle.inspection.copy_distances import CROP, Looked
from handstyle.inspection.memorisation import SIDE, finding, reduced, tiled_distance


def picture(seed: int) -> Image.Image:
    blocks = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    return Image.fromarray(blocks).resize((64, 64), Image.Resampling.NEAREST)


WORKS = [reduced(picture(seed)) for seed in range(6)]
LOOKED = Looked([picture(seed) for seed in range(6)])


@pytest.mark.parametrize("changed", [lambda image: image, ImageOps.mirror], ids=["as it is", "mirrored"])
def test_an_exact_copy_is_found_at_no_distance(changed: object) -> None:
    copy = changed(picture(4))  # type: ignore[operator]
    nearest = LOOKED.nearest(copy)
    assert nearest.work == 4
    assert nearest.distance == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_copy_of_a_corner_is_found_too(mirrored: bool) -> None:
    side = round(CROP * 64)
    corner = picture(3).crop((64 - side, 0, 64, side))
    nearest = LOOKED.nearest(ImageOps.mirror(corner) if mirrored else corner)
    assert nearest.work == 3 and nearest.distance == pytest.approx(0, abs=1e-12)


def test_a_slightly_changed_copy_is_still_the_nearest() -> None:
    noisy = np.asarray(picture(2)).astype(int) + np.random.default_rng(0).integers(-8, 9, (64, 64, 3))
    nearest = LOOKED.nearest(Image.fromarray(noisy.clip(0, 255).astype(np.uint8)))
    stranger = LOOKED.nearest(picture(99))
    assert nearest.work == 2 and nearest.distance < 0.2 * stranger.distance


def test_empty_paper_that_agrees_proves_nothing() -> None:
    """Two small drawings on much white are as far from each other as what is drawn, not as the paper."""
    pages = []
    for seed in (0, 1):
        page = Image.new("RGB", (64, 64), "white")
        page.paste(picture(seed).resize((64, 32)), (0, 0))
        pages.append(reduced(page))
    whole = tiled_distance(*(reduced(picture(seed).resize((64, 32)).resize((64, 64))) for seed in (0, 1)))
    assert tiled_distance(*pages) > 0.7 * whole


def test_the_distance_is_the_same_from_both_ends() -> None:
    assert tiled_distance(WORKS[0], WORKS[1]) == tiled_distance(WORKS[1], WORKS[0]) > 0
    assert reduced(picture(0)).shape == (SIDE, SIDE, 3)


def test_outputs_nearer_than_almost_all_real_drawings_are_counted() -> None:
    real = [0.1 * n for n in range(1, 21)]
    threshold, near, words = finding([0.05, 0.15, 1.0, 1.5], real)
    assert threshold == pytest.approx(np.quantile(real, 0.05))
    assert near == 2 == sum(value < threshold for value in [0.05, 0.15, 1.0, 1.5])
    assert words.startswith("Of 4 outputs, 2 lie nearer to a work of the training than 95% of the artist's 20 other")


def test_without_other_drawings_no_number_is_made_up() -> None:
    threshold, near, words = finding([0.1, 0.2], [])
    assert threshold is None and near is None
    assert "nothing says what is near" in words
