"""What was a run asked to do, with what?"""

from __future__ import annotations

from typing import Literal

from handstyle import digests
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trained_style import BaseIdentity, Continuation
from handstyle.records import Record, later


class RunManifest(Record):
    """Written before the first step. The same lineage on the same environment gives the same tensors."""

    format: Literal["handstyle/run/1"] = "handstyle/run/1"
    collection: str
    works: int
    base: BaseIdentity
    recipe: Recipe
    class_images: str = ""  # digest of their collection; empty when the base draws them, or there are none
    resolution: int
    steps: int
    environment: dict[str, str]  # in which it began
    continued: tuple[Continuation, ...] = ()  # the others it moved to
    plain: bool = False  # computed without any optimisation: other sums, other last bits
    extends: str = ""  # the run whose last snapshot this one starts from
    replaces: str = ""  # tensors trained with works since withdrawn; they decide nothing here
    origin: str = later("")  # digest of the tensors of another tool's file that it goes on from

    @property
    def lineage(self) -> str:
        """Of everything that decides the weights, machine and versions apart."""
        decisive = self.as_json()
        for key in ("environment", "continued", "format", "replaces"):
            decisive.pop(key)
        if not self.plain:
            decisive.pop("plain")
        return digests.of_json(decisive)
