"""What was found when two runs were compared, as data?

`before` and `after` are in the order in which the runs were named; nothing says that the later one is the better.
"""

from __future__ import annotations

from typing import Literal

from handstyle.finetuning.measured import Gain
from handstyle.inspection.report import Shown
from handstyle.records import Record

Which = Literal["before", "after"]
Fate = Literal["added", "removed", "re-captioned", "kept back to check with", "trained on now"]


class Compared(Record):
    """One of the two."""

    run: str
    style: str  # digest of the tensors
    style_name: str
    collection: str
    works: int  # trained on
    steps: int


class RecipeChange(Record):
    """A field of the recipe, or what stands beside it, in words."""

    name: str
    before: str
    after: str


class WorkChange(Record):
    """A work that one run learnt from otherwise than the other. Works are the same where their pixels are."""

    fate: Fate
    name: str
    caption_before: str
    caption_after: str
    picture: Shown  # without a file where the original is gone
    show: bool  # the permission allows showing it in public


class OnDrawing(Record):
    """How much less than the base each run errs on one drawing, as a share of the base's error."""

    caption: str
    before: float
    after: float


class PairedGain(Record):
    """Both runs on the same drawings, noise and noise levels. `difference` is the error of `before` minus that of
    `after`: the base, its words and how hard each drawing is cancel out."""

    number_of_drawings: int
    further: int  # of them out of a folder of their own
    base_prompt: str
    base_error: float
    before: Gain
    after: Gain
    difference: Gain
    on_drawings: tuple[OnDrawing, ...]

    def share(self, value: float) -> float:
        return value / self.base_error if self.base_error else 0.0


class Cell(Record):
    """One picture: by which run, after how many steps, worn how strongly."""

    which: Which
    steps: int
    weight: float
    picture: Shown


class Row(Record):
    """One prompt, drawn by everything that is compared, with the same noise."""

    caption: str
    base: Shown
    cells: tuple[Cell, ...]
    real: Shown | None = None
    show_real: bool = False

    def cell(self, which: Which, steps: int, weight: float) -> Cell:
        wanted = (which, steps, weight)
        return next(cell for cell in self.cells if (cell.which, cell.steps, cell.weight) == wanted)


class Comparison(Record):
    format: Literal["handstyle/comparison/1"] = "handstyle/comparison/1"
    before: Compared
    after: Compared
    base: str
    base_name: str
    recipe: tuple[RecipeChange, ...]
    works: tuple[WorkChange, ...]
    unchanged: int  # works that both learnt from in the same words
    gain: PairedGain | None  # None where there is no drawing that neither learnt from
    weights: tuple[float, ...]
    steps_before: tuple[int, ...]  # snapshots that are drawn, the finished style last
    steps_after: tuple[int, ...]
    rows: tuple[Row, ...]
    verdict: tuple[str, ...]
