"""Is the crop the middle of the picture, at a size the base can work at?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handstyle.encoding.crops import centre_crop, check_resolution
from handstyle.errors import CollectionFaulty

SIDES = st.integers(1, 5000)


@given(SIDES, SIDES, st.integers(1, 64))
def test_the_crop_is_the_largest_square_in_the_middle(width: int, height: int, size: int) -> None:
    crop = centre_crop(width, height, size)
    left, top, right, bottom = crop.box
    assert right - left == bottom - top == min(width, height)
    assert 0 <= left < right <= width and 0 <= top < bottom <= height
    assert abs(left - (width - right)) <= 1 and abs(top - (height - bottom)) <= 1
    assert crop.size == (size, size)
    assert crop.share_of(width, height) == pytest.approx(min(width, height) / max(width, height))


def test_every_choice_of_a_crop_is_part_of_its_key() -> None:
    plain = centre_crop(30, 20, 16)
    others = [centre_crop(40, 20, 16), centre_crop(20, 30, 16), centre_crop(30, 22, 16), centre_crop(30, 20, 8),
              centre_crop(30, 20, 16, mirrored=True)]  # fmt: skip
    assert len({tuple(crop.as_json()) for crop in [plain, *others]}) == 6


def test_a_size_between_the_bases_steps_is_refused_with_the_nearest() -> None:
    check_resolution(64, 8)
    with pytest.raises(CollectionFaulty, match="multiples of 8 pixels, not at 60") as faulty:
        check_resolution(60, 8)
    assert "resolution = 64" in faulty.value.hint
    with pytest.raises(CollectionFaulty) as faulty:
        check_resolution(3, 8)
    assert "resolution = 8" in faulty.value.hint
