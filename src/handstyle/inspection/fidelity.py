"""How near the truth is a style: does it predict real drawings, never trained on, better than the base?

No sampling and no taste: both models remove the same noise from the same drawings.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from handstyle.inspection.report import HeldOutGain, Interval, NoiseLevel

RESAMPLES = 10_000
SEED = 2022


def bootstrap_mean(values: NDArray[np.float64], seed: int = SEED) -> Interval:
    """Percentile interval of the mean, resampling drawings (Efron and Tibshirani 1993, chapter 13)."""
    chance = np.random.default_rng(seed)
    means = values[chance.integers(0, len(values), (RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Interval(low=float(low), high=float(high))


def held_out_gain(
    base_errors: dict[str, Tensor], style_errors_LN: Tensor, *, timesteps: Sequence[int], further: bool
) -> HeldOutGain:
    """`base_errors` are by prompt template; the base gets the one that suits it best over all drawings."""
    tried = {template: float(errors_LN.mean()) for template, errors_LN in base_errors.items()}
    best = min(tried, key=lambda template: tried[template])
    base_LN = base_errors[best]
    gains = (base_LN - style_errors_LN).mean(dim=0).double().numpy()
    return HeldOutGain(
        drawings="further drawings" if further else "works left out of training",
        number_of_drawings=len(gains),
        base_prompt=best,
        base_error=tried[best],
        style_error=float(style_errors_LN.mean()),
        gain=float(gains.mean()),
        interval=bootstrap_mean(gains),
        by_noise_level=tuple(
            NoiseLevel(timestep=timestep, base=float(base), style=float(style))
            for timestep, base, style in zip(timesteps, base_LN.mean(1), style_errors_LN.mean(1), strict=True)
        ),
        base_prompts_tried=tried,
    )
