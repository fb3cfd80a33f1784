"""Which style is inspected, and against which works?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from handstyle.collection.works import Collection
from handstyle.errors import UsageMistake
from handstyle.gates import require_base, require_generating, require_permission, require_training
from handstyle.loading import collection_named, current_collection
from handstyle.workspace import Workspace

if TYPE_CHECKING:
    from handstyle.diffusion.family import ModelFamily
    from handstyle.finetuning.recipe import Recipe
    from handstyle.generation.generate import Worn
    from handstyle.inspection.report import InspectionReport

NOT_LEARNT = (
    "Whether these works were among those it learnt from: another tool made it, and nothing is known of its training. "
    "A gain on works it may have learnt from shows nothing."
)


@dataclass(frozen=True)
class Inspectee:
    """A style, and the works it is held against: those it learnt from, or, for a file of another tool, the newest."""

    worn: Worn
    collection: Collection
    folder: Path
    run: str  # under which its inspection is filed
    recipe: Recipe
    is_known: bool

    def told(self, report: InspectionReport) -> InspectionReport:
        """Whoever reads the report of a file of another tool reads first what nobody knows of it."""
        if self.is_known:
            return report
        return report.model_copy(
            update={
                "verdict": (self.worn.style.involvement, *report.verdict),
                "cannot_tell": (NOT_LEARNT, *report.cannot_tell),
            }
        )


def inspectee(workspace: Workspace, style: str | None, family: ModelFamily, *, audit: bool = False) -> Inspectee:
    """The style of the current run, another run, or a file of another tool. Raises Withdrawn, RightsMissing or
    GateClosed; UsageMistake for another base than the style was trained on."""
    from handstyle.finetuning.recipe import Recipe
    from handstyle.finetuning.suiting import suit
    from handstyle.generation import wardrobe

    name = style or workspace.needs("run", "finetune")
    if not wardrobe.is_file_of_another_tool(name):
        worn = wardrobe.worn(workspace, [name])[0]
        trained = worn.trained
        require_base(trained.base, family)
        suit(family, trained.recipe)
        require_generating(workspace, trained, family)
        collection, folder = collection_named(workspace, trained.collection)
        return Inspectee(worn, collection, folder, _run_of(workspace, name), trained.recipe, True)
    if audit:
        raise UsageMistake(
            "an audit trains twins of a style as it was trained, and how another tool trained this one is not known",
            hint="Leave --audit out: the report compares its pictures with your works all the same.",
        )
    collection, folder = current_collection(workspace)
    worn = wardrobe.worn(workspace, [name], family)[0]
    family.skip_layers(worn.style.clip_skip or 0)
    require_generating(workspace, worn.style, family)
    require_permission(workspace, collection, "train")
    # Only `method` counts: the works are looked at through the base, as further drawings are.
    recipe = Recipe(mixed_precision=worn.style.precision)
    require_training(collection, family, recipe)
    return Inspectee(worn, collection, folder, f"other-{worn.style.tensors[:12]}", recipe, False)


def _run_of(workspace: Workspace, name: str) -> str:
    if name not in workspace.runs():
        raise UsageMistake(f"`{name}` is no run of this workspace", hint=f"There are: {', '.join(workspace.runs())}.")
    return name
