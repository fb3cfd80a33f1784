"""How much less does a style err than its base on drawings it never saw, and how sure is that?

A gain is the base's denoising error minus the style's, over the same drawings, noise and noise levels. Drawings are
what chance drew, so the intervals resample drawings and never noise levels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from handstyle.finetuning.measured import LEVEL, Band, Gain, Interval, Normalised, Share

RESAMPLES = 10_000
SEED = 2022
FEWEST = 20  # values; resampling fewer says too much
BANDS = ("a trace of noise", "some noise", "much noise", "almost all noise")

Errors = NDArray[np.float64]  # noise level x drawing


def gain_of(
    base_LN: Errors, style_LN: Errors, timesteps: Sequence[int], oracle_LN: Errors | None = None
) -> Gain:  # fmt: skip
    """The levels count alike, and so do the drawings."""
    gains_LN = base_LN - style_LN
    per_drawing_N = gains_LN.mean(axis=0)
    return Gain(
        number_of_drawings=gains_LN.shape[1],
        base_error=float(base_LN.mean()),
        style_error=float(style_LN.mean()),
        gain=float(per_drawing_N.mean()),
        interval=bootstrap_mean(per_drawing_N),
        bands=tuple(
            Band(
                name=name,
                timesteps=tuple(timesteps[level] for level in levels),
                base_error=float(base_LN[levels].mean()),
                gain=float(gains_LN[levels].mean()),
                interval=bootstrap_mean(gains_LN[levels].mean(axis=0)),
            )
            for name, levels in bands(len(timesteps))
        ),
        normalised=None if oracle_LN is None else normalised(per_drawing_N, (base_LN - oracle_LN).mean(axis=0)),
    )


def bands(number_of_levels: int) -> list[tuple[str, list[int]]]:
    """Which levels make each band, from little noise to much; none is empty."""
    parts = np.array_split(np.arange(number_of_levels), len(BANDS))
    return [(name, part.tolist()) for name, part in zip(BANDS, parts, strict=True) if len(part)]


def bootstrap_mean(values_N: NDArray[np.float64], seed: int = SEED) -> Interval:
    """Percentile interval of the mean, resampling drawings (Efron and Tibshirani 1993, chapter 13); of fewer than
    twenty Student's, as resampled means of a few lie too near to each other (Hesterberg 2015, "What Teachers Should
    Know About the Bootstrap"). Of one drawing nothing can be told, so its interval reaches zero."""
    if len(values_N) == 1:
        return Interval(low=min(0.0, float(values_N[0])), high=max(0.0, float(values_N[0])))
    if len(values_N) < FEWEST:
        return student_mean(values_N)
    return _percentiles(_resampled(len(values_N), seed, values_N)[0])


def student_mean(values_N: NDArray[np.float64], level: float = LEVEL) -> Interval:
    """Student's interval of the mean of two values or more."""
    from scipy.stats import t

    half = float(t.ppf((1 + level) / 2, len(values_N) - 1) * values_N.std(ddof=1) / np.sqrt(len(values_N)))
    mean = float(values_N.mean())
    return Interval(low=mean - half, high=mean + half, level=level)


def normalised(gains_N: NDArray[np.float64], oracle_gains_N: NDArray[np.float64]) -> Normalised | None:
    """Both gains on the same resampled drawings; None where the oracle's own gain may be chance, as a share of nothing
    says nothing."""
    if not bootstrap_mean(oracle_gains_N).is_above_zero:
        return None
    own_R, oracles_R = _resampled(len(gains_N), SEED, gains_N, oracle_gains_N)
    return Normalised(
        share=float(gains_N.mean() / oracle_gains_N.mean()),
        interval=_percentiles(own_R / oracles_R),
        oracle_gain=float(oracle_gains_N.mean()),
    )


def bootstrap_share(part_N: NDArray[np.float64], whole_N: NDArray[np.float64]) -> Share:
    """Mean part over mean whole, both on the same resampled drawings."""
    part_R, whole_R = _resampled(len(part_N), SEED, part_N, whole_N)
    return Share(share=float(part_N.mean() / whole_N.mean()), interval=_percentiles(part_R / whole_R))


def _resampled(number: int, seed: int, *values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    chosen = np.random.default_rng(seed).integers(0, number, (RESAMPLES, number))
    return [values_N[chosen].mean(axis=1) for values_N in values]


def _percentiles(values: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(values, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Interval(low=float(low), high=float(high))
