"""What is measured of a run on drawings it did not learn from, as records?"""

from __future__ import annotations

from typing import Literal

from handstyle.records import Record

LEVEL = 0.95
Stop = Literal["auto", "cross-fitted", "max_train"]


class Interval(Record):
    """Of a mean or a share: by bootstrap percentiles, of few values by Student's distribution."""

    low: float
    high: float
    level: float = LEVEL

    @property
    def is_above_zero(self) -> bool:
        return self.low > 0


class Band(Record):
    """The gain where so much of a drawing is covered. Each band holds as many noise levels as the others."""

    name: str
    timesteps: tuple[int, ...]
    base_error: float
    gain: float
    interval: Interval


class Share(Record):
    """So much of a whole that both were measured on."""

    share: float
    interval: Interval


class Normalised(Record):
    """The gain as a share of what a model gains that saw all of the artist but these drawings."""

    share: float
    interval: Interval
    oracle_gain: float


class Gain(Record):
    """`gain` is in units of the error; as a share it is `gain / base_error`."""

    number_of_drawings: int
    base_error: float
    style_error: float
    gain: float
    interval: Interval
    bands: tuple[Band, ...]
    normalised: Normalised | None = None  # where there is an oracle, and it gains something itself

    @property
    def share(self) -> float:
        return self.gain / self.base_error if self.base_error else 0.0


class Length(Record):
    """One length that was looked at, in steps of the final run; gains are shares of the base's error."""

    steps: int
    gain: float
    interval: Interval
    by_band: tuple[float, ...]


class Towards(Record):
    """A training work that samples came nearer to, beyond the chosen step."""

    work: int  # its number, from 1
    name: str
    samples: int


class CrossFitted(Record):
    """What the folds found; `stopping.json` of a run."""

    format: Literal["handstyle/stopping/1"] = "handstyle/stopping/1"
    collection: str
    folds: tuple[tuple[str, ...], ...]  # names of the works each left out
    lengths: tuple[Length, ...]
    chosen: int  # steps
    at_chosen: Gain  # on each fold's works at the length that the other folds choose
    loses_beyond: Interval | None  # share of the base's error, from the chosen length to the longest; None at the end
    towards: tuple[Towards, ...]
    samples: int  # that were drawn for it
    seconds: float
    verdict: tuple[str, ...]
