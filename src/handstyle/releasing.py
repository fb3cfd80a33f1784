"""What goes into a release, where is it written down, and what is told of it?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from handstyle import digests
from handstyle.blind_testing import with_blind_test
from handstyle.collection.works import Collection
from handstyle.diffusion.base_provenance import BaseProvenance
from handstyle.gates import require_standing
from handstyle.loading import collection_named, current_report, open_style
from handstyle.results import Published
from handstyle.vouching import base_to_publish
from handstyle.workspace import House, Workspace

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from handstyle.collection.consent import Consent
    from handstyle.finetuning.trained_style import TrainedStyle
    from handstyle.inspection.report import InspectionReport
    from handstyle.publication.clearance import Clearance
    from handstyle.publication.copyright_policy import Contact
    from handstyle.publication.log_proof import LogProof
    from handstyle.publication.provenance import Statement, Weights

NO_POLICY = "Nobody to turn to was named, so there is no copyright policy: --keeper and --contact name them."


@dataclass(frozen=True)
class Finished:
    """A style and all that is known of it."""

    workspace: Workspace
    style: TrainedStyle
    weights: Path
    collection: Collection
    folder: Path  # of the works
    class_images: Collection | None
    beside: Path  # folder of the class images
    report: InspectionReport | None
    pictures: Path  # of the report
    base: BaseProvenance
    base_statement: bytes | None

    @property
    def collections(self) -> Iterator[tuple[Collection, Path]]:
        yield self.collection, self.folder
        if self.class_images:
            yield self.class_images, self.beside


def finished(workspace: Workspace, base: Path) -> Finished:
    """The style of the current run. Raises Withdrawn where a permission was taken back, and GateClosed where the
    workspace refuses a base like this."""
    from handstyle.finetuning.trained_style import WEIGHTS

    run = workspace.needs("run", "finetune")
    style = open_style(workspace, run)
    collection, folder = collection_named(workspace, style.collection)
    class_images, beside = collection_named(workspace, style.class_images) if style.class_images else (None, folder)
    for found in filter(None, (collection, class_images)):
        require_standing(workspace, found, None, "a release")
    weights = workspace.run(run) / "style" / WEIGHTS
    of_base = base_to_publish(workspace, base, style)
    report, pictures = current_report(workspace)
    report = with_blind_test(workspace, report)
    return Finished(workspace, style, weights, collection, folder, class_images, beside, report, pictures, *of_base)


def assemble(
    release: Path,
    made: Finished,
    cleared: Clearance,
    weights: Sequence[Weights],
    key: Ed25519PrivateKey,
    contact: Contact | None,
) -> None:
    """Around the weights, which are there already; then it stands in the ledger."""
    from handstyle.keys import fingerprint
    from handstyle.publication import card, package, work_credentials

    style, collection, class_images = made.style, made.collection, made.class_images
    assert made.report is not None, "without one there is no clearance"
    signer = fingerprint(key.public_key())
    package.assemble(
        release,
        collection=collection,
        style=style,
        cleared=cleared,
        weights=weights,
        card_text=card.text(style, collection, made.report, cleared, weights, signer, class_images),
        report_files=_public_report(made.report, made.pictures),
        consents=_consents(made),
        evidence_folders=[made.folder, made.folder.parent, made.beside],
        key=key,
        class_images=class_images,
        base_statement=made.base_statement,
        contact=contact,
        prove=_proof_of_log(made),
        own_credentials=work_credentials.carried(made.collections),
    )
    _count(made.workspace, style, made.report, release)


def _consents(made: Finished) -> dict[str, Consent]:
    from handstyle.collection import permission

    return {
        digest: given
        for found, _ in made.collections
        for digest, given in permission.kept(found, made.workspace.collection(found.digest)).items()
    }


def _proof_of_log(made: Finished) -> Callable[[Statement], LogProof] | None:
    """By which a release is logged before it is signed; None without a log."""
    from handstyle.publication import logged
    from handstyle.publication.disclosure import published_collection

    log = logged.keepers_log(House.here())
    published = [published_collection(found) for found, _ in made.collections]
    return None if log is None else partial(logged.release, log, made.style, published)


def _public_report(report: InspectionReport, pictures: Path) -> dict[str, bytes]:
    from handstyle.inspection import page
    from handstyle.inspection.redaction import redacted

    return {
        "report.json": redacted(report).model_dump_json(indent=2).encode() + b"\n",
        "report.html": page.page(report, pictures, public=True).encode(),
    }


def _count(workspace: Workspace, style: TrainedStyle, report: InspectionReport, release: Path) -> None:
    """In the ledger, with the pictures by the style that anybody can see in the release."""
    from handstyle.generation import ledger
    from handstyle.inspection.redaction import redacted
    from handstyle.publication.provenance import ENVELOPE

    report = redacted(report)
    shown = [*(side.style for side in report.comparisons), *(output.picture for output in report.copying.outputs)]
    pictures = len({picture.file for picture in shown} - {""})
    ledger.add(workspace.ledger, "released", [style.tensors], pictures, digests.of_file(release / ENVELOPE))


def published(
    release: Path, cleared: Clearance, weights: Sequence[Weights], key: Ed25519PrivateKey, address: str
) -> Published:
    from handstyle.keys import fingerprint
    from handstyle.publication import records_for_others

    return Published(
        release=str(release),
        address=address,
        signer=fingerprint(key.public_key()),
        licence=cleared.licence.name,
        weights=tuple(item.path for item in weights),
        reasons=(*cleared.reasons, *([] if (release / records_for_others.POLICY).exists() else [NO_POLICY])),
    )
