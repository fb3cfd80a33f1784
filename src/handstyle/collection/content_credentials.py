"""What do the content credentials of a picture say about training?

The manifests are read with c2pa-python, every one in the store and not only the newest. Without that library, or where
a store does not hold together, what it reserves is not known, and that is what is said.

C2PA 2.2; CAWG Training and Data Mining 1.1 (`constraints_info` stands in its prose, `constraint_info` in its schema).
"""

from __future__ import annotations

import io
import json
from typing import Any

from handstyle.collection.formats import FileFormat
from handstyle.collection.reservation_values import CAWG_LABELS, Reading, cawg, reading

MIME: dict[FileFormat, str] = {"PNG": "image/png", "JPEG": "image/jpeg", "WebP": "image/webp", "TIFF": "image/tiff"}
SETTINGS = {
    "verify": {"verify_trust": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}
LARGEST_STORE = 64 << 20  # bytes
NOT_INSTALLED = "there are content credentials, and c2pa-python, which reads them, is not installed"
# With these, an assertion is missing or is not the one that was signed. That the pixels, the signer or a certificate
# are others than they were changes nothing in what was reserved.
INCOMPLETE = (
    *("assertion.missing", "assertion.hashedURI.mismatch", "assertion.cbor.invalid", "assertion.json.invalid"),
    *("assertion.undeclared", "claim.missing", "claim.multiple", "claim.cbor.invalid", "claimSignature.missing"),
    *("claimSignature.mismatch", "assertion.inaccessible"),
)


def readings(data: bytes, kind: FileFormat, where: str, sidecar: bytes | None = None) -> list[Reading]:
    """Of the store in a picture, or of one that lies beside it."""
    try:
        store = _store(data, MIME[kind], sidecar)
    except ImportError:
        return [reading("c2pa", where, NOT_INSTALLED, "not readable")]
    except Exception as error:  # the library raises errors of its own, and on damaged bytes others
        return [reading("c2pa", where, f"it cannot be read: {error}", "not readable")]
    if store is None:
        return [reading("c2pa", where, "it holds no manifest that can be found", "not readable")]
    return _read(store, where)


def _store(data: bytes, mime: str, sidecar: bytes | None) -> dict[str, Any] | None:
    import c2pa

    with c2pa.Context.from_dict(SETTINGS) as context:
        reader = c2pa.Reader.try_create(mime, io.BytesIO(data), sidecar, context)
        if reader is None:
            return None
        with reader:
            text = reader.json()
    if len(text) > LARGEST_STORE:
        raise ValueError("it is larger than it may be")
    store = json.loads(text)
    if not isinstance(store, dict) or not isinstance(store.get("manifests"), dict):
        raise ValueError("it is no store of manifests")
    return store


def _read(store: dict[str, Any], where: str) -> list[Reading]:
    found = [
        reading("c2pa", where, f"{code}: an assertion is missing, or is not the one that was signed", "not readable")
        for code in _codes(store.get("validation_results")) + _codes(store.get("validation_status"))
        if code in INCOMPLETE
    ]
    for label, manifest in store["manifests"].items():
        for assertion in manifest.get("assertions", ()):
            name = str(assertion.get("label", "")).split("__")[0]
            if name in CAWG_LABELS:
                found += _entries(assertion.get("data"), f"{where}, {name} in {label}")
    return list(dict.fromkeys(found))


def _entries(data: Any, where: str) -> list[Reading]:
    entries = data.get("entries") if isinstance(data, dict) else None
    if not isinstance(entries, dict) or not entries:
        return [reading("c2pa", where, json.dumps(data), "not readable")]
    found = []
    for key, entry in entries.items():
        use = entry.get("use") if isinstance(entry, dict) else None
        why = (entry.get("constraint_info") or entry.get("constraints_info")) if isinstance(entry, dict) else None
        value = f"{key}: {use if isinstance(use, str) else json.dumps(entry)}{f' ({why})' if why else ''}"
        found.append(reading("c2pa", where, value, cawg(use)))
    return found


def _codes(results: Any) -> list[str]:
    """Of everything that failed, in the store and in what it was made from."""
    found: list[str] = []
    waiting = [(results, isinstance(results, list))]
    while waiting:
        value, failed = waiting.pop()
        if isinstance(value, list):
            waiting += [(item, failed) for item in value]
        elif isinstance(value, dict):
            if failed and isinstance(value.get("code"), str):
                found.append(value["code"])
            waiting += [(inner, failed or key == "failure") for key, inner in value.items() if key != "success"]
    return found
