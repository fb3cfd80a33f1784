"""Which works harm the set, by what a style learns without them?

The works are dealt out into groups, and each group is left out of one training; drawings that none of the trainings saw
are then denoised by all. Where the style errs less without a group than without the others, that group harmed it. The
works are dealt out several times: a single work is named only where every group that it was in did harm, which is group
testing and no proof (the measure is that of data models: Ilyas et al. 2022, "Datamodels", section 2).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from handstyle.finetuning.gain import bootstrap_mean
from handstyle.finetuning.measured import Interval
from handstyle.inspection.report import Shown
from handstyle.records import Record

SPREADS = 3.0  # standard deviations of what groups usually do

Errors = NDArray[np.float64]  # group x drawing


class Group(Record):
    """Works that were left out together; above zero, the style does better without them. Shares of the mean error."""

    round: int  # from 1: which dealing out
    works: tuple[str, ...]
    harm: float
    interval: Interval  # over drawings; that trainings differ by chance as well is not in it
    is_clear: bool = False  # clear of zero, and of how far trainings differ without any harm


class WorkHarm(Record):
    """One work: the mean over its groups, and the widest that their intervals reach."""

    work: str
    harm: float
    low: float
    high: float
    is_suspect: bool  # every group that it was in did harm, clear of zero
    caption: str = ""
    picture: Shown = Shown(file="", caption="")


class Harm(Record):
    collection: str
    style: str
    drawings: int  # that no training saw
    rounds: int
    steps: int  # of the style; the trainings without a group are shorter by its share
    groups: tuple[Group, ...]
    works: tuple[WorkHarm, ...]  # the most harmful first
    seconds: float

    @property
    def suspects(self) -> tuple[str, ...]:
        return tuple(one.work for one in self.works if one.is_suspect)

    @property
    def words(self) -> str:
        clear = sum(group.is_clear for group in self.groups)
        looked = f"{len(self.groups)} groups were left out in turn and measured on {self.drawings} drawings"
        if not self.suspects:
            return (
                f"No single work is found to harm the set: {looked}, and without {clear} of them the style errs "
                "clearly less; no work was in such a group each time."
            )
        named = ", ".join(self.suspects)
        return (
            f"Without each of the groups that they were in, the style errs clearly less: {named}. {looked[0].upper()}"
            f"{looked[1:]}; {clear} of them did harm. It is a hint: look at the works before you leave "
            "one out."
        )


def groups_of(round_number: int, names: Sequence[Sequence[str]], errors_GN: Errors) -> list[Group]:
    """One dealing out: `names` are of the works that each training went without, `errors_GN` what it errs then."""
    whole = float(errors_GN.mean())
    found = []
    for place, works in enumerate(names):
        others_N = np.delete(errors_GN, place, axis=0).mean(axis=0)
        harm_N = (others_N - errors_GN[place]) / whole
        interval = bootstrap_mean(harm_N)
        found.append(Group(round=round_number, works=tuple(works), harm=float(harm_N.mean()), interval=interval))
    return found


def judged(groups: Sequence[Group]) -> list[Group]:
    """Which groups did harm: their interval leaves zero out, and they stand far from what the groups of all rounds
    usually do. Without harm these differ by the chance of their trainings alone (the median absolute deviation, scaled
    to a standard deviation, so that the few that do harm do not hide themselves)."""
    harms_G = np.array([group.harm for group in groups])
    spread = 1.4826 * float(np.median(np.abs(harms_G - np.median(harms_G))))
    return [
        group.model_copy(update={"is_clear": group.interval.is_above_zero and group.harm > SPREADS * spread})
        for group in groups
    ]


def by_work(groups: Sequence[Group]) -> list[WorkHarm]:
    """The most harmful first."""
    names = sorted({name for group in groups for name in group.works})
    found = []
    for name in names:
        own = [group for group in groups if name in group.works]
        found.append(
            WorkHarm(
                work=name,
                harm=float(np.mean([group.harm for group in own])),
                low=min(group.interval.low for group in own),
                high=max(group.interval.high for group in own),
                is_suspect=all(group.is_clear for group in own) and len(own) > 1,
            )
        )
    return sorted(found, key=lambda one: (-one.harm, one.work))
