"""Does the test alarm as seldom as it says where nothing was learnt, and find what was?"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from handstyle.inspection.audit_report import LEVEL
from handstyle.inspection.exchangeability import half_of, p_value, smallest_p, units_of, upper_bound


@pytest.mark.parametrize("number", [12, 32])
def test_where_nothing_was_learnt_it_alarms_no_more_often_than_its_level(number: int) -> None:
    """Both where all halves are tried and where they are drawn; scores are skewed and of a few values only."""
    chance = np.random.default_rng(0)
    learnt = list(range(number // 2))
    found = [p_value(chance.exponential(1, number).round(1), learnt, seed) for seed in range(400)]
    for level in (LEVEL, 0.05, 0.2):
        share = np.mean(np.array(found) <= level)
        assert share <= level + 3 * np.sqrt(level * (1 - level) / 400)
    assert np.mean(np.array(found) <= 0.2) > 0.1, "it is not always silent"


@pytest.mark.parametrize("number", [12, 32])
def test_to_look_in_several_ways_alarms_no_more_often(number: int) -> None:
    """Measures that have to do with one another, as all measures of nearness have."""
    chance = np.random.default_rng(3)
    learnt = list(range(number // 2))
    found = []
    for seed in range(400):
        common = chance.exponential(1, number)
        found.append(p_value(np.stack([common + chance.normal(0, 0.5, number) for _ in range(3)]), learnt, seed))
    for level in (LEVEL, 0.05, 0.2):
        assert np.mean(np.array(found) <= level) <= level + 3 * np.sqrt(level * (1 - level) / 400)
    assert np.mean(np.array(found) <= 0.2) > 0.1


def test_what_one_measure_of_three_tells_is_paid_for_and_found() -> None:
    chance, learnt = np.random.default_rng(1), list(range(0, 32, 2))
    alone, together, alarms = [], [], 0
    for seed in range(30):
        scores_MN = chance.normal(0, 1, (3, 32))
        scores_MN[1, learnt] -= 1.8
        alone.append(p_value(scores_MN[1], learnt, seed))
        together.append(p_value(scores_MN, learnt, seed))
        alarms += together[-1] <= LEVEL
    assert alarms >= 26 and all(one <= all_of_them for one, all_of_them in zip(alone, together, strict=True))
    same = np.tile(scores_MN[1], (3, 1))
    assert p_value(same, learnt, 29) == alone[-1], "three times the same costs nothing"


def test_works_that_come_out_nearer_are_found() -> None:
    chance, learnt = np.random.default_rng(1), list(range(0, 32, 2))
    alarms = 0
    for seed in range(50):
        scores = chance.normal(0, 1, 32)
        scores[learnt] -= 1.6
        alarms += p_value(scores, learnt, seed) <= LEVEL
    assert alarms >= 45
    assert p_value(-np.ones(32), learnt) == 1, "all alike"


def test_p_is_never_smaller_than_what_so_few_works_allow() -> None:
    scores = np.array([0.0, 0, 0, 1, 1, 1])
    assert p_value(scores, [0, 1, 2]) == smallest_p(6, 3) == 1 / 20
    assert smallest_p(10, 5) < LEVEL < smallest_p(8, 4)
    assert p_value(scores, []) == p_value(scores, range(6)) == 1


def test_near_duplicates_are_one_unit_and_the_half_is_nobodys_choice() -> None:
    assert units_of(["a", "b", "c", "d"], {"c": "a"}) == [[0, 2], [1], [3]]
    halves = [half_of(31, f"seed {n}") for n in range(200)]
    assert all(len(half) == 15 for half in halves) and halves[0] == half_of(31, "seed 0")
    often = np.bincount(np.concatenate(halves), minlength=31)
    assert stats.chisquare(often).pvalue > 0.001


def test_an_upper_bound_covers_the_truth() -> None:
    assert upper_bound(0, 59) == pytest.approx(0.0495, abs=1e-3)
    assert upper_bound(5, 5) == 1
    chance = np.random.default_rng(2)
    covered = np.mean([upper_bound(int(count), 40) >= 0.1 for count in chance.binomial(40, 0.1, 400)])
    assert covered >= 0.94
