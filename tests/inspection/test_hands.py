"""Is a drawing given to whoever drew it, and is it told when that cannot be?"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from handstyle.inspection.hands import KnownHands, known_from, told_apart, whose

D, EACH = 20, 60
THINGS = [f"thing {number}" for number in range(EACH)]


def drawings(hand: int, number: int, seed: int, apart: float = 6.0) -> Tensor:
    """Around a place of the hand's own; all hands vary most in the same direction, which tells nothing."""
    chance = torch.Generator().manual_seed(seed)
    found = torch.randn(number, D, generator=chance)
    found[:, 0] *= 30
    found[:, 1 + hand] += apart
    return found


@pytest.fixture(scope="module")
def known() -> KnownHands:
    """Three hands, each of which drew every thing, but for the last, who drew half of them."""
    manner = torch.cat([drawings(hand, EACH, seed=hand) for hand in range(3)])
    of = torch.arange(3).repeat_interleave(EACH)
    names = [*THINGS, *THINGS, *THINGS[:30], *[f"other {number}" for number in range(30)]]
    unseen = [n for n in range(3 * EACH) if n % 3 == 0]
    return known_from(("one", "two", "three"), manner, of, names, unseen)


def test_an_artist_unlike_the_known_hands_is_told_from_them_with_few_works(known: KnownHands) -> None:
    own, real = (known.projected(drawings(3, number, seed)) for number, seed in ((16, 10), (40, 11)))
    told = told_apart(real, THINGS[:40], own, known)
    assert told.own_right > 0.95 and told.others_taken < 0.05


def test_an_artist_who_draws_as_a_known_hand_does_cannot_be_told_from_it(known: KnownHands) -> None:
    own, real = (known.projected(drawings(1, number, seed)) for number, seed in ((16, 10), (40, 11)))
    told = told_apart(real, THINGS[:40], own, known)
    assert told.own_right < 0.9 and told.others_taken > 0.1


def test_what_all_hands_vary_in_counts_for_little(known: KnownHands) -> None:
    own = known.projected(drawings(3, 16, seed=10))
    asked = drawings(0, 1, seed=12)
    asked[:, 0] += 60  # two deviations of where hands vary most
    [given] = whose(known.projected(asked), own, known.means_AR, known.asked_about(["thing 1"]))
    assert given == 0


def test_only_those_who_drew_the_thing_come_into_question(known: KnownHands) -> None:
    assert known.asked_about(["thing 1"]).tolist() == [[True, True, True]]
    assert known.asked_about(["Thing 40 "]).tolist() == [[True, True, False]]
    own = known.projected(drawings(3, 16, seed=10))
    asked = known.projected(drawings(2, 1, seed=13))
    [given] = whose(asked, own, known.means_AR, known.asked_about(["thing 40"]))
    assert given != 2


def test_a_thing_that_fewer_than_two_drew_is_asked_of_all(known: KnownHands) -> None:
    assert known.asked_about(["other 3", "never drawn"]).tolist() == [[True] * 3] * 2


def test_few_works_do_not_push_drawings_away_from_the_artist(known: KnownHands) -> None:
    """The mean of two works lies far off by chance: without an allowance everything would go to others."""
    real = known.projected(drawings(3, 200, seed=11, apart=3))
    shares = []
    for seed in range(20, 40):
        own = known.projected(drawings(3, 2, seed, apart=3))
        given = whose(real, own, known.means_AR, known.asked_about(["never drawn"] * 200))
        shares.append(float((given == 3).float().mean()))
    assert sum(shares) / len(shares) > 0.6
