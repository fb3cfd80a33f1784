"""Is a copy found, also a mirrored or moved one, and likeness not taken for copying?"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from handstyle.inspection.copy_distances import CROP, Looked
from handstyle.inspection.memorisation import (
    QUANTILE,
    SIDE,
    SINGLE,
    chances,
    fewest,
    finding,
    reduced,
    telling,
    tiled_distance,
)


def picture(seed: int) -> Image.Image:
    blocks = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    return Image.fromarray(blocks).resize((64, 64), Image.Resampling.NEAREST)


WORKS = [reduced(picture(seed)) for seed in range(6)]
LOOKED = Looked([picture(seed) for seed in range(6)])


@pytest.mark.parametrize("changed", [lambda image: image, ImageOps.mirror], ids=["as it is", "mirrored"])
def test_an_exact_copy_is_found_at_no_distance(changed: object) -> None:
    copy = changed(picture(4))  # type: ignore[operator]
    distances = LOOKED.distances(copy)
    for far_N in (distances.tiled, distances.whole, distances.drawn):
        assert far_N.argmin() == 4 and far_N.min() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_copy_of_a_corner_is_found_too(mirrored: bool) -> None:
    side = round(CROP * 64)
    corner = picture(3).crop((64 - side, 0, 64, side))
    tiled = LOOKED.distances(ImageOps.mirror(corner) if mirrored else corner).tiled
    assert tiled.argmin() == 3 and tiled.min() == pytest.approx(0, abs=1e-12)


def test_a_slightly_changed_copy_is_still_the_nearest() -> None:
    noisy = np.asarray(picture(2)).astype(int) + np.random.default_rng(0).integers(-8, 9, (64, 64, 3))
    nearest = LOOKED.distances(Image.fromarray(noisy.clip(0, 255).astype(np.uint8))).by_measure
    stranger = LOOKED.distances(picture(99)).by_measure
    assert nearest.argmin(axis=1).tolist() == [2, 2, 2]
    assert (nearest.min(axis=1) < 0.2 * stranger.min(axis=1)).all()


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


def alike(values: list[float]) -> np.ndarray:
    """The same by all three measures."""
    return np.tile(np.array(values)[:, None], (1, 3))


def test_outputs_nearer_than_almost_all_real_drawings_are_counted() -> None:
    real = alike([0.1 * n for n in range(1, 41)])
    found = finding(alike([0.05, 0.15, 0.25, 1.5]), real, alike([0.05, 9.0, 9.0]))
    assert found.chances == pytest.approx((1 / 41, 2 / 41, 3 / 41, 16 / 41))
    assert (found.near, found.near_of_base) == (2, 1)
    assert found.words.startswith(
        "Of 4 outputs, 2 lie nearer to a work of the training than 95% of the artist's 40 other drawings do; about 0 "
        "would, if nothing were copied. Of 3 pictures by the base, which learnt from none of the works, 1 do."
    )


def test_too_few_drawings_cannot_tell_however_near_an_output_is() -> None:
    """The short demo has eight: an output nearer than all of them is as one in nine of them."""
    few, enough = alike([0.5 + 0.1 * n for n in range(8)]), alike([0.5 + 0.1 * n for n in range(19)])
    found = finding(alike([0.0] * 40), few, alike([0.0]))
    assert found.near is None and found.near_of_base is None
    assert "cannot be told" in found.words and "8 other drawings are too few" in found.words
    assert "one in 9 is nearer than all others" in found.words and "It takes at least 19" in found.words
    assert found.chances == pytest.approx([1 / 9] * 40), "kept, so that what may not be shown is not shown on a doubt"
    assert finding(alike([0.0] * 40), enough).near == 40
    assert finding(alike([0.0] * 40), enough[1:]).near is None


@pytest.mark.parametrize(("drawings", "near"), [(59, 1), (58, 0)])
def test_what_one_measure_of_three_sees_takes_three_times_as_many(drawings: int, near: int) -> None:
    """At worst: by each of the other measures another drawing is the nearest."""
    real = np.tile(np.arange(1.0, drawings + 1)[:, None], (1, 3))
    real[1:, 1] -= real[1, 1] - 0.5
    real[0, 1] = drawings
    found = finding(np.array([[500.0, 500.0, 0.0]]), real)
    assert found.chances == pytest.approx((3 / (drawings + 1),)) and found.near == near


@pytest.mark.parametrize("quantile", [0.01, 0.05, 0.1, 0.3])
def test_no_fewer_drawings_than_the_tail_asks_for_could_tell(quantile: float) -> None:
    real = fewest(quantile)
    assert 1 / (real + 1) <= quantile + 1e-12 < 1 / real


def test_of_single_works_it_is_a_finding_only_among_hundreds() -> None:
    for drawings, described in ((19, True), (SINGLE - 1, True), (SINGLE, False)):
        words = finding(alike([0.0]), alike([1.0 + n for n in range(drawings)])).words
        assert ("Of any single work this is no finding: that takes 320 drawings." in words) is described


def test_an_output_that_is_one_more_drawing_is_called_near_as_often_as_the_tail_says() -> None:
    """Also looked at in three ways, which have to do with one another."""
    chance = np.random.default_rng(0)
    found = []
    for _ in range(1500):
        pool = chance.exponential(1, (40, 1)) + chance.exponential(0.5, (40, 3))
        found.append(float(chances(pool[:1], pool[1:])[0]))
    for tail in (QUANTILE, 0.2):
        share = np.mean(np.array(found) <= tail)
        assert share <= tail + 3 * np.sqrt(tail * (1 - tail) / 1500)
    assert np.mean(np.array(found) <= 0.2) > 0.1


def test_the_measure_that_tells_most_is_named() -> None:
    real = np.array([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0], [3.0, 3.0, 3.0]])
    assert telling(np.array([[2.5, 0.5, 2.5], [9.0, 9.0, 9.0], [9.0, 9.0, 1.5]]), real) == [1, 0, 2]
    assert telling(np.array([[2.5, 0.5, 2.5]]), real[:0]) == [0]


def test_without_other_drawings_no_number_is_made_up() -> None:
    found = finding(alike([0.1, 0.2]), alike([]))
    assert found.near is None and found.chances == ()
    assert "nothing says what is near" in found.words
