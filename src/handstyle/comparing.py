"""May two runs be compared, and where does the comparison lie?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from handstyle.errors import UsageMistake
from handstyle.gates import further_drawings, require_base, require_generating
from handstyle.loading import collection_named, load_base
from handstyle.picture_marks import own_mark
from handstyle.progress import Progress
from handstyle.records import Record
from handstyle.vouching import require_known_base
from handstyle.workspace import Workspace, unfinished

if TYPE_CHECKING:
    from handstyle.diffusion.family import ModelFamily
    from handstyle.inspection.material import HeldOut
    from handstyle.inspection.subject import Subject

RECORD, PAGE, PICTURES = "comparison.json", "comparison.html", "pictures"


class RunsCompared(Record):
    """What `compare` leaves behind."""

    comparison: str  # path of comparison.json
    page: str
    verdict: tuple[str, ...]
    gained: float | None  # by the second run over the first, as a share of the base's error
    interval: tuple[float, float] | None


def compare(
    workspace: Workspace,
    before: str,
    after: str,
    *,
    base: Path | None = None,
    further: Path | None = None,
    prompts: Sequence[str] = (),
    weights: Sequence[float] = (),
    progress: Progress,
) -> RunsCompared:
    """Two runs of a workspace on one base, on drawings that neither learnt from. Asks for what inspecting asks for."""
    for run in (before, after):
        _require_run(workspace, run)
    from handstyle.diffusion.hardware import use_all_cores
    from handstyle.inspection import compare_page
    from handstyle.inspection.drawing import Album
    from handstyle.inspection.two_styles import WEIGHTS, Comparing
    from handstyle.records import write

    use_all_cores()
    family = load_base(base)
    require_known_base(workspace, family)
    one, two = (_subject(workspace, run, family) for run in (before, after))
    if one.worn.style.tensors == two.worn.style.tensors:
        raise UsageMistake(f"{before} and {after} hold the same weights", hint="Name two runs that differ.")
    # Both are measured on the very same latents.
    one = replace(one, worn=replace(one.worn, style=one.worn.trained.model_copy(update={"resolution": two.resolution})))
    place = workspace.comparison(before, after)
    with unfinished(place, busy=f"another handstyle process makes {place}") as beside:
        found = Comparing(
            before=one,
            after=two,
            further=_further(workspace, further, family, (one, two)),
            weights=tuple(sorted({*(weights or WEIGHTS), 1.0})),
            prompts=tuple(prompts),
            album=Album(beside / PICTURES, two.mark),
            report=progress,
        ).go()
        found.save(beside / RECORD)
        write(beside / PAGE, compare_page.page(found, beside / PICTURES).encode())
    gain = found.gain
    return RunsCompared(
        comparison=str(place / RECORD),
        page=str(place / PAGE),
        verdict=found.verdict,
        gained=gain.share(gain.difference.gain) if gain else None,
        interval=(gain.share(gain.difference.interval.low), gain.share(gain.difference.interval.high))
        if gain
        else None,
    )


def _require_run(workspace: Workspace, run: str) -> None:
    if run not in (runs := workspace.runs()):
        raise UsageMistake(
            f"there is no run `{run}` in this workspace", hint=f"It has: {', '.join(runs) or 'none yet'}."
        )


def _subject(workspace: Workspace, run: str, family: ModelFamily) -> Subject:
    """Raises Withdrawn or RightsMissing, as inspecting does, and UsageMistake for another base."""
    from handstyle.encoding.cache import Cache
    from handstyle.generation import wardrobe
    from handstyle.inspection.subject import Subject

    worn = wardrobe.worn(workspace, [run])[0]
    require_base(worn.trained.base, family)
    require_generating(workspace, worn.trained, family)
    collection, folder = collection_named(workspace, worn.style.collection)
    return Subject(collection, folder, family, worn, workspace.run(run), Cache(workspace.cache), own_mark())


def _further(
    workspace: Workspace, folder: Path | None, family: ModelFamily, sides: Sequence[Subject]
) -> HeldOut | None:
    """Asked for both: a drawing that either run learnt from proves nothing."""
    if folder is None:
        return None
    found = [further_drawings(workspace, side.collection, folder, family, side.worn.trained.recipe) for side in sides]
    return found[-1]
