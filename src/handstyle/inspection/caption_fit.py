"""Do the words of a work fit it better than other works' words do, by what the base knows?

The base removes the same noise from the same work under its own caption and under others; the words under which it errs
least fit best (Li et al. 2023, "Your Diffusion Model is Secretly a Zero-Shot Classifier", section 3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from handstyle.diffusion.family import ModelFamily
from handstyle.finetuning.trainable import at_rest
from handstyle.finetuning.validation import Drawings, denoising_errors

OTHERS = 8  # captions of other works, each work is tried with
LEVELS, MIDDLE = 16, slice(4, 12)  # of noise: words matter neither where all is plain nor where nothing is left
SEED = 2022


def beaten(
    family: ModelFamily, drawings: Drawings, names: Sequence[str], precision: str, report: Callable[[int, int], object]
) -> Mapping[str, tuple[int, int, str]]:
    """Of each work: how many of how many other captions fit better than its own, and which fits best."""
    number = len(names)
    tried = min(OTHERS, number - 1)
    chance = np.random.default_rng(SEED)
    shifts = sorted(chance.choice(np.arange(1, number), size=tried, replace=False).tolist()) if tried > 0 else []
    errors = []
    with at_rest(family):
        for done, shift in enumerate([0, *shifts]):
            report(done, tried + 1)
            prompts = [drawings.captions[(place + shift) % number] for place in range(number)]
            errors.append(mean_errors(family, drawings, prompts, precision))
    report(tried + 1, tried + 1)
    errors_SN = np.stack(errors)
    found = {}
    for place, name in enumerate(names):
        own, others = errors_SN[0, place], errors_SN[1:, place]
        best = shifts[int(np.argmin(others))] if tried else 0
        # Another work may be described in the same words: that caption is not another one.
        other = [drawings.captions[(place + shift) % number] != drawings.captions[place] for shift in shifts]
        better = int(((others < own) & np.array(other, dtype=bool)).sum()) if tried else 0
        found[name] = (better, max(1, sum(other)), drawings.captions[(place + best) % number])
    return found


@torch.no_grad()
def mean_errors(family: ModelFamily, drawings: Drawings, prompts: Sequence[str], precision: str) -> NDArray[np.float64]:
    errors_LN = denoising_errors(family, drawings, prompts, precision, LEVELS)
    return np.asarray(errors_LN[MIDDLE].mean(dim=0).double().numpy())
