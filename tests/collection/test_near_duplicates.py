"""Is exactly what is near found, without comparing everything with everything?"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handstyle.collection import near_duplicates
from handstyle.collection.fingerprints import Fingerprint
from handstyle.collection.near_duplicates import RADIUS, Nearby, NearDuplicates, are_near, bands_for


@st.composite
def crowds(draw: st.DrawFn) -> list[Fingerprint]:
    """Fingerprints that differ from a few others in some bits and levels, more and less than may be."""
    few = draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=4))
    flips = st.lists(st.integers(0, 63), max_size=RADIUS + 2).map(lambda bits: sum(1 << bit for bit in set(bits)))
    colour = st.tuples(*[st.sampled_from([0, 11, 12, 13, 25, 255])] * 3)
    return draw(
        st.lists(st.builds(lambda one, flip, of: Fingerprint(one ^ flip, of), st.sampled_from(few), flips, colour))
    )


@given(crowds(), st.sampled_from([1, 1000, 10**5]))
@settings(max_examples=300, deadline=None)
def test_what_is_near_is_what_comparing_with_everybody_finds(crowd: list[Fingerprint], number: int) -> None:
    index = Nearby(number)
    for place, look in enumerate(crowd):
        assert set(index.near(look)) == {other for other in range(place) if are_near(crowd[other], look)}
        index.add(look)


@given(crowds())
@settings(max_examples=200, deadline=None)
def test_each_is_named_with_the_first_that_looks_like_none_before_it(crowd: list[Fingerprint]) -> None:
    alike, kept, expected = NearDuplicates(len(crowd)), list[int](), {}
    for place, look in enumerate(crowd):
        alike.see(str(place), look)
        if earlier := [other for other in kept if are_near(crowd[other], look)]:
            expected[str(place)] = str(earlier[0])
        else:
            kept.append(place)
    assert alike.found == expected


def test_a_picture_without_a_fingerprint_looks_like_nothing() -> None:
    alike = NearDuplicates(2)
    alike.see("a", None)
    alike.see("b", None)
    assert alike.found == {}


@pytest.mark.parametrize("number", [1, 1000, 10**5, 10**7])
def test_the_bands_cover_every_bit_whatever_the_number(number: int) -> None:
    bands = Nearby(number)._bands
    assert len(bands) == bands_for(number)
    assert sum(band._mask << band._shift for band in bands) == 2**64 - 1


Counted = Callable[[list[Fingerprint]], int]


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """How many pairs are looked at."""

    def count(crowd: list[Fingerprint]) -> int:
        counted, alike = 0, NearDuplicates(len(crowd))
        meeting = near_duplicates._Band.meeting

        def counting(band: near_duplicates._Band, structure: int) -> object:
            nonlocal counted
            for place in meeting(band, structure):
                counted += 1
                yield place

        with monkeypatch.context() as patch:
            patch.setattr(near_duplicates._Band, "meeting", counting)
            for place, look in enumerate(crowd):
                alike.see(str(place), look)
        return counted

    return count


def test_thousands_of_equal_pictures_are_one_entry_and_not_a_square_of_pairs(compared: Counted) -> None:
    one = Fingerprint(0x0123456789ABCDEF, (1, 2, 3))
    bands = bands_for(3000)
    assert compared([one] * 3000) == 2999 * bands
    spread = [Fingerprint(one.structure ^ 1 << bit % 3, one.colour) for bit in range(3000)]
    assert compared(spread) <= 2999 * bands


def test_with_ten_times_as_many_pictures_it_looks_at_far_fewer_than_a_hundred_times_as_many(compared: Counted) -> None:
    drawn = random.Random(5)
    crowd = [Fingerprint(drawn.getrandbits(64), (9, 9, 9)) for _ in range(20_000)]
    assert compared(crowd) < 0.01 * (20_000**2 / 2)
