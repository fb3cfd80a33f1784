"""Which collection, base, style and report does a stage work on?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from handstyle.collection.works import Collection
from handstyle.errors import RecordDamaged, StageMissing
from handstyle.records import LONGEST_WRITE, remove_abandoned
from handstyle.workspace import OriginalFolder, Workspace

if TYPE_CHECKING:
    from handstyle.collection.consent import Consent
    from handstyle.diffusion.family import ModelFamily
    from handstyle.finetuning.recipe import Recipe
    from handstyle.finetuning.trained_style import TrainedStyle
    from handstyle.inspection.report import InspectionReport


def load_base(base: Path | None, *, plain: bool = False) -> ModelFamily:
    from handstyle.diffusion import catalogue
    from handstyle.diffusion.hardware import hardware

    return catalogue.load(base, hardware().device, plain=plain)


def default_recipe(collection: Collection, family: ModelFamily) -> Recipe:
    from handstyle.diffusion.hardware import hardware
    from handstyle.finetuning import defaults

    return defaults.default_recipe(len(collection.training), family, hardware())


def current_collection(workspace: Workspace) -> tuple[Collection, Path]:
    return collection_named(workspace, workspace.needs("collection", "collect"))


def collection_named(workspace: Workspace, digest: str) -> tuple[Collection, Path]:
    """The collection and where its originals are. Raises StageMissing, RecordDamaged or ConsentBroken."""
    from handstyle.collection import permission

    place = workspace.collection(digest)
    if not (place / "collection.json").is_file():
        raise StageMissing(f"{place} holds no collection", hint="Run `handstyle collect` again.")
    folder = OriginalFolder.load(place / "folder.json").folder
    collection = Collection.load(place / "collection.json")
    if collection.digest != digest:
        raise RecordDamaged(
            f"{place / 'collection.json'} is not the collection it is filed as: somebody has edited it",
            hint="Run `handstyle collect` again: what may be said of the works is said beside them, not here.",
        )
    permission.kept(collection, place)
    return collection, Path(folder)


def keep_collection(workspace: Workspace, found: Collection, folder: Path, consents: Iterable[Consent]) -> Path:
    """The record of a collection, with where its originals are and the consents it stands on."""
    from handstyle.collection import permission

    place = workspace.collection(found.digest)
    remove_abandoned(place, older_than=LONGEST_WRITE)
    OriginalFolder(folder=str(folder.resolve())).save(place / "folder.json")
    permission.keep(consents, found, place)
    return found.save(place / "collection.json")


def open_style(workspace: Workspace, run: str) -> TrainedStyle:
    from handstyle.finetuning.trained_style import TrainedStyle

    return TrainedStyle.open(workspace.run(run) / "style")


def current_report(workspace: Workspace) -> tuple[InspectionReport | None, Path]:
    from handstyle.inspection.report import InspectionReport

    name = workspace.current().inspection
    if name is None:
        return None, workspace.root
    place = workspace.inspection(name)
    return InspectionReport.load(place / "report.json"), place / "pictures"
