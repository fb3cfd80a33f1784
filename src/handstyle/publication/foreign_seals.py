"""Which seals do other tools look for in a release?

    credentials/       a C2PA credential for each file of weights
    model.sig          a signature by OpenSSF Model Signing
    certificate.pem    what both lead to

Written where the extra `publish` is installed, and covered by our own signature like every other file. None of them can
be altered: under another name, or by another key, they are made anew or are gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.publication import certificates, credentials, model_signature
from handstyle.publication.disclosure import PublishedCollection
from handstyle.publication.provenance import Weights
from handstyle.publication.release_records import WEIGHTS
from handstyle.publication.work_credentials import WorkCredential
from handstyle.records import write

CREDENTIALS = "credentials"


def is_one(path: str) -> bool:
    return path.startswith(f"{CREDENTIALS}/") or path in (model_signature.SIGNATURE, model_signature.CERTIFICATE)


def add(
    folder: Path,
    collections: Sequence[PublishedCollection],
    style: TrainedStyle,
    weights: Sequence[Weights],
    key: Ed25519PrivateKey,
    own: Mapping[str, WorkCredential],
) -> None:
    """To a release in which everything else stands but what is signed last; `own` are the credentials of works."""
    signing = certificates.credentials_of(key)
    if credentials.is_installed():
        for item in weights:
            sidecar = credentials.of_model(folder / WEIGHTS / item.path, style, collections, signing, own)
            write(folder / CREDENTIALS / f"{item.format}.c2pa", sidecar)
    if model_signature.is_installed():
        model_signature.sign(folder, signing)
