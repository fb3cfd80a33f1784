"""How does a release, or the style of a run, get another name?"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from handstyle.collection.works import Collection
from handstyle.errors import HandstyleError, UsageMistake
from handstyle.gates import require_standing
from handstyle.loading import collection_named, current_report
from handstyle.workspace import House, Workspace, unfinished

if TYPE_CHECKING:
    from handstyle.publication.log_proof import LogProof
    from handstyle.publication.new_words import Asked
    from handstyle.publication.renaming import Renamed


def rename(
    workspace: Workspace,
    what: str,
    title: str,
    *,
    identifier: str | None = None,
    key: Path | None = None,
    to: Path | None = None,
    remove_old: bool = False,
) -> Renamed:
    """A release, or the style of a run, under another name. The old one stays where it is unless `remove_old`."""
    from handstyle.publication import renaming
    from handstyle.publication.new_words import Asked

    asked = Asked(title, identifier, date.today(), to.name if to else "")
    source = renaming.release_at(Path(what), workspace.release(what))
    if source is None:
        source, renamed = _rename_run(workspace, what, asked)
    else:
        renamed = _rename_release(workspace, source, asked, key, to)
    if remove_old:
        shutil.rmtree(source)
    return renamed


def _rename_release(workspace: Workspace, source: Path, asked: Asked, key: Path | None, to: Path | None) -> Renamed:
    from handstyle import keys
    from handstyle.publication import naming, package, renaming, work_credentials

    _require_release(workspace, source)
    secret, target = keys.read_key(key) if key else keys.own_key(), to or source.parent / naming.slug(asked.title)
    if target.resolve().is_relative_to(source.resolve()):
        raise UsageMistake(f"{target} lies inside the old release", hint="Name a folder beside it with --to.")
    with package.unfinished_release(target) as folder:
        own = work_credentials.carried(_originals(workspace, source))
        renamed = renaming.release(source, folder, asked, secret, _renaming_logged(), own)
    return renamed.model_copy(update={"folder": str(target)})


def _originals(workspace: Workspace, release: Path) -> list[tuple[Collection, Path]]:
    """Of a release that was made here."""
    from handstyle.publication import renamed_files

    found = []
    for published in renamed_files.Release.at(release).collections.values():
        with suppress(HandstyleError):  # what cannot be read here is left out of the seals, and nothing else
            found.append(collection_named(workspace, published.collection))
    return found


def _require_release(workspace: Workspace, release: Path) -> None:
    """Raises Withdrawn where it stands on a permission that was taken back: it is not signed again."""
    from handstyle.collection import consent, permission
    from handstyle.publication import renamed_files

    old = renamed_files.Release.at(release)
    consents = [consent.read(path) for path in (release / permission.CONSENTS).glob(f"*{consent.ENDING}")]
    for collection in old.collections.values():
        require_standing(workspace, collection, consents, "a release under another name")


def _renaming_logged() -> Callable[..., LogProof] | None:
    from handstyle.publication import logged

    log = logged.keepers_log(House.here())
    return None if log is None else partial(logged.renamed_release, log)


def _rename_run(workspace: Workspace, what: str, asked: Asked) -> tuple[Path, Renamed]:
    """The run that has it now, and what was made of it. The next verb means the new one."""
    from handstyle.finetuning.trained_style import TrainedStyle
    from handstyle.publication import logged, naming, renaming

    source = renaming.style_at(workspace.run(what), Path(what))
    style = TrainedStyle.open(source / "style")
    collection, _ = collection_named(workspace, style.collection)
    beside = collection_named(workspace, style.class_images)[0] if style.class_images else None
    for found in filter(None, (collection, beside)):
        require_standing(workspace, found, None, "a style under another name")
    report, pictures = current_report(workspace)
    speaks = report is not None and report.style == style.tensors
    target = workspace.run(naming.slug(asked.title))
    if target.exists():
        raise UsageMistake(f"{target} is there already", hint="Choose another name.")
    inspection = workspace.new_inspection(target.name)
    with unfinished(target, busy=f"another handstyle process makes {target}") as folder:
        renamed = renaming.run(source / "style", pictures.parent if speaks else None, collection, beside, asked, folder)
        if speaks:
            inspection.parent.mkdir(parents=True, exist_ok=True)
            (folder / renaming.INSPECTION).rename(inspection)
    logged.renaming(logged.keepers_log(House.here()), style.name, renamed.name, style.tensors)
    workspace.point_to(run=target.name, **({"inspection": inspection.name} if speaks else {}))
    return source, renamed.model_copy(update={"folder": str(target)})
