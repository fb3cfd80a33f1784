"""Do pictures tell which half of the works was learnt from, when chance chose the half?

Whoever did not learn from the works treats both halves alike, so every other half was as likely: the test is exact
whatever the works and the distances are (Phipson and Smyth 2010, "Permutation P-values Should Never Be Zero").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

from handstyle import digests

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DRAWS = 9_999  # of other halves, where there are too many to try them all


def units_of(names: Sequence[str], alike: Mapping[str, str]) -> list[list[int]]:
    """Places of the works, near-duplicates together: they are one drawing."""
    units: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        units.setdefault(alike.get(name, name), []).append(place)
    return list(units.values())


def half_of(number: int, seed: str) -> list[int]:
    """Which of so many units are held out: half of them, by a digest that nobody could choose."""
    order = sorted(range(number), key=lambda place: digests.of_bytes(f"{seed}/{place}".encode()))
    return sorted(order[: number // 2])


def p_value(scores_MN: NDArray[np.float64], learnt: Sequence[int], seed: int = 0) -> float:
    """How often another half has scores as much lower than the rest as the half that was learnt from.

    By one measure or several: of several the one that tells most is taken, for each half anew, which pays for having
    looked several times (Westfall and Young 1993, "Resampling-Based Multiple Testing", single-step minP).
    """
    import numpy as np

    scores_MN = np.atleast_2d(scores_MN)
    number, size = scores_MN.shape[1], len(learnt)
    if not 0 < size < number:
        return 1.0
    # The half that was learnt from stands first, and once: where all are tried, it is one of them.
    own = tuple(sorted(learnt))
    if comb(number, size) <= DRAWS:
        halves_RS = np.array([own, *(half for half in combinations(range(number), size) if half != own)])
    else:
        drawn_RN = np.argsort(np.random.default_rng(seed).random((DRAWS, number)), axis=1)
        halves_RS = np.concatenate([np.array([own]), drawn_RN[:, :size]])
    # The mean of one half falls as that of the other rises, so the sum alone orders the halves.
    shares_MR = np.stack([_as_low(scores_N[halves_RS].sum(axis=1), scores_N) for scores_N in scores_MN])
    best_R = shares_MR.min(axis=0)
    return float((best_R <= best_R[0]).mean())


def _as_low(sums_R: NDArray[np.float64], scores_N: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the halves whose sum is as low as each one's; what only rounding tells apart is alike."""
    import numpy as np

    slack = 1e-12 * max(1.0, abs(float(scores_N.sum())))
    return np.searchsorted(np.sort(sums_R), sums_R + slack, "right") / len(sums_R)


def smallest_p(number: int, size: int) -> float:
    """What can come out at the least: with few works nothing can be told."""
    return 1 / min(comb(number, size), DRAWS + 1) if 0 < size < number else 1.0


def upper_bound(count: int, of: int, level: float = 0.95) -> float:
    """Of a share, one-sided (Clopper and Pearson 1934)."""
    from scipy import stats

    return 1.0 if count >= of else float(stats.beta.ppf(level, count + 1, of - count))
