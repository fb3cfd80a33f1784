"""Are the works that check the training drawn fairly, and always the same ones?"""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handstyle.collection.withholding import parse_withholding, withheld
from handstyle.collection.works import Work
from handstyle.errors import UsageMistake


def works(number: int) -> list[Work]:
    def work(index: int) -> Work:
        digest = hashlib.sha256(str(index).encode()).hexdigest()
        return Work(name=f"{index:03}.png", file_format="PNG", file_sha256=digest, pixels_sha256=digest, width=8,
                    height=8, caption="a cat", caption_from="sidecar", rights=digest)  # fmt: skip

    return [work(index) for index in range(number)]


@pytest.mark.parametrize(("how_many", "expected"), [(0.2, 6), (0.0, 0), (5, 5), (0, 0), (None, 0)])
def test_a_share_a_number_or_none_are_withheld(how_many: float | int | None, expected: int) -> None:
    assert len(withheld(works(32), how_many)) == expected


@given(st.permutations(works(12)))
def test_the_order_of_the_listing_does_not_matter(shuffled: list[Work]) -> None:
    assert withheld(shuffled, 3) == withheld(works(12), 3)


def test_names_and_captions_do_not_move_a_work() -> None:
    renamed = [work.model_copy(update={"name": f"z{work.name}", "caption": "a dog"}) for work in works(12)]
    assert withheld(renamed, 3) == tuple(f"z{name}" for name in withheld(works(12), 3))


def test_a_work_that_joins_does_not_reshuffle_the_others() -> None:
    before, after = set(withheld(works(31), 6)), set(withheld(works(32), 6))
    assert len(before & after) >= 5


@pytest.mark.parametrize("how_many", [3, 4, -1, 1.5])
def test_something_must_be_left_to_train_on(how_many: float | int) -> None:
    with pytest.raises(UsageMistake, match="train on"):
        withheld(works(3), how_many)


def test_the_option_is_read_as_a_share_a_number_or_none() -> None:
    assert [parse_withholding(text) for text in ("0.2", "6", "none", "0", ".5")] == [0.2, 6, None, 0, 0.5]


@pytest.mark.parametrize("text", ["", "some", "-1", "1.5", "nan", "inf", "20%", "²"])
def test_anything_else_is_a_usage_mistake(text: str) -> None:
    with pytest.raises(UsageMistake, match="cannot be left out"):
        parse_withholding(text)
