"""How strongly did the words of a prompt steer, beside how strongly they steer the base?

What a model remembers, its words call up: they move what it predicts further from what it predicts without words, from
the first steps on (Wen et al. 2024, "Detecting, Explaining, and Mitigating Memorization in Diffusion Models", section
3.1). It is measured while pictures are drawn, on the way. A style is there to move predictions, so there is no limit
above which a prompt would be known to be remembered: the number stands beside the base's, and beside other prompts'.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Literal

from handstyle.records import Record

FIRST = 4  # steps of drawing; what is remembered shows at the beginning
NONE = (
    "How strongly words steer was not measured: without guidance, with guidance that the base is told of, and from a "
    "picture, nothing is predicted both with and without words from the beginning."
)


class Meter(Record):
    """Root mean square difference of what is predicted with and without words, in units of the base's own target; mean
    over the first steps and over the pictures of a prompt."""

    prompt: str
    pictures: int
    steered: float
    base: float

    @property
    def times(self) -> float:
        return self.steered / self.base if self.base else 1.0

    @property
    def words(self) -> str:
        return f"“{self.prompt}”: its words steer {self.times:.2f} times as strongly as they steer the base."


class Meters(Record):
    format: Literal["handstyle/prompt-meters/1"] = "handstyle/prompt-meters/1"
    styles: tuple[str, ...]  # digests of the tensors that were worn
    base: str
    first_steps: int = FIRST
    prompts: tuple[Meter, ...]


def meters(drawn: Sequence[tuple[str, float | None]], of_base: Sequence[float | None]) -> tuple[Meter, ...]:
    """One a prompt, in the order in which they were drawn; none where nothing was measured. `drawn`: of each picture
    its prompt, and how strongly that steered."""
    by_prompt: dict[str, list[tuple[float, float]]] = {}
    for (prompt, steered), base in zip(drawn, of_base, strict=True):
        if steered is not None and base is not None:
            by_prompt.setdefault(prompt, []).append((steered, base))
    return tuple(
        Meter(prompt=prompt, pictures=len(found), steered=fmean(one for one, _ in found),
              base=fmean(base for _, base in found))
        for prompt, found in by_prompt.items()
    )  # fmt: skip
