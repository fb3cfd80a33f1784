"""What goes into a release beside its weights, and where is it written down?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from handstyle import digests
from handstyle.collection.works import Collection
from handstyle.gates import require_standing
from handstyle.loading import collection_named
from handstyle.workspace import House, Workspace

if TYPE_CHECKING:
    from handstyle.collection.consent import Consent
    from handstyle.finetuning.trained_style import TrainedStyle
    from handstyle.inspection.report import InspectionReport
    from handstyle.publication.log_proof import LogProof
    from handstyle.publication.provenance import Statement


def collections_to_publish(
    workspace: Workspace, style: TrainedStyle
) -> tuple[tuple[Collection, Path], tuple[Collection | None, Path]]:
    """Works and class images, each with its folder. Raises Withdrawn where a permission was taken back."""
    collection, folder = collection_named(workspace, style.collection)
    class_images, beside = collection_named(workspace, style.class_images) if style.class_images else (None, folder)
    for found in filter(None, (collection, class_images)):
        require_standing(workspace, found, None, "a release")
    return (collection, folder), (class_images, beside)


def consents(workspace: Workspace, *collections: Collection | None) -> dict[str, Consent]:
    from handstyle.collection import permission

    return {
        digest: given
        for found in collections
        if found
        for digest, given in permission.kept(found, workspace.collection(found.digest)).items()
    }


def proof_of_log(style: TrainedStyle, *collections: Collection | None) -> Callable[[Statement], LogProof] | None:
    """By which a release is logged before it is signed; None without a log."""
    from handstyle.publication import logged
    from handstyle.publication.disclosure import published_collection

    log = logged.keepers_log(House.here())
    published = [published_collection(found) for found in collections if found]
    return None if log is None else partial(logged.release, log, style, published)


def public_report(report: InspectionReport, pictures: Path) -> dict[str, bytes]:
    from handstyle.inspection import page
    from handstyle.inspection.redaction import redacted

    return {
        "report.json": redacted(report).model_dump_json(indent=2).encode() + b"\n",
        "report.html": page.page(report, pictures, public=True).encode(),
    }


def count_release(workspace: Workspace, style: TrainedStyle, report: InspectionReport, release: Path) -> None:
    """In the ledger, with the pictures by the style that anybody can see in the release."""
    from handstyle.generation import ledger
    from handstyle.inspection.redaction import redacted
    from handstyle.publication.provenance import ENVELOPE

    report = redacted(report)
    shown = [*(side.style for side in report.comparisons), *(output.picture for output in report.copying.outputs)]
    pictures = len({picture.file for picture in shown} - {""})
    ledger.add(workspace.ledger, "released", [style.tensors], pictures, digests.of_file(release / ENVELOPE))
