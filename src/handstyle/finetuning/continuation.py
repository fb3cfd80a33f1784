"""Where was a run before, when it goes on here?

The weights depend on the machine and the libraries as well as on the recipe. A run may move from a laptop to a
cluster all the same: it goes on, says so, and its manifest and its style name every environment it was in.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from handstyle.errors import RecordDamaged
from handstyle.finetuning.manifest import RunManifest
from handstyle.finetuning.snapshots import Snapshots, State
from handstyle.finetuning.trained_style import RECORD, Continuation


def going_on(
    asked: RunManifest, folder: Path, parent: Path | None, state: State | None, tell: Callable[[str], object]
) -> RunManifest:
    """The manifest of a run in `folder` that starts from `state`, its own or `parent`'s. `tell` hears of a move."""
    step = state.step if state else 0
    manifest = continued(asked, manifest_in(folder) or manifest_in(parent), step)
    if manifest.continued and manifest.continued[-1].step == step:
        tell(note(manifest))
    return manifest


def continued(asked: RunManifest, before: RunManifest | None, step: int) -> RunManifest:
    """`asked`, going on after `step` steps of `before`: with the environment it began in and those it moved to."""
    if before is None or step == 0:
        return asked
    moves = [move for move in before.continued if move.step < step]
    if differences(moves[-1].environment if moves else before.environment, asked.environment):
        moves.append(Continuation(step=step, environment=asked.environment))
    return asked.model_copy(update={"environment": before.environment, "continued": tuple(moves)})


def manifest_in(folder: Path | None) -> RunManifest | None:
    """What the run in `folder` was asked to do, if there is one and it says so."""
    try:
        return RunManifest.load(folder / "run.json") if folder else None
    except RecordDamaged:
        return None


def differences(before: dict[str, str], here: dict[str, str]) -> list[str]:
    return [
        f"{name} {here.get(name, 'unknown')} instead of {before.get(name, 'unknown')}"
        for name in sorted(before.keys() | here.keys())
        if before.get(name) != here.get(name)
    ]


def note(manifest: RunManifest) -> str:
    """What to tell a person about the last move."""
    last = manifest.continued[-1]
    earlier = [manifest.environment, *(move.environment for move in manifest.continued[:-1])][-1]
    return (
        f"from step {last.step} on the run is in another environment: "
        f"{'; '.join(differences(earlier, last.environment))}. The weights will not be, to the bit, those of a run "
        "that stayed where it began; run.json and style.json say where it was"
    )


def unfinished_beside(folder: Path, asked: RunManifest) -> list[str]:
    """Unfinished runs of the same works on the same base, each with what its recipe has that this one has not."""
    found = []
    for other in sorted(path for path in folder.parent.glob("*") if path != folder and path.is_dir()):
        before = manifest_in(other)
        if before is None or (other / "style" / RECORD).is_file():
            continue
        steps = Snapshots(other / "snapshots", before.lineage).paths()
        if steps and (before.collection, before.base.sha256) == (asked.collection, asked.base.sha256):
            its, here = before.recipe.as_json(), asked.recipe.as_json()
            differing = [f"{name}={its[name]}" for name in its if its[name] != here[name]]
            found.append(f"{other} is unfinished, with {', '.join(differing) or 'other class images'}")
    return found
