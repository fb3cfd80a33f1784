"""Which figures does a base's card give?"""

from __future__ import annotations

from pathlib import Path

from handstyle.records import Record

ERRORS = "errors.json"


class Share(Record):
    """So many of so many."""

    right: int
    of: int

    @property
    def share(self) -> float:
        return self.right / self.of


class RoundErrors(Record):
    """What a round of the denoiser predicts wrongly of works that were never learnt (mean square, of v)."""

    lineage: str  # of the round
    before: float  # with the weights it began with
    error: float
    without_words: float

    @classmethod
    def kept(cls, folder: Path, lineage: str) -> RoundErrors | None:
        """What was found when this round was done; None where it was not measured, or was another round."""
        found = cls.load(folder / ERRORS) if (folder / ERRORS).is_file() else None
        return found if found and found.lineage == lineage else None

    def keep(self, folder: Path) -> None:
        self.save(folder / ERRORS)


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
