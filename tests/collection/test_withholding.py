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
    assert len(withheld(works(32), how_many, {})) == expected


@given(st.permutations(works(12)))
def test_the_order_of_the_listing_does_not_matter(shuffled: list[Work]) -> None:
    assert withheld(shuffled, 3, {}) == withheld(works(12), 3, {})


def test_names_and_captions_do_not_move_a_work() -> None:
    renamed = [work.model_copy(update={"name": f"z{work.name}", "caption": "a dog"}) for work in works(12)]
    assert withheld(renamed, 3, {}) == tuple(f"z{name}" for name in withheld(works(12), 3, {}))


def test_a_work_that_joins_does_not_reshuffle_the_others() -> None:
    before, after = set(withheld(works(31), 6, {})), set(withheld(works(32), 6, {}))
    assert len(before & after) >= 5


def copied(number: int, copies: int) -> tuple[list[Work], dict[str, str]]:
    """So many drawings, each with so many copies."""
    found = works(number * (1 + copies))
    return found, {work.name: found[place % number].name for place, work in enumerate(found) if place >= number}


def split(kept: tuple[str, ...], names: list[str], alike: dict[str, str]) -> set[str]:
    """The drawings of which a part is kept back and a part is not."""
    inside = {alike.get(name, name) for name in kept}
    return inside & {alike.get(name, name) for name in names if name not in kept}


@given(st.integers(1, 40), st.integers(0, 4))
def test_near_duplicates_are_withheld_together_or_not_at_all(number: int, copies: int) -> None:
    found, alike = copied(number, copies)
    kept = withheld(found, 0.2, alike)
    assert not split(kept, [work.name for work in found], alike)
    assert abs(len(kept) - round(0.2 * len(found))) <= (1 + copies) / 2 or (len(kept) == 0 and number == 1)


def test_a_drawing_with_many_copies_does_not_take_the_place_of_single_ones() -> None:
    found = works(40)
    alike = {work.name: found[0].name for work in found[1:16]}
    kept = withheld(found, 0.2, alike)
    assert len(kept) == 8 and not split(kept, [work.name for work in found], alike)


def test_where_all_works_are_one_drawing_a_share_of_them_is_none() -> None:
    found, alike = copied(1, 4)
    assert withheld(found, 0.2, alike) == () == withheld(found, 0.9, alike)


def test_a_copy_that_joins_does_not_move_single_works() -> None:
    found = works(20)
    alike = {found[-1].name: found[0].name}
    moved = set(withheld(found, 4, alike)) ^ set(withheld(found[:-1], 4, {}))
    assert len(moved - {found[0].name, found[-1].name}) <= 2


@given(st.integers(1, 19))
def test_a_number_is_kept_to_even_where_that_parts_near_duplicates(number: int) -> None:
    found, alike = copied(10, 1)
    kept = withheld(found, number, alike)
    assert len(kept) == number
    assert len(split(kept, [work.name for work in found], alike)) == number % 2


@given(st.permutations(range(12)))
def test_units_keep_their_place_however_their_works_are_called(order: list[int]) -> None:
    found, alike = copied(6, 1)
    names = {work.name: f"{place:03}.jpg" for work, place in zip(found, order, strict=True)}
    renamed = sorted((work.model_copy(update={"name": names[work.name]}) for work in found), key=lambda work: work.name)
    pairs = [sorted((names[one], names[other])) for one, other in alike.items()]
    kept = withheld(renamed, 0.2, {later: earlier for earlier, later in pairs})
    assert set(kept) == {names[name] for name in withheld(found, 0.2, alike)}


@pytest.mark.parametrize("how_many", [3, 4, -1, 1.5])
def test_something_must_be_left_to_train_on(how_many: float | int) -> None:
    with pytest.raises(UsageMistake, match="train on"):
        withheld(works(3), how_many, {})


def test_the_option_is_read_as_a_share_a_number_or_none() -> None:
    assert [parse_withholding(text) for text in ("0.2", "6", "none", "0", ".5")] == [0.2, 6, None, 0, 0.5]


@pytest.mark.parametrize("text", ["", "some", "-1", "1.5", "nan", "inf", "20%", "²"])
def test_anything_else_is_a_usage_mistake(text: str) -> None:
    with pytest.raises(UsageMistake, match="cannot be left out"):
        parse_withholding(text)
