"""What did an audit find, and what may be said of it?

Counts and bounds, never "stores no images": an audit finds what it looks for, in what it has drawn.
"""

from __future__ import annotations

from typing import Literal

from handstyle.records import Record, later

LEVEL = 0.01

Finding = Literal["copies", "no copying found", "not able to tell"]


class Judged(Record):
    """One model: can its pictures, and what was got out of it by force, tell the halves apart? By all measures of
    nearness together: whole pictures, what is drawn in them, and tiles."""

    model: str
    steps: int
    outputs_p: float
    extraction_p: float | None = None  # of the base there is nothing to extract
    prompts_p: float | None = later(None)  # how strongly words steer; told beside the finding, and no part of it

    @property
    def is_flagged(self) -> bool:
        """At the level of both together (Bonferroni)."""
        tried = [self.outputs_p, *([] if self.extraction_p is None else [self.extraction_p])]
        return min(tried) <= LEVEL / len(tried)


class Proposal(Record):
    """The strongest weight, and the longest training, whose pictures no longer tell the halves apart."""

    weight: float | None = None
    steps: int | None = None  # of a training on all works


class Collage(Record):
    """How well pieces of the works cover the outputs, against drawings by the artist that were not learnt from."""

    picture: str  # a PNG in `pictures/`; empty where it may not be shown
    nearest_output: float
    nearest_held_out: float
    outputs_nearer: int  # than any held-out drawing


class Audit(Record):
    works: int
    learnt: int
    held_out: int
    units: int  # near-duplicates are one
    chosen_by: str  # whose choice the half was
    level: float = LEVEL
    smallest_p: float  # that so few works allow
    style: Judged | None = None
    positive: Judged | None = None  # a twin that learnt by heart must be flagged
    negative: Judged | None = None  # a model that learnt from none of them must not
    # Nor the style's twin, asked about works that it did not learn from; None where they are too few to be told apart.
    left_out: Judged | None = later(None)
    outputs: int = 0
    near: int = 0  # outputs nearer to a work that was learnt from than any held-out work is
    prompts: int = later(0)  # of which the outputs are, several of each
    near_prompts: int = later(0)  # with an output that is so near
    near_prompts_of_base: int | None = later(None)
    most_near: float = 1.0  # upper bound of the share of such prompts, with 95 % confidence
    collage: Collage | None = None
    proposal: Proposal | None = None
    seconds: float = 0.0

    @property
    def finding(self) -> Finding:
        if self.style is None or self.positive is None or self.negative is None:
            return "not able to tell"
        if not self.positive.is_flagged or self.negative.is_flagged or (self.left_out and self.left_out.is_flagged):
            return "not able to tell"
        return "copies" if self.style.is_flagged else "no copying found"

    @property
    def words(self) -> str:
        if self.style is None or self.positive is None or self.negative is None:
            return (
                f"Not able to tell whether it copies: with {self.units} works that differ, no test at the level of "
                f"{self.level} can say anything."
            )
        if not self.positive.is_flagged:
            return (
                "Not able to tell whether it copies: this audit does not even recognise a twin that was trained "
                f"{self.positive.steps} steps on {self.learnt} works (p = {_p(self.positive)})."
            )
        if self.negative.is_flagged:
            return (
                "Not able to tell whether it copies: this audit also suspects the base, which learnt from none of the "
                f"works (p = {_p(self.negative)})."
            )
        if self.left_out and self.left_out.is_flagged:
            return (
                "Not able to tell whether it copies: this audit also tells apart two halves of works that the twin did "
                f"not learn from (p = {_p(self.left_out)})."
            )
        halves = f"the {self.learnt} works learnt from and the {self.held_out} held out by {self.chosen_by}"
        if self.style.is_flagged:
            return f"It copies: its pictures tell {halves} apart (p = {_p(self.style)}).{self._proposed()}"
        return (
            f"No copying was found: the pictures do not tell apart {halves} (p = {_p(self.style)}), and those of a "
            f"twin that learnt by heart do. Of {self.outputs} outputs {self.near} lie nearer to a work learnt from "
            f"than any held-out work does{self._by_prompts()}; with 95 % confidence the share is below "
            f"{self.most_near:.0%}. Of other prompts and smaller parts of works this says nothing."
        )

    def _by_prompts(self) -> str:
        if self.near_prompts_of_base is None:
            return ""
        return (
            f", for {self.near_prompts} of {self.prompts} prompts (the base, which learnt from none of the works, for "
            f"{self.near_prompts_of_base})"
        )

    def _proposed(self) -> str:
        if self.proposal is None or (self.proposal.weight is None and self.proposal.steps is None):
            return " None of the weaker weights and shorter trainings that were tried passes."
        told = ""
        if self.proposal.weight is not None:
            told += f" The twin passed when worn at the weight {self.proposal.weight}."
        if self.proposal.steps is not None:
            length = f'--set "max_train={self.proposal.steps} steps"'
            told += f" A snapshot of the twin passed at the length of {length}: train that long and audit again."
        return told


def _p(tested: Judged) -> str:
    tried = [tested.outputs_p, *([] if tested.extraction_p is None else [tested.extraction_p])]
    return f"{min(1.0, min(tried) * len(tried)):.2g}"
