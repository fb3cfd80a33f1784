"""Can people tell the artist's drawings from those of a style, without knowing which is which?

Which is which is sealed: the page carries a digest of the answers, which stay at home until the guesses are in (a
commitment by hash, with 32 random bytes so that nobody can try all answers). The test of all guesses together is exact:
chance chose the order, so under the hypothesis that nobody can tell, every other order was as likely
(Phipson and Smyth 2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from handstyle.finetuning.measured import Interval
from handstyle.inspection.exchangeability import p_value
from handstyle.records import Record

LEVEL = 0.05  # at which it is said that people can tell
FEWEST = 4  # drawings of each kind: with fewer no test at that level can say anything

Digest = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
Hand = Literal["artist", "model"]
Judge = Literal["somebody else", "the artist", "who trained it"]


class Answers(Record):
    """Which of the drawings, in the order of the page, is whose. Kept apart until the guesses are in."""

    format: Literal["handstyle/blind-test/1"] = "handstyle/blind-test/1"
    style: Digest  # of the tensors that drew
    nonce: Digest
    hands: tuple[Hand, ...] = Field(min_length=2, max_length=400)

    @property
    def commitment(self) -> str:
        return self.digest

    def places(self, hand: Hand) -> list[int]:
        return [place for place, whose in enumerate(self.hands) if whose == hand]


class Guesses(Record):
    """What one person guessed, as the page writes it. Nothing in it is proven: it says what they said."""

    format: Literal["handstyle/guesses/1"] = "handstyle/guesses/1"
    test: Digest  # the commitment of the page
    sheet: Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")]  # drawn by chance: one a filled page
    judge: Judge
    name: str = Field(default="", max_length=200)
    saw_works_before: bool
    seconds: float = Field(ge=0)
    guesses: tuple[Hand, ...]


class Rate(Record):
    """How often drawings of one kind were taken for the artist's."""

    count: int = Field(ge=0)
    of: int = Field(ge=0)
    interval: Interval  # exact, as if all looks were independent (Clopper and Pearson 1934)

    @property
    def share(self) -> float:
        return self.count / self.of if self.of else 0.0


class BlindTest(Record):
    """What the guesses of other people say. No names: a release may carry it, with the answers opened, so that whoever
    has the page can see that they are those that were sealed."""

    answers: Answers
    commitment: Digest
    judges: int = Field(ge=1)  # other people
    saw_works_before: int = Field(ge=0)  # of these
    not_counted: int = Field(ge=0)  # guesses by the artist, or by who trained it
    fooled: Rate  # drawings by the style that were taken for the artist's
    recognised: Rate  # drawings by the artist that were taken for the artist's
    p: float = Field(ge=0, le=1)  # of the hypothesis that nobody can tell

    @property
    def can_tell(self) -> bool:
        return self.p <= LEVEL

    @property
    def words(self) -> str:
        who = "1 other person" if self.judges == 1 else f"{self.judges} other people"
        low, high = 100 * self.fooled.interval.low, 100 * self.fooled.interval.high
        told = (
            f"{who} looked at drawings by the artist and by the style, not knowing which is which. Of {self.fooled.of} "
            f"looks at a drawing by the style, {self.fooled.count} took it for the artist's: {self.fooled.share:.0%} "
            f"(95 % interval {low:.0f} to {high:.0f} %); of {self.recognised.of} looks at a drawing by the artist, "
            f"{self.recognised.count} did: {self.recognised.share:.0%}."
        )
        if self.can_tell:
            return f"{told} They can tell them apart (p = {self.p:.2g})."
        return (
            f"{told} That they can tell is not shown (p = {self.p:.2g}); that they cannot is not shown by that either."
        )


def judged(answers: Answers, all_guesses: Sequence[Guesses]) -> BlindTest | None:
    """Of the guesses for this test. None where nobody else has guessed."""
    others = [one for one in all_guesses if one.judge == "somebody else"]
    if not others:
        return None
    taken_N = [sum(one.guesses[place] == "artist" for one in others) for place in range(len(answers.hands))]
    styles, artists = answers.places("model"), answers.places("artist")
    return BlindTest(
        answers=answers,
        commitment=answers.commitment,
        judges=len(others),
        saw_works_before=sum(one.saw_works_before for one in others),
        not_counted=len(all_guesses) - len(others),
        fooled=rate(sum(taken_N[place] for place in styles), len(styles) * len(others)),
        recognised=rate(sum(taken_N[place] for place in artists), len(artists) * len(others)),
        p=_p_of_order(taken_N, styles),
    )


def _p_of_order(taken_N: Sequence[int], styles: Sequence[int]) -> float:
    """How often another order would have the style's drawings taken for the artist's as rarely."""
    import numpy as np

    return p_value(np.array(taken_N, dtype=float), styles)


def rate(count: int, of: int) -> Rate:
    """Two-sided, 95 % (Clopper and Pearson 1934)."""
    from scipy import stats

    tail = 0.025
    low = 0.0 if count == 0 else float(stats.beta.ppf(tail, count, of - count + 1))
    high = 1.0 if count == of else float(stats.beta.ppf(1 - tail, count + 1, of - count))
    return Rate(count=count, of=of, interval=Interval(low=low, high=high))
