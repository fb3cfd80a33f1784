"""Which half of the works does an audit hold out, and under whose permission does it train?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from handstyle import digests
from handstyle.collection.curation import ALIKE, Alike
from handstyle.collection.works import Collection
from handstyle.gates import require_permission, require_training
from handstyle.planning import class_images_again
from handstyle.progress import Progress
from handstyle.workspace import Workspace

if TYPE_CHECKING:
    from handstyle.inspection.audit_report import Audit
    from handstyle.inspection.subject import Subject


def audit(workspace: Workspace, subject: Subject, pictures: Path, progress: Progress, *, anew: bool) -> Audit | None:
    """A new one where it was asked for, else what an earlier one said, if there is any."""
    if anew:
        return audited(workspace, subject, pictures, progress)
    return earlier(workspace, subject.worn.style.tensors)


def audited(workspace: Workspace, subject: Subject, pictures: Path, progress: Progress) -> Audit:
    """Raises Withdrawn or RightsMissing: the twins learn from the works once more."""
    from handstyle.finetuning.material import material_of
    from handstyle.finetuning.preparing import encode_pictures, encode_words
    from handstyle.inspection.audit import Auditing
    from handstyle.inspection.drawing import Album

    collection, family, recipe = subject.collection, subject.family, subject.worn.trained.recipe
    require_permission(workspace, collection, "train")
    require_training(collection, family, recipe, subject.worn.trained.origin)
    own = class_images_again(workspace, subject.worn.style.class_images, None, recipe, family)
    for _ in encode_pictures(collection, subject.folder, family, recipe, subject.cache):
        pass
    for _ in encode_words(collection, family, recipe, subject.cache):
        pass
    near = workspace.collection(collection.digest) / ALIKE
    seed, chosen_by = chance(workspace, collection)
    folder = workspace.folds(f"audit-{subject.worn.style.tensors[:12]}")
    audit = Auditing(
        subject=subject,
        material=material_of(collection, family, recipe, subject.cache, own, progress),
        alike=Alike.load(near).works if near.is_file() else {},
        seed=seed,
        chosen_by=chosen_by,
        album=Album(pictures, subject.mark),
        report=progress,
        folder=folder / "twins",
    )
    with workspace.held(folder):
        return audit.go()


def earlier(workspace: Workspace, tensors: str) -> Audit | None:
    """What an audit said of these very weights goes on to hold when they are inspected again without one."""
    from handstyle.loading import current_report

    report, _ = current_report(workspace)
    if report is None or report.audit is None or report.style != tensors:
        return None
    collage = report.audit.collage and report.audit.collage.model_copy(update={"picture": ""})
    return report.audit.model_copy(update={"collage": collage})


def chance(workspace: Workspace, collection: Collection) -> tuple[str, str]:
    """A seed that whoever trains cannot choose: signatures of those who permitted it are in it, where there are any."""
    from handstyle.collection import permission

    kept = permission.kept(collection, workspace.collection(collection.digest)).values()
    signatures = sorted(signature["sig"] for consent in kept for signature in consent.signatures)
    nonces = sorted(consent.statement.predicate.nonce or "" for consent in kept)
    decisive: dict[str, object] = {"collection": collection.digest, "signatures": signatures}
    if any(nonces):
        decisive["nonces"] = nonces
    seed = digests.of_json(decisive)
    if any(nonces):
        return seed, "the digest of the collection, the signatures of the permission and the number drawn for it"
    if signatures:
        return seed, "the digest of the collection and the signatures of the permission"
    return seed, "the digest of the collection alone, as nobody has signed the permission"
