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


def p_value(scores_N: NDArray[np.float64], learnt: Sequence[int], seed: int = 0) -> float:
    """How often another half has scores as much lower than the rest as the half that was learnt from."""
    number, size = len(scores_N), len(learnt)
    if not 0 < size < number:
        return 1.0
    import numpy as np

    total, own = float(scores_N.sum()), float(scores_N[list(learnt)].sum())

    def low(sums: NDArray[np.float64]) -> int:
        # The mean of one half falls as that of the other rises, so the sum alone orders the halves.
        return int((sums <= own + 1e-12 * max(1.0, abs(total))).sum())

    if comb(number, size) <= DRAWS:
        return low(np.array([scores_N[list(half)].sum() for half in combinations(range(number), size)])) / comb(
            number, size
        )
    chance = np.random.default_rng(seed)
    halves = np.argsort(chance.random((DRAWS, number)), axis=1)[:, :size]
    return (1 + low(scores_N[halves].sum(axis=1))) / (1 + DRAWS)


def smallest_p(number: int, size: int) -> float:
    """What can come out at the least: with few works nothing can be told."""
    return 1 / min(comb(number, size), DRAWS + 1) if 0 < size < number else 1.0


def upper_bound(count: int, of: int, level: float = 0.95) -> float:
    """Of a share, one-sided (Clopper and Pearson 1934)."""
    from scipy import stats

    return 1.0 if count >= of else float(stats.beta.ppf(level, count + 1, of - count))
