"""Which figures does a base's card give?"""

from __future__ import annotations

from handstyle.records import Record


class Share(Record):
    """So many of so many."""

    right: int
    of: int

    @property
    def share(self) -> float:
        return self.right / self.of


class Unseen(Record):
    """Works by an artist who is not in the base, as they are and through its autoencoder."""

    works: int
    psnr: float  # dB
    words: Share  # found by the judge among these works' own
    words_through: Share


class Measured(Record):
    """What a base's card says of it."""

    judge_ceiling: Share  # real drawings of common concepts the judge never saw: its right words
    words_through: Share  # the same drawings through the autoencoder
    concepts: Share  # the same concepts in the same hands, drawn by the base
    hands_ceiling: Share
    hands_through: Share
    hands: Share  # looks like the hand that was asked for
    combinations: Share  # colours and pairs that no work shows
    seconds_a_picture: float  # one alone, 20 steps with guidance
    nearer_than_real: Share  # drawn pictures nearer to a work than the middle of held-out real drawings is
    null_low: float  # the same share for real drawings: 95 % of their bootstrap
    null_high: float
    unseen: Unseen | None = None
