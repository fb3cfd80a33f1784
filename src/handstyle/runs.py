"""How does a run begin once its length is known, and what is logged and told of it?"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from handstyle.finetuning.crop_plan import CropPlan
from handstyle.lengths import Found
from handstyle.loading import keep_collection, open_style
from handstyle.planning import Plan
from handstyle.results import Finetuned
from handstyle.workspace import House, Workspace

if TYPE_CHECKING:
    from handstyle.finetuning.defaults import Expectation
    from handstyle.finetuning.manifest import RunManifest
    from handstyle.finetuning.snapshots import State


def begin(length: Found, resume: bool, announce: Callable[[str], None]) -> tuple[State | None, RunManifest]:
    """Afresh, from its own snapshot or from the run that it extends, with all that it needs beside it."""
    from handstyle.finetuning import running
    from handstyle.finetuning.continuation import going_on

    plan, workspace = length.plan, length.plan.workspace
    if own := plan.class_images:
        keep_collection(workspace, own.collection, own.folder, own.consents)
    parent = workspace.run(plan.extends) if plan.extends else None
    state = running.starting_state(length.run, length.manifest, parent, resume=length.resumes(resume), tell=announce)
    manifest = going_on(length.manifest, length.run, parent, state, announce)
    length.keep()
    return state, manifest


def log(workspace: Workspace, run: str, plan: Plan) -> None:
    from handstyle.publication import logged
    from handstyle.publication.disclosure import published_collection

    everything = [plan.collection, *([plan.class_images.collection] if plan.class_images else ())]
    logged.run(logged.keepers_log(House.here()), open_style(workspace, run), *map(published_collection, everything))


def would_take(run: str, expected: Expectation, planned: CropPlan) -> Finetuned:
    return Finetuned(
        run=run,
        style="",
        tensors="",
        steps=expected.steps,
        seconds=expected.seconds,
        pictures_per_second=expected.pictures / expected.seconds,
        peak_memory_bytes=expected.memory,
        planned=planned,
        memory=dict(expected.parts) or None,
    )


def finetuned(workspace: Workspace, run: str, *, already_there: bool = False) -> Finetuned:
    from handstyle.finetuning.cross_fitting import RECORD
    from handstyle.finetuning.how_long import verdict_of_log
    from handstyle.finetuning.measured import CrossFitted
    from handstyle.finetuning.observers import read_log
    from handstyle.finetuning.running import Cost
    from handstyle.finetuning.trained_style import TrainedStyle

    folder = workspace.run(run)
    style, cost = TrainedStyle.open(folder / "style"), Cost.load(folder / "cost.json")
    fitted = folder / RECORD
    said = CrossFitted.load(fitted).verdict if fitted.is_file() else verdict_of_log(read_log(folder / "steps.jsonl"))
    return Finetuned(
        run=run,
        style=str(folder / "style"),
        tensors=style.tensors,
        steps=style.steps,
        seconds=cost.seconds,
        pictures_per_second=cost.pictures_per_second,
        peak_memory_bytes=cost.peak_memory_bytes,
        already_there=already_there,
        verdict=said,
    )
