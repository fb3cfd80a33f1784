"""Is a work that harms the set found, and is one that does not left alone?"""

from __future__ import annotations

import numpy as np
import pytest

from handstyle.finetuning.stopping import folds_of
from handstyle.inspection.harm import Group, Harm, by_work, groups_of, judged

NAMES = [f"{number:02}.png" for number in range(32)]


def measured(harmful: set[int], rounds: int = 2, seed: int = 0, effect: float = 0.02, noise: float = 0.004,
             luck: float = 0.002) -> Harm:  # fmt: skip
    """Trainings whose errors fall by `effect` without a harmful work; drawings differ far more from each other, and
    `luck` makes a whole training better or worse."""
    chance = np.random.default_rng(seed)
    hard_N = chance.uniform(0.1, 0.9, 16)
    groups: list[Group] = []
    for number in range(rounds):
        folds = folds_of(NAMES, {}, np.random.default_rng([seed, number]))
        errors = [
            hard_N * (1 - effect * len(harmful & set(fold)) + luck * chance.normal()) + chance.normal(0, noise, 16)
            for fold in folds
        ]
        groups += groups_of(number + 1, [[NAMES[place] for place in fold] for fold in folds], np.stack(errors))
    groups = judged(groups)
    return Harm(collection="c" * 64, style="a" * 64, drawings=16, rounds=rounds, steps=240, groups=tuple(groups),
                works=tuple(by_work(groups)), seconds=1)  # fmt: skip


def test_a_harmful_work_is_among_the_few_that_are_named() -> None:
    found = measured({7}, rounds=3)
    assert "07.png" in found.suspects and len(found.suspects) <= 4
    assert found.works[0].harm > 0 and found.works[0].work in found.suspects
    assert "07.png" in found.words and "It is a hint" in found.words


def test_a_useful_work_is_never_named() -> None:
    found = measured({7}, rounds=3, effect=-0.02)
    assert "07.png" not in found.suspects
    harm = {one.work: one.harm for one in found.works}
    assert harm["07.png"] < 0


def test_where_nothing_harms_chance_names_few() -> None:
    """Also where trainings differ far more by luck than their intervals over drawings say."""
    for luck in (0.0, 0.002, 0.02):
        named = [len(measured(set(), seed=seed, luck=luck).suspects) for seed in range(60)]
        assert sum(map(bool, named)) <= 4, f"of 60 sets in which no work does harm, with luck {luck}"
    assert "No single work is found to harm the set" in measured(set(), seed=1).words


def test_one_round_names_nobody() -> None:
    """In one dealing out, the eight works of a group cannot be told apart."""
    assert measured({7}, rounds=1).suspects == ()


def test_every_work_stands_in_one_group_a_round_and_its_range_is_the_widest() -> None:
    found = measured({7})
    for one in found.works:
        own = [group for group in found.groups if one.work in group.works]
        assert len(own) == 2
        assert one.low == min(group.interval.low for group in own) <= one.harm <= one.high
    assert one.harm == pytest.approx(np.mean([group.harm for group in own]))


def test_harm_is_what_the_others_err_more() -> None:
    errors = np.array([[0.1, 0.3], [0.2, 0.4], [0.2, 0.4]])
    first, *_ = groups_of(1, [["a"], ["b"], ["c"]], errors)
    assert first.harm == pytest.approx(0.1 / errors.mean())
