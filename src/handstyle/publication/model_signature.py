"""How do tools that know nothing of handstyle check a release?

`model.sig` is a signature by the OpenSSF Model Signing specification (OMS 1.0): a sigstore bundle over the digest of
every file but itself, the proof of the log and `handstyle.json`, which is signed last and lists all the others. Made
offline, by the certificate that lies beside it as `certificate.pem`; neither needs an account. It is written where the
extra `publish` is installed.
"""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path

from handstyle.publication.certificates import Credentials, pem
from handstyle.publication.log_proof import PROOF
from handstyle.publication.provenance import ENVELOPE
from handstyle.records import write

SIGNED_LATER = (ENVELOPE, PROOF)
SIGNATURE, CERTIFICATE = "model.sig", "certificate.pem"


def is_installed() -> bool:
    # 1.1.1 imports pyOpenSSL, and does not bring it.
    return all(importlib.util.find_spec(name) is not None for name in ("model_signing", "OpenSSL"))


def sign(folder: Path, credentials: Credentials) -> None:
    """Over all that stands in `folder` now."""
    from model_signing import hashing, signing

    write(folder / CERTIFICATE, credentials.root_pem)
    files = hashing.Config().set_ignored_paths(paths=[SIGNATURE, *SIGNED_LATER], ignore_git_paths=False)
    with tempfile.TemporaryDirectory() as name:  # the library takes files only; nobody else can look into this folder
        key, leaf, root = (Path(name) / file for file in ("key.pem", "leaf.pem", "root.pem"))
        key.write_bytes(credentials.key_pem)
        leaf.write_bytes(pem([credentials.leaf]))
        root.write_bytes(credentials.root_pem)
        signer = signing.Config().use_certificate_signer(
            private_key=key, signing_certificate=leaf, certificate_chain=[root]
        )
        signer.set_hashing_config(files).sign(folder, folder / SIGNATURE)


def verify(folder: Path, certificate: Path) -> None:
    """With the library, as anybody else would. Raises ValueError naming what differs."""
    from model_signing import verifying

    config = verifying.Config().use_certificate_verifier(certificate_chain=[certificate])
    config.verify(folder, folder / SIGNATURE)
