"""Which records do other programs, and other people's rules, ask for with a release?

Small files under the release's own signature, made from what the release shows and from nothing else: no work, and no
name that does not stand there already.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.publication import bill_of_materials, copyright_policy, croissant, training_summary
from handstyle.publication.clearance import Clearance
from handstyle.publication.copyright_policy import Contact
from handstyle.publication.disclosure import PublishedCollection, published_style

CROISSANT, BILL_OF_MATERIALS = "croissant.json", "bom.cdx.json"
SUMMARY, POLICY = "TRAINING_SUMMARY.md", "COPYRIGHT_POLICY.md"


def files(
    published: PublishedCollection,
    style: TrainedStyle,
    cleared: Clearance,
    digests: Mapping[str, str],
    *,
    class_images: PublishedCollection | None = None,
    contact: Contact | None,
    signer: str,
) -> dict[str, bytes]:
    """`digests` are the SHA-256 of the release's files of weights and of its `collection.json`, by path.

    Without somebody to turn to there is no policy: it would promise an answer that nobody gives.
    """
    style = published_style(style)
    weights = {path: sha256 for path, sha256 in digests.items() if path != "collection.json"}
    made = {
        CROISSANT: _json(croissant.record(published, cleared, digests["collection.json"])),
        BILL_OF_MATERIALS: _json(bill_of_materials.record(published, class_images, style, cleared, weights)),
        SUMMARY: training_summary.text(published, class_images, style, cleared, contact, signer).encode(),
    }
    return made if contact is None else made | {POLICY: copyright_policy.text(cleared, contact).encode()}


def _json(record: Mapping[str, object]) -> bytes:
    return (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode()
