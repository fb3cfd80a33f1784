"""How long should a run go on, by the works that were left out of it in turn?

Cross-fitting (Chernozhukov et al. 2018, "Double/debiased machine learning", section 1): every work is judged by a model
that did not learn from it, and none is lost to the final run. A fold has fewer works, so its steps count for more: a
set is learnt by heart after a number of steps that grows with its size (Bonnaire et al. 2025, "Why Diffusion Models
Don't Memorize", section 3), and so the steps of the final run are those of the fold times n / n_fold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from handstyle.finetuning.gain import bands, bootstrap_mean
from handstyle.finetuning.measured import Band, Gain, Interval, Length, Towards

POINTS = 20  # lengths that are compared at first
FOLDS = 4
FEWEST = 4  # works that are no near-duplicates of each other: with fewer, a fold would say little
LEFT_BEHIND = 1.5  # see `is_cut_short`
NEARER, MORE_THAN_OTHERS = 0.1, 2.0  # see `towards`


def points(longest: int) -> list[int]:
    """The lengths to compare, evenly up to the longest."""
    return sorted({max(1, round(longest * part / POINTS)) for part in range(1, POINTS + 1)})


def further(looked_at: Sequence[int], furthest: int) -> list[int]:
    """Those and others beyond, up to twice the longest, half as close: a curve is the flatter the longer it takes."""
    last = looked_at[-1]
    beyond = {min(furthest, last + round(last * part * 2 / POINTS)) for part in range(1, POINTS // 2 + 1)}
    return [*looked_at, *sorted(step for step in beyond if step > last)]


def all_points(longest: int, furthest: int) -> list[int]:
    """All that may have to be looked at."""
    found = points(longest)
    while (more := further(found, furthest)) != found:
        found = more
    return found


def is_cut_short(steps: Sequence[int], gains_P: NDArray[np.float64]) -> bool:
    """Whether the best length may lie beyond: until the last it was not left behind by half as much again."""
    return steps[choose(gains_P)] * LEFT_BEHIND > steps[-1]


def folds_of(names: Sequence[str], alike: Mapping[str, str], chance: np.random.Generator) -> list[list[int]]:
    """Places of the works that each fold leaves out. Near-duplicates are left out together: one of them would tell on
    the other."""
    units: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        units.setdefault(alike.get(name, name), []).append(place)
    whole = list(units.values())
    folds: list[list[int]] = [[] for _ in range(min(FOLDS, len(whole)))]
    for place in chance.permutation(len(whole)):
        min(folds, key=len).extend(whole[int(place)])
    return [sorted(fold) for fold in folds]


def fold_steps(steps: int, works: int, left_out: int) -> int:
    """The steps of a fold that stand for `steps` with all works: each work is seen as often."""
    return max(1, round(steps * (works - left_out) / works))


def choose(gains_P: NDArray[np.float64]) -> int:
    """The place of the length with the highest gain, each averaged with its neighbours against the noise."""
    padded = np.concatenate([gains_P[:1], gains_P, gains_P[-1:]])
    return int(np.argmax((padded[:-2] + padded[1:-1] + padded[2:]) / 3))


def lengths_of(steps: Sequence[int], base_LN: NDArray[np.float64], errors_PLN: NDArray[np.float64]) -> list[Length]:
    whole, found = float(base_LN.mean()), []
    for place, errors_LN in zip(steps, errors_PLN, strict=True):
        gains_LN = base_LN - errors_LN
        interval = bootstrap_mean(gains_LN.mean(axis=0) / whole)
        by_band = [gains_LN[levels].mean() / base_LN[levels].mean() for _, levels in bands(len(base_LN))]
        gain = float(gains_LN.mean() / whole)
        found.append(Length(steps=place, gain=gain, interval=interval, by_band=tuple(map(float, by_band))))
    return found


def honestly_chosen(
    base_LN: NDArray[np.float64], errors_PLN: NDArray[np.float64], fold_N: NDArray[np.int_]
) -> NDArray[np.float64]:
    """Errors at the chosen length, level x work, where each fold's length is chosen by the other folds alone: the best
    of many lengths looks better than it is to those who chose it."""
    honest_LN = np.empty_like(base_LN)
    for fold in np.unique(fold_N):
        own, others = fold_N == fold, fold_N != fold
        place = choose((base_LN[:, others] - errors_PLN[:, :, others]).mean(axis=(1, 2)))
        honest_LN[:, own] = errors_PLN[place][:, own]
    return honest_LN


def loses_beyond(
    base_LN: NDArray[np.float64], honest_LN: NDArray[np.float64], last_LN: NDArray[np.float64]
) -> Interval:
    """How much of the gain is lost from the chosen length to the last, work by work."""
    return bootstrap_mean((last_LN - honest_LN).mean(axis=0) / float(base_LN.mean()))


def towards(distances: Sequence[tuple[NDArray[np.float64], NDArray[np.float64], Sequence[int]]]) -> dict[int, int]:
    """Work -> how many samples came nearer to it beyond the chosen step.

    Each entry is one fold's: distances at the chosen step and at the last, sample x work, and the works it left out. A
    sample counts for the work it ends nearest to, if it came nearer by a tenth, and by twice as much as to any work
    that was left out, since coming nearer to the hand brings it nearer to those too.
    """
    counted: dict[int, int] = {}
    for then_SN, last_SN, left_out in distances:
        learnt = [place for place in range(then_SN.shape[1]) if place not in left_out]
        nearer_SN = 1 - last_SN / np.maximum(then_SN, 1e-12)
        for nearer_N, last_N in zip(nearer_SN, last_SN, strict=True):
            work = min(learnt, key=lambda place: last_N[place])
            others = max([0.0, *(nearer_N[place] for place in left_out)])
            if nearer_N[work] > NEARER and nearer_N[work] > MORE_THAN_OTHERS * others:
                counted[work] = counted.get(work, 0) + 1
    return dict(sorted(counted.items(), key=lambda entry: (-entry[1], entry[0])))


def verdict(
    lengths: Sequence[Length], chosen: int, at_chosen: Gain, beyond: Interval | None, works: Sequence[Towards]
) -> tuple[str, ...]:
    """`chosen` is a place among the lengths."""
    best, last, whole = lengths[chosen], lengths[-1], at_chosen.base_error / 100
    low, high = at_chosen.interval.low / whole, at_chosen.interval.high / whole
    gained = (
        f"{100 * at_chosen.share:.1f} % less error than the base on works left out in turn ({low:.1f} to {high:.1f} %)"
    )
    if low <= 0:
        head = f"No length up to {last.steps} steps gained anything clear of chance on works left out"
        return (f"{head} ({gained}), so the recipe's own length is kept, {best.steps} steps.",)
    head = f"Keep snapshot {best.steps}: {_beyond(last, beyond, works)}."
    return (head, f"There it has {gained}.", _where(at_chosen))


def _beyond(last: Length, beyond: Interval | None, works: Sequence[Towards]) -> str:
    if beyond is None:
        return "the loss on left-out works still fell at the last step looked at; a larger max_train looks further"
    low, high = 100 * beyond.low, 100 * beyond.high
    if high < 0:
        falls = f"the loss on left-out works still falls, by {-high:.1f} to {-low:.1f} %"
        return f"from there to step {last.steps} {falls}, so longer may be better"
    if low <= 0:
        return f"from there to step {last.steps} the loss on left-out works does not change beyond chance"
    rises = f"beyond it the loss on left-out works rises, by {low:.1f} to {high:.1f} % until step {last.steps}"
    if not works:
        return rises
    numbers = [str(work.work) for work in works[:3]]
    named = numbers[0] if len(numbers) == 1 else f"{', '.join(numbers[:-1])} and {numbers[-1]}"
    return f"{rises}, while samples move towards training work{'s' if len(numbers) > 1 else ''} {named}"


def _where(gain: Gain) -> str:
    def words(band: Band) -> str:
        share = 100 * band.gain / (band.base_error or 1.0)
        return f"{share:.1f} % under {band.name}{'' if band.interval.is_above_zero else ' (not clear of chance)'}"

    return f"By how much is covered: {', '.join(map(words, gain.bands))}."
