"""Is the part of each work found, and is a score believed only as far as trainings bear it out?"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from handstyle.finetuning.measured import Interval
from handstyle.inspection import influence
from handstyle.inspection.exchangeability import units_of
from handstyle.inspection.influence import SEED, Agreement, Influence, Score
from handstyle.inspection.report import Shown

WORKS, PICTURES = 24, 9


def parts_of_works(seed: int = 0) -> NDArray[np.float64]:
    """Picture x work: a few works shape each picture."""
    chance = np.random.default_rng(seed)
    return np.asarray(chance.exponential(0.004, (PICTURES, WORKS)))


def trained(parts_QN: NDArray[np.float64], seed: int, pairs: int = 40, luck: float = 0.0) -> NDArray[np.float64]:
    """Pair x picture x work, from errors that fall by a work's part, and by the luck of a training."""
    chance = np.random.default_rng([SEED, seed])
    errors, in_first = [], []
    for _ in range(pairs):
        both = influence.halves([[place] for place in range(WORKS)], chance)
        errors.append(
            [0.5 * (1 - parts_QN[:, half].sum(axis=1)) + luck * chance.normal(size=PICTURES) for half in both]
        )
        in_first.append([place in both[0] for place in range(WORKS)])
    return influence.parts_by_pair(np.array(errors), np.array(in_first))


def test_halves_hold_every_work_once_and_keep_what_is_alike_together() -> None:
    units = units_of(["a", "b", "c", "d", "e"], {"d": "a"})
    assert [0, 3] in units and len(units) == 4
    for seed in range(20):
        one, other = influence.halves(units, np.random.default_rng(seed))
        assert sorted(one + other) == [0, 1, 2, 3, 4]
        assert (0 in one) == (3 in one) and abs(len(one) - len(other)) <= 1


def test_a_works_part_is_found_among_the_others() -> None:
    parts_QN = parts_of_works()
    found_QN = trained(parts_QN, 1, pairs=400).mean(axis=0)
    assert influence.rank_correlations(found_QN, parts_QN).mean() > 0.9
    spread = parts_QN - parts_QN.mean(axis=1, keepdims=True)
    slope = (found_QN * spread).sum() / (spread**2).sum()
    assert slope == pytest.approx(1, abs=0.2), "a part is a share of the error"


def test_what_a_work_spoils_is_below_zero() -> None:
    parts_QN = parts_of_works()
    parts_QN[:, 3] = -0.05
    found = influence.parts(
        [f"{n}.png" for n in range(WORKS)], {"slopes": parts_QN[0]}, trained(parts_QN, 2)[:, 0], "slopes"
    )
    assert found[-1].work == "3.png" and found[-1].part is not None and found[-1].part < 0
    assert found[-1].is_clear and found[-1].places["slopes"] == WORKS


def test_a_rank_correlation_is_spearmans() -> None:
    from scipy.stats import spearmanr

    one, other = np.random.default_rng(0).normal(size=(2, 3, 15))
    other[:, 4] = other[:, 5]
    expected = [spearmanr(a, b).statistic for a, b in zip(one, other, strict=True)]
    assert influence.rank_correlations(one, other) == pytest.approx(expected)
    assert influence.rank_correlations(np.zeros((1, 5)), np.arange(5.0)[None]) == pytest.approx([0])


def verdict(score_QN: NDArray[np.float64], luck: float) -> tuple[Score, Agreement]:
    truths = [trained(parts_of_works(), seed, luck=luck).mean(axis=0) for seed in (1, 2)]
    seeds = influence.among_themselves(truths)
    return influence.judged(Score(name="it", how="it"), score_QN, truths, seeds), seeds


def test_a_score_that_ranks_as_trainings_do_may_be_used() -> None:
    score, seeds = verdict(parts_of_works(), luck=0.0005)
    assert seeds.interval.is_above_zero and score.agreement is not None
    assert score.agreement.correlation > 0.5 * seeds.correlation and score.may_be_used


@pytest.mark.parametrize("seed", range(5))
def test_a_score_of_chance_may_not(seed: int) -> None:
    score, _ = verdict(np.random.default_rng(seed).normal(size=(PICTURES, WORKS)), luck=0.0005)
    assert not score.may_be_used


def test_a_weak_score_may_not_though_its_interval_leaves_zero_out() -> None:
    chance = np.random.default_rng(1)
    weak_QN = parts_of_works() + chance.normal(0, 0.012, (PICTURES, WORKS))
    score, seeds = verdict(weak_QN, luck=0.0)
    assert score.agreement and score.agreement.interval.is_above_zero
    assert score.agreement.correlation < 0.5 * seeds.correlation and not score.may_be_used


def test_trainings_that_do_not_agree_with_themselves_bear_nothing_out() -> None:
    score, seeds = verdict(parts_of_works(), luck=0.3)
    assert not seeds.interval.is_above_zero and not score.may_be_used
    sure = Agreement(correlation=0.9, interval=Interval(low=0.8, high=0.95))
    assert not influence.passes(sure, seeds)


def test_where_no_work_shapes_the_picture_chance_names_few() -> None:
    """Also with as few pairs as can be asked for."""
    names = [f"{n}.png" for n in range(WORKS)]
    for pairs in (4, 16):
        named = 0
        for seed in range(60):
            by_pair_PN = trained(np.zeros((PICTURES, WORKS)), seed, pairs=pairs, luck=0.01)[:, 0]
            found = influence.parts(names, {"slopes": np.arange(WORKS)}, by_pair_PN, "slopes")
            named += any(one.is_clear for one in found)
        assert named <= 8, f"of 60 pictures, with {pairs} pairs"


def record(**changes: object) -> Influence:
    names = [f"{n}.png" for n in range(WORKS)]
    of_picture = {"slopes": parts_of_works()[0], "looks": parts_of_works(5)[0]}
    scores = (Score(name="slopes", how="slopes"), Score(name="looks", how="looks"))
    order = next((score.name for score in scores if score.may_be_used), "slopes")
    return Influence(run="r", style="a" * 64, collection="c" * 64, prompt="a cat", picture=Shown(file="", caption=""),
                     pictures=1, trainings=0, steps=9, seeds=None, leaving_one_out=None, scores=scores,
                     works=tuple(influence.parts(names, of_picture, None, order)),
                     seconds=1).model_copy(update=changes)  # fmt: skip


def test_a_score_that_nobody_judged_is_called_a_guess() -> None:
    assert "a guess" in record().words and "--retrain" in record().words
    passed = Agreement(correlation=0.6, interval=Interval(low=0.4, high=0.7))
    used = (record().scores[0], Score(name="looks", how="looks", agreement=passed, may_be_used=True))
    found = record(scores=used)
    assert found.order_is_by == "looks" and "0.60" in found.words and "nothing was trained" in found.words


def test_only_parts_clear_of_chance_are_named() -> None:
    names = [f"{n}.png" for n in range(WORKS)]
    parts_QN = np.zeros((PICTURES, WORKS))
    parts_QN[:, 7] = 0.1
    by_pair_PN = trained(parts_QN, 1, luck=0.002)[:, 0]
    found = record(trainings=80, works=tuple(influence.parts(names, {"slopes": parts_QN[0]}, by_pair_PN, "slopes")))
    assert found.order_is_by == "trainings" and "chance: 7.png." in found.words
    nothing = trained(np.zeros((PICTURES, WORKS)), 1, pairs=4, luck=0.0)[:, 0]
    found = record(trainings=8, works=tuple(influence.parts(names, {"slopes": parts_QN[0]}, nothing, "slopes")))
    assert found.words.startswith("No work's part in this picture is clear of chance")
