"""Does every picture get a bucket that keeps most of it, and every work its turns?"""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handstyle.encoding.batches import turn_at
from handstyle.encoding.buckets import Buckets, Framing
from handstyle.encoding.crops import crop_to, size_of

SIDES = st.integers(8, 6000)
USUAL = Buckets(512, 256, 1024, 64)
SMALLER = Buckets(512, 256, 1024, 64, no_upscale=True)


def test_the_buckets_are_those_of_kohya() -> None:
    """What sd-scripts' make_bucket_resolutions((512, 512), 256, 1024, 64) says, worked out by hand."""
    wide = [(576, 448), (640, 384), (704, 320), (768, 320), (832, 256), (896, 256), (960, 256), (1024, 256)]
    assert set(USUAL.sizes) == {(512, 512), *wide, *((h, w) for w, h in wide)}


@given(SIDES, SIDES)
def test_every_picture_has_a_bucket_and_no_other_keeps_more_of_it(width: int, height: int) -> None:
    size = USUAL.of(width, height)
    assert size in USUAL.sizes
    kept = crop_to(width, height, size).share_of(width, height)
    best = max(crop_to(width, height, other).share_of(width, height) for other in USUAL.sizes)
    assert kept >= best - 1.0 / min(width, height)  # a crop is cut to the nearest pixel


@given(SIDES, SIDES)
def test_without_upscaling_no_picture_grows_and_none_is_left_out(width: int, height: int) -> None:
    across, down = SMALLER.of(width, height)
    assert across % 64 == down % 64 == 0 and across > 0 < down
    assert across * down <= 512**2
    if min(width, height) >= 64 and max(width, height) <= 20 * min(width, height):
        assert across <= width and down <= height


@pytest.mark.parametrize(
    ("size", "bucket"),
    [((1000, 600), (640, 384)), ((300, 200), (256, 192)), ((512, 512), (512, 512)), ((30, 30), (64, 64))],
)
def test_without_upscaling_a_small_picture_gets_a_small_bucket(size: tuple[int, int], bucket: tuple[int, int]) -> None:
    assert SMALLER.of(*size) == bucket


@given(SIDES, SIDES)
def test_a_crop_lies_in_the_middle_and_is_as_large_as_it_can_be(width: int, height: int) -> None:
    (crop,) = Framing(512, USUAL).crops(width, height)
    left, top, right, bottom = crop.box
    assert 0 <= left < right <= width and 0 <= top < bottom <= height
    assert abs(left - (width - right)) <= 1 and abs(top - (height - bottom)) <= 1
    assert crop.width == width or crop.height == height
    across, down = crop.size
    assert abs(crop.width * down - crop.height * across) <= max(across, down) / 2 + 1 or 1 in (crop.width, crop.height)


def test_sdxl_is_told_where_the_crop_lies_in_the_picture_as_it_was_shrunk() -> None:
    """1000 x 600 at 640 x 320: its 1000 x 500 in the middle, shrunk to 0.64; cut at row 50, which is row 32 then."""
    crop = crop_to(1000, 600, (640, 320))
    assert crop.box == (0, 50, 1000, 550)
    assert size_of(1000, 600, crop) == (600, 1000, 32, 0)
    tall = crop_to(601, 1000, (320, 640), mirrored=True)
    assert tall.box == (50, 0, 550, 1000)
    assert size_of(601, 1000, tall) == (1000, 601, 0, round(51 * 0.64))  # mirrored, a column more is cut on the left


def test_a_mirrored_crop_of_another_bucket_has_a_key_of_its_own() -> None:
    keys = [
        crop_to(40, 30, size, mirrored=mirrored).as_json() for size in [(8, 8), (16, 8), (12, 8)] for mirrored in (0, 1)
    ]
    assert len(set(map(tuple, keys))) == 6
    assert crop_to(30, 20, (16, 16)).as_json() == [5, 0, 20, 16, 0], (
        "a square's key, as it was before there were buckets"
    )


NUMBERS = {(4, 8, 8): 5, (4, 6, 10): 2, (4, 10, 6): 1}


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_in_a_cycle_every_work_is_shown_as_often_as_a_batch_is_large(batch_size: int) -> None:
    shown: Counter[tuple[object, int]] = Counter()
    for step in range(2 * 8):
        turn = turn_at(step, NUMBERS, seed=3)
        shown.update((turn.shape, place) for place in turn.places("works", batch_size))
    assert len(shown) == 8
    assert set(shown.values()) == {2 * batch_size}


def test_a_short_run_sees_of_each_bucket_what_is_due_to_it() -> None:
    numbers = {(4, 8, 8): 50, (4, 6, 10): 30, (4, 10, 6): 20}
    for steps in (10, 20, 50):
        turns = Counter(turn_at(step, numbers, seed=0).shape for step in range(steps))
        assert all(abs(turns[shape] - steps * number / 100) <= 1 for shape, number in numbers.items())


def test_whose_turn_it_is_depends_on_the_step_and_the_seed_alone() -> None:
    in_order = [turn_at(step, NUMBERS, seed=1) for step in range(30)]
    assert [turn_at(step, NUMBERS, seed=1) for step in reversed(range(30))] == in_order[::-1]
    assert [turn_at(step, NUMBERS, seed=2) for step in range(30)] != in_order
    cycles = {tuple(turn.shape for turn in in_order[start : start + 8]) for start in (0, 8, 16)}
    assert len(cycles) > 1, "cycles are not all alike"


def test_one_bucket_is_what_it_was_without_buckets() -> None:
    turn = turn_at(7, {(4, 8, 8): 5}, seed=3)
    assert (turn.number, turn.is_only) == (7, True)
