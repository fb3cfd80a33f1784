"""Do works left out in turn choose a length near the best one, when the best one is known?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from handstyle.finetuning import stopping
from handstyle.finetuning.gain import gain_of
from handstyle.finetuning.measured import Interval, Length, Towards
from handstyle.finetuning.stopping import choose, fold_steps, folds_of, points, towards, verdict

TIMESTEPS = (125, 375, 625, 875)


def simulated(chance: np.random.Generator, works: int = 32) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Errors of base and style at twenty lengths, and the true mean gain: it rises, turns, and falls back by half.

    Works differ in how much is gained on them and in where they turn; snapshots differ from each other by chance.
    """
    at, turn = np.arange(1, 21), chance.uniform(4, 14)

    def curve(turn: Any) -> Any:
        return 0.03 * (1 - np.exp(-3 * at / turn)) - 0.02 * np.clip(at - turn, 0, None) / 20

    each = np.stack([chance.normal(1, 0.7) * curve(turn * chance.uniform(0.7, 1.4)) for _ in range(works)], axis=1)
    gains_PLN = np.repeat(each[:, None], 4, axis=1) + chance.normal(0, 0.003, (20, 4, works))
    base_LN = np.repeat(chance.gamma(4, 0.1, (1, works)), 4, axis=0)
    truth = np.mean([curve(turn * share) for share in np.linspace(0.7, 1.4, 50)], axis=0)
    return base_LN, base_LN - gains_PLN, truth


def test_the_chosen_length_loses_little_of_what_could_be_gained() -> None:
    chance, regrets, last = np.random.default_rng(0), [], []
    for _ in range(60):
        base, errors, truth = simulated(chance)
        place = choose((base - errors).mean(axis=(1, 2)))
        regrets.append(1 - truth[place] / truth.max())
        last.append(1 - truth[-1] / truth.max())
    assert np.median(regrets) < 0.02 and np.max(regrets) < 0.15
    assert np.median(last) > 0.1, "to go on to the end would have cost something"


def test_where_nothing_is_lost_beyond_it_is_seldom_said_that_something_is() -> None:
    """Whoever looks at the best of twenty lengths finds the last one worse, by chance alone."""
    chance, wrong, naive = np.random.default_rng(1), 0, 0
    fold_N = np.repeat(np.arange(4), 8)
    for _ in range(200):
        base = np.full((4, 32), 0.5)
        errors = base - 0.02 - chance.normal(0, 0.02, (20, 1, 32)) - chance.normal(0, 0.02, (1, 1, 32))
        place = choose((base - errors).mean(axis=(1, 2)))
        honest = stopping.honestly_chosen(base, errors, fold_N)
        wrong += stopping.loses_beyond(base, honest, errors[-1]).low > 0
        naive += stopping.loses_beyond(base, errors[place], errors[-1]).low > 0
    assert wrong / 200 < 0.07 < naive / 200


def test_where_something_is_lost_beyond_it_is_found() -> None:
    chance, found = np.random.default_rng(2), 0
    fold_N = np.repeat(np.arange(4), 8)
    for _ in range(40):
        base, errors, truth = simulated(chance)
        honest = stopping.honestly_chosen(base, errors, fold_N)
        lost = stopping.loses_beyond(base, honest, errors[-1])
        found += lost.low > 0
        true_share = (truth.max() - truth[-1]) / base.mean()
        assert lost.low - 0.02 < true_share < lost.high + 0.02
    assert found >= 35


def test_folds_leave_out_every_work_once_and_near_duplicates_together() -> None:
    names = [f"{n}.png" for n in range(14)]
    alike = {"3.png": "0.png", "5.png": "0.png", "9.png": "8.png"}
    folds = folds_of(names, alike, np.random.default_rng(0))
    assert sorted(place for fold in folds for place in fold) == list(range(14))
    assert len(folds) == 4 and {len(fold) for fold in folds} <= {3, 4, 5}
    for pair in ((0, 3), (0, 5), (8, 9)):
        assert any(set(pair) <= set(fold) for fold in folds)
    assert folds == folds_of(names, alike, np.random.default_rng(0))
    assert folds != folds_of(names, alike, np.random.default_rng(1))
    assert len(folds_of(names[:3], {}, np.random.default_rng(0))) == 3


def test_a_fold_sees_each_work_as_often_as_the_run_it_stands_for() -> None:
    assert fold_steps(400, 32, 8) == 300
    assert fold_steps(1, 32, 8) == 1
    assert points(400)[-1] == 400 and len(points(400)) == 20 and points(7) == [1, 2, 3, 4, 5, 6, 7]


def test_the_search_is_doubled_until_the_best_length_is_left_behind_by_half_as_much_again() -> None:
    looked = stopping.further(points(120), 960)
    assert looked[:20] == points(120) and looked[20:] == [132, 144, 156, 168, 180, 192, 204, 216, 228, 240]
    assert stopping.further(looked, 300)[-3:] == [264, 288, 300]
    whole = stopping.all_points(120, 960)
    assert whole[-1] == 960 and len(whole) == 50 and whole == sorted(set(whole))
    assert stopping.all_points(120, 120) == points(120)
    steps, turn = np.array(looked), 150
    gains = 0.05 - ((steps - turn) / turn) ** 2
    assert not stopping.is_cut_short(looked, gains)
    assert stopping.is_cut_short(looked[:22], gains[:22]), "until 144 they still rise"
    assert stopping.is_cut_short(looked[:26], gains[:26]), "204 is not half as much again as 150"


def test_samples_that_come_nearer_to_one_work_are_told_and_those_that_take_the_hand_are_not() -> None:
    then = np.full((3, 6), 1.0)
    copies, hand, still = np.full(6, 0.98), np.full(6, 0.7), np.full(6, 1.0)
    copies[2] = 0.4
    hand[1] = 0.65
    assert towards([(then, np.stack([copies, hand, still]), [4, 5])]) == {2: 1}
    assert towards([(then, np.stack([copies, copies, still]), [2, 5])]) == {}, "it was left out of this fold"


def length(steps: int, gain: float, half: float = 0.01) -> Length:
    return Length(steps=steps, gain=gain, interval=Interval(low=gain - half, high=gain + half), by_band=(gain,) * 4)


@pytest.fixture
def at_chosen() -> Any:
    base = np.full((4, 8), 0.5)
    return gain_of(base, base - np.array([[0.05], [0.01], [0.0], [-0.01]]), TIMESTEPS)


def test_the_verdict_names_the_snapshot_what_is_lost_beyond_and_the_works_it_moves_towards(at_chosen: Any) -> None:
    lengths, lost = [length(210, 0.02), length(420, 0.04), length(840, 0.01)], Interval(low=0.01, high=0.05)
    works = (Towards(work=7, name="a.png", samples=2), Towards(work=19, name="b.png", samples=1))
    head, *rest = verdict(lengths, 1, at_chosen, lost, works)
    assert head == (
        "Keep snapshot 420: beyond it the loss on left-out works rises, by 1.0 to 5.0 % until step 840, while samples "
        "move towards training works 7 and 19."
    )
    assert "2.5 % less error than the base on works left out in turn (2.5 to 2.5 %)" in rest[0]
    assert "10.0 % under a trace of noise" in rest[1]
    assert "-2.0 % under almost all noise (not clear of chance)" in rest[1]
    assert "while samples" not in verdict(lengths, 1, at_chosen, lost, ())[0]
    chance = Interval(low=-0.01, high=0.05)
    assert "does not change beyond chance" in verdict(lengths, 1, at_chosen, chance, works)[0]
    falls = Interval(low=-0.05, high=-0.01)
    assert verdict(lengths, 1, at_chosen, falls, works)[0] == (
        "Keep snapshot 420: from there to step 840 the loss on left-out works still falls, by 1.0 to 5.0 %, so longer "
        "may be better."
    )


def test_the_verdict_says_when_the_end_was_not_reached_or_nothing_was_gained(at_chosen: Any) -> None:
    rising = [length(210, 0.02), length(420, 0.04)]
    assert "still fell at the last step looked at" in verdict(rising, 1, at_chosen, None, ())[0]
    base = np.full((4, 8), 0.5)
    nothing = gain_of(base, base + 0.01, TIMESTEPS)
    assert verdict(rising, 0, nothing, None, ())[0].startswith("No length up to 420 steps gained anything clear")
