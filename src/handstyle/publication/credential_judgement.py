"""What is the credential in a picture's file worth?

"Valid" means to c2pa-python that somebody signed: only a certificate that the verifier has named makes a credential
trusted. Without the library (the extra `publish`) nothing is judged. Nothing is fetched.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from cryptography import x509

from handstyle.collection.content_credentials import MIME
from handstyle.collection.formats import FileFormat
from handstyle.generation.signature import DRAWN, PAINTED_INTO
from handstyle.publication import credentials
from handstyle.publication.work_credentials import size_of_store
from handstyle.records import Record

State = Literal["trusted", "by a stranger", "broken", "unreadable", "not looked for"]


class Credential(Record):
    """What the credential of a file is worth. `trusted`: by a certificate that the verifier named."""

    state: State
    words: str
    issuer: str | None = None  # as the certificate calls itself
    generated: bool = False  # it says that a model made the picture
    models: tuple[str, ...] = ()  # what it says that model was
    works: int = 0  # which it says the models learnt from
    works_with_credentials: int = 0  # of these, with one of their own
    faults: tuple[str, ...] = ()


def judged(data: bytes, kind: FileFormat, anchors: Sequence[x509.Certificate]) -> Credential | None:
    """The credential in a picture's file; None where there is none. Nothing is fetched."""
    store = size_of_store(data)
    if store == 0:
        return None
    if not credentials.is_installed():
        words = "there is a credential, which the extra `publish` is needed for"
        return Credential(state="not looked for", words=words)
    if store > credentials.LARGEST_STORE:
        words = f"the credential is larger than {credentials.LARGEST_STORE >> 20} MB, and was not opened"
        return Credential(state="unreadable", words=words)
    import c2pa

    try:
        with credentials.context_for(anchors) as context:
            reader = c2pa.Reader.try_create(MIME[kind], io.BytesIO(data), context=context)
            if reader is None:
                return Credential(state="unreadable", words="what stands in the credential's place is none")
            with reader:
                return _judgement(json.loads(reader.json()), reader.get_validation_state())
    except (c2pa.C2paError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        return Credential(state="unreadable", words=f"the credential cannot be read: {str(error)[:200]}")


def _judgement(said: Mapping[str, Any], state: str | None) -> Credential:
    manifest = said["manifests"][said["active_manifest"]]
    models = [part for part in manifest.get("ingredients", ())
              if part.get("active_manifest") and part.get("format") == credentials.WEIGHTS]  # fmt: skip
    works = [part for model in models for part in said["manifests"][model["active_manifest"]].get("ingredients", ())
             if part.get("format") != credentials.WEIGHTS]  # fmt: skip
    about: dict[str, Any] = {
        "issuer": manifest.get("signature_info", {}).get("common_name"),
        "generated": bool({DRAWN, PAINTED_INTO} & _source_types(manifest)),
        "models": tuple(str(model["title"]) for model in models),
        "works": len(works),
        "works_with_credentials": sum(1 for work in works if work.get("active_manifest")),
    }
    faults = tuple(sorted({str(fault["code"]) for fault in said.get("validation_status", ())}))
    if state == "Trusted":
        return Credential(state="trusted", words="a credential by a certificate you named", **about)
    if state == "Valid":
        words = "a credential, signed by a certificate nobody vouched for"
        return Credential(state="by a stranger", words=words, **about)
    words = "a credential that does not fit this file: it was altered, or the credential is another picture's"
    return Credential(state="broken", words=words, faults=faults, **about)


def _source_types(manifest: Mapping[str, Any]) -> set[str]:
    actions = [
        action
        for assertion in manifest.get("assertions", ())
        if str(assertion.get("label", "")).startswith("c2pa.actions")
        for action in assertion["data"].get("actions", ())
    ]
    return {str(action.get("digitalSourceType")) for action in actions}
