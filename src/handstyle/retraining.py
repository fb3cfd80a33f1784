"""How is a model trained again without works that were withdrawn, and linked to the old one?"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from handstyle import gates, loading, planning, stages
from handstyle.collection import permission
from handstyle.collection.works import Collection, LeftOut
from handstyle.errors import GateClosed, UsageMistake
from handstyle.planning import Plan
from handstyle.progress import Progress, silent
from handstyle.publication import logged, taken_back
from handstyle.publication.disclosure import published_collection
from handstyle.publication.taken_back import Taken
from handstyle.records import Record
from handstyle.workspace import House, OriginalFolder, Workspace

if TYPE_CHECKING:
    from handstyle.encoding.class_images import OwnClassImages

REPLACED = "replaced-by.json"
STATED = (
    "The recorded inputs of the new model do not include these works. That its record is true, a repetition shows "
    "(`handstyle verify RELEASE --retrain`). Copies of the old model that are elsewhere stay what they are."
)


class Replaced(Record):
    """Beside a run that must not be used any more: what stands in for it."""

    run: str
    tensors: str
    on: date
    without: tuple[str, ...]  # pixels of the works


class Retrained(Record):
    """What `retrain-without` leaves behind."""

    run: str
    style: str
    tensors: str
    replaces: str  # tensors
    without: tuple[str, ...]  # names
    works: int  # that are left
    report: str
    verdict: tuple[str, ...]
    stated: str = STATED


def retrain_without(
    workspace: Workspace,
    base: Path | None = None,
    *,
    run: str | None = None,
    quick: bool = False,
    progress: Progress = silent,
) -> Retrained:
    """The run again, by its own recipe, without the works that were withdrawn; inspected, and linked to the old one.

    Raises UsageMistake where none was withdrawn, GateClosed where none is left.
    """
    from handstyle.finetuning import origin
    from handstyle.finetuning.suiting import suit

    old = run or workspace.needs("run", "finetune")
    before = loading.open_style(workspace, old)
    collection, folder = loading.collection_named(workspace, before.collection)
    family = loading.load_base(base, plain=before.plain)
    gates.require_base(before.base, family)
    suit(family, before.recipe)
    own = planning.class_images_again(workspace, before.class_images, None, before.recipe, family)
    taken = withdrawn_of(workspace, collection)
    of_class_images = withdrawn_of(workspace, own.collection) if own else []
    if not taken and not of_class_images:
        raise UsageMistake(
            f"no work of the run {old} was withdrawn, as far as is known here",
            hint="Enter the withdrawal first: `handstyle withdraw`; or name another run with --run.",
        )
    rest = without(collection, taken)
    _keep(workspace, collection, rest, folder)
    gates.require_training(rest, family, before.recipe, before.origin)
    if own and of_class_images:
        own = _class_images_without(workspace, own, of_class_images)
    began = origin.of_run(workspace.run(old), before.origin)
    made = stages.finetune(
        Plan(workspace, rest, folder, family, before.recipe, own, replaces=before.tensors, origin=began),
        progress=progress,
    )
    gone = [*taken, *of_class_images]
    names, pixels = tuple(one.name for one in gone), tuple(sorted(one.pixels for one in gone))
    link = Replaced(run=made.run, tensors=made.tensors, on=date.today(), without=pixels)
    link.save(workspace.run(old) / REPLACED)
    inspected = stages.inspect(workspace, base=base, quick=quick, progress=progress)
    return Retrained(
        run=made.run,
        style=made.style,
        tensors=made.tensors,
        replaces=before.tensors,
        without=names,
        works=len(rest.works),
        report=inspected.report,
        verdict=inspected.verdict,
    )


def withdrawn_of(workspace: Workspace, collection: Collection) -> list[Taken]:
    house = House.here()
    known = taken_back.known(workspace, house, logged.keepers_log(house))
    return known.of(collection, permission.kept(collection, workspace.collection(collection.digest)))


def without(collection: Collection, taken: list[Taken]) -> Collection:
    """What is left; the record says what is not there any more, and why. Raises GateClosed where nothing is."""
    gone = {one.name: one for one in taken}
    works = tuple(work for work in collection.works if work.name not in gone)
    validation = tuple(name for name in collection.validation if name not in gone)
    if len(works) <= len(validation):
        raise GateClosed("no work is left to train on", hint="Collect other works.")
    further = [LeftOut(name=name, reason=f"withdrawn by {one.holder} since {one.since}") for name, one in gone.items()]
    used = {work.rights for work in works}
    return collection.model_copy(
        update={
            "works": works,
            "rights": {digest: rights for digest, rights in collection.rights.items() if digest in used},
            "validation": validation,
            "left_out": tuple(sorted((*collection.left_out, *further), key=lambda entry: entry.name)),
        }
    )


def _class_images_without(workspace: Workspace, own: OwnClassImages, taken: list[Taken]) -> OwnClassImages | None:
    """Where none is left, the base draws them."""
    if len(taken) == len(own.collection.works):
        return None
    kept = permission.kept(own.collection, workspace.collection(own.collection.digest))
    return replace(own, collection=without(own.collection, taken), consents=tuple(kept.values()))


def _keep(workspace: Workspace, before: Collection, rest: Collection, folder: Path) -> None:
    place, old = workspace.collection(rest.digest), workspace.collection(before.digest)
    OriginalFolder(folder=str(folder)).save(place / "folder.json")
    permission.keep(permission.kept(before, old).values(), rest, place)
    rest.save(place / "collection.json")
    logged.permissions(logged.keepers_log(House.here()), published_collection(rest))
    workspace.point_to(collection=rest.digest)
