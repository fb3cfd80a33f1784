"""Do the intervals of a gain hold what they say, band by band, when the truth is known?"""

from __future__ import annotations

import numpy as np
import pytest

from handstyle.finetuning.gain import BANDS, bands, bootstrap_mean, gain_of, normalised

TIMESTEPS = tuple(range(31, 1000, 62))
TRUE_GAINS = np.array([0.01, 0.03, 0.0, -0.02])  # of the four bands


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    chance = np.random.default_rng(0)
    covered = sum(
        interval.low <= 0.5 <= interval.high
        for interval in (bootstrap_mean(chance.exponential(0.5, 64), seed=n) for n in range(150))
    )
    assert 0.86 < covered / 150 <= 1, "a percentile interval of skewed data falls a little short of 95 %"


@pytest.mark.parametrize("number", [1, 2, 3, 4, 6, 10, 19])
def test_nothing_is_clear_of_chance_on_few_drawings_more_often_than_it_says(number: int) -> None:
    chance = np.random.default_rng(number)
    clear = 0
    for _ in range(400):
        interval = bootstrap_mean(chance.normal(0, 1, number))
        clear += interval.low > 0 or interval.high < 0
    assert clear / 400 < 0.08, "one in twenty is what a 95 % interval may miss"


@pytest.mark.slow
def test_the_interval_is_that_of_the_normal_where_there_are_many() -> None:
    values = np.random.default_rng(1).normal(2, 3, 2000)
    interval = bootstrap_mean(values)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert interval.low == pytest.approx(values.mean() - half, abs=half / 10)
    assert interval.high == pytest.approx(values.mean() + half, abs=half / 10)
    assert interval == bootstrap_mean(values), "it is the same each time"


def simulated(chance: np.random.Generator, drawings: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Errors of base and style: drawings differ in how hard they are and in how much is gained on them."""
    hard_1N = chance.gamma(4, 0.1, (1, drawings))
    base_LN = hard_1N * np.linspace(1.5, 0.5, 16)[:, None] + chance.normal(0, 0.01, (16, drawings))
    gain_LN = np.repeat(TRUE_GAINS, 4)[:, None] + chance.normal(0, 0.04, (1, drawings))
    return base_LN, base_LN - gain_LN - chance.normal(0, 0.03, (16, drawings))


def test_each_band_covers_its_true_gain_about_as_often_as_it_says() -> None:
    """Noise levels of one drawing go up and down together: an interval over levels and drawings would be too narrow."""
    chance, covered, narrow = np.random.default_rng(3), np.zeros(4), 0
    for _ in range(200):
        base, style = simulated(chance)
        found = gain_of(base, style, TIMESTEPS)
        truth = zip(found.bands, TRUE_GAINS, strict=True)
        covered += [band.interval.low <= true <= band.interval.high for band, true in truth]
        alone = bootstrap_mean((base - style).ravel())
        narrow += alone.low <= TRUE_GAINS.mean() <= alone.high
    assert (covered / 200 > 0.89).all() and (covered / 200 < 0.99).all(), covered / 200
    assert narrow / 200 < 0.6, "as if sixteen levels were sixteen drawings"


def test_bands_go_from_little_noise_to_much_and_hold_every_level_once() -> None:
    for levels in (1, 3, 4, 7, 16):
        found = bands(levels)
        assert [level for _, part in found for level in part] == list(range(levels))
        assert [name for name, _ in found] == list(BANDS[: len(found)])
    base, style = simulated(np.random.default_rng(0))
    found_gain = gain_of(base, style, TIMESTEPS)
    assert [step for band in found_gain.bands for step in band.timesteps] == list(TIMESTEPS)
    assert np.mean([band.gain for band in found_gain.bands]) == pytest.approx(found_gain.gain)
    assert found_gain.share == pytest.approx(1 - style.mean() / base.mean())


def test_the_normalised_gain_covers_the_true_share() -> None:
    chance, covered = np.random.default_rng(5), 0
    for _ in range(200):
        easy = chance.normal(0, 0.02, 60)  # what is easy for one model is easy for the other
        own, oracles = 0.03 + easy + chance.normal(0, 0.01, 60), 0.06 + 2 * easy + chance.normal(0, 0.01, 60)
        found = normalised(own, oracles)
        assert found is not None
        covered += found.interval.low <= 0.5 <= found.interval.high
    assert 0.89 < covered / 200 < 0.99


def test_a_share_of_nothing_is_not_told() -> None:
    chance = np.random.default_rng(0)
    assert normalised(chance.normal(0.1, 0.1, 30), chance.normal(0, 0.1, 30)) is None
    oracle = normalised(np.full(5, 0.1), np.full(5, 0.2))
    assert oracle is not None and oracle.share == pytest.approx(0.5)
    assert (oracle.interval.low, oracle.interval.high) == pytest.approx((0.5, 0.5))


def test_copying_the_works_gains_nothing_on_drawings_that_were_held_out() -> None:
    """A model that always answers with a work it learnt is right on the works and wrong on everything else."""
    chance = np.random.default_rng(1)
    works, others = chance.normal(0, 1, (8, 50)), chance.normal(0, 1, (30, 50))
    mean = works.mean(axis=0)  # what a careful model answers

    def error(answers: np.ndarray, truth: np.ndarray) -> np.ndarray:
        return ((answers - truth) ** 2).mean(axis=-1)[None]

    def copied(truth: np.ndarray) -> np.ndarray:
        return works[((truth[:, None] - works) ** 2).sum(-1).argmin(1)]

    nothing = np.zeros(50)
    on_works = gain_of(error(nothing, works), error(copied(works), works), (500,))
    on_others = gain_of(error(nothing, others), error(copied(others), others), (500,))
    careful = gain_of(error(nothing, others), error(mean, others), (500,))
    assert on_works.style_error == 0 and on_works.gain > 0.8
    assert on_others.interval.high < careful.gain < 0.1
