"""What was this release made from, and who says so?

A statement lists every file of a release with its digest and size, and the chain collection -> recipe -> base ->
tensors -> report. It is signed as DSSE does it: over the type and the bytes of the statement, so that a signature
made for one purpose cannot serve another. The envelope has one spelling only; any other is a fault.

https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from pathlib import PurePosixPath
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import Field

from handstyle import digests
from handstyle.errors import RecordDamaged
from handstyle.publication.keys import fingerprint
from handstyle.records import Record

ENVELOPE = "handstyle.json"
PAYLOAD_TYPE = "application/vnd.handstyle.release+json; version=1"
LARGEST_ENVELOPE = 4 << 20  # bytes

DIGEST = r"^[0-9a-f]{64}$"
# Letters, digits, dots, hyphens and underscores between single slashes. What else a path can say, such as `..`,
# a drive, a backslash, NUL, a hidden file or a trailing dot, no release needs.
PART = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?"
PATH = rf"^{PART}(?:/{PART})*$"
# Names that Windows gives to devices, whatever their ending.
DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))})


Format = Literal["diffusers-lora", "kohya-lora", "diffusers-unet", "transformers-text-encoder"]


class ListedFile(Record):
    path: str
    sha256: str = Field(pattern=DIGEST)
    size: int = Field(ge=0)


class Weights(Record):
    """A file of weights; its tensors are the style's under the names of another tool."""

    path: str  # below the folder of weights, with forward slashes
    format: Format
    tensors: str = Field(pattern=DIGEST)
    largest_difference: float  # between outputs of the trained and the reloaded network, relative to the largest


class Lineage(Record):
    """Each link by digest. What was withheld from publication (captions, pictures) is bound by it all the same."""

    collection: str
    number_of_works: int
    recipe: str
    base: str
    tensors: str  # of the style as it was trained
    report: str  # of the whole report, before anything private was left out


class Statement(Record):
    format: Literal["handstyle/release/1"] = "handstyle/release/1"
    name: str
    published: str  # the day the signer says it was; nothing proves it
    lineage: Lineage
    weights: tuple[Weights, ...]
    files: tuple[ListedFile, ...]


def sign(statement: Statement, key: Ed25519PrivateKey) -> bytes:
    """The envelope, in its one spelling."""
    payload = digests.canonical(statement.as_json())
    public = key.public_key()
    return digests.canonical(
        {
            "payload": _encoded(payload),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [
                {
                    "keyid": fingerprint(public),
                    "publicKey": _encoded(public.public_bytes(Encoding.Raw, PublicFormat.Raw)),
                    "sig": _encoded(key.sign(pre_authentication(PAYLOAD_TYPE, payload))),
                }
            ],
        }
    )


def pre_authentication(kind: str, payload: bytes) -> bytes:
    """PAE(type, body) = "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body (DSSE v1.0.2)."""
    return b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(payload), payload)


def opened(envelope: bytes) -> tuple[Statement, str]:
    """The statement and its signer's fingerprint. Raises RecordDamaged for any spelling but ours."""
    try:
        if len(envelope) > LARGEST_ENVELOPE:
            raise ValueError(f"it is larger than {LARGEST_ENVELOPE >> 20} MB")
        data = strict_json(envelope)
        if digests.canonical(data) != envelope:
            raise ValueError("it is not written in canonical form")
        if set(data) != {"payload", "payloadType", "signatures"} or data["payloadType"] != PAYLOAD_TYPE:
            raise ValueError("it is not the envelope of a release")
        (signature,) = data["signatures"]
        if set(signature) != {"keyid", "publicKey", "sig"}:
            raise ValueError("its signature has other fields than it must")
        payload = _decoded(data["payload"])
        key = Ed25519PublicKey.from_public_bytes(_decoded(signature["publicKey"]))
        if signature["keyid"] != fingerprint(key):
            raise ValueError("it names another key than it carries")
        key.verify(_decoded(signature["sig"]), pre_authentication(PAYLOAD_TYPE, payload))
        content = strict_json(payload)
        if digests.canonical(content) != payload:
            raise ValueError("its statement is not written in canonical form")
        return Statement.read(content, where=f"the statement in {ENVELOPE}"), fingerprint(key)
    except InvalidSignature:
        raise RecordDamaged(f"the signature in {ENVELOPE} does not fit what it signs") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise RecordDamaged(f"{ENVELOPE} is not a signed statement: {error}") from error


def strict_json(data: bytes) -> Any:
    """JSON in which no key stands twice and no number is NaN. Raises ValueError."""
    return json.loads(data.decode("utf-8"), object_pairs_hook=digests.once, parse_constant=_no_number)


def is_plain(path: str) -> bool:
    """Does it name a file inside a folder, and nothing else, on every system?"""
    return bool(re.fullmatch(PATH, path)) and not any(
        part.split(".")[0].lower() in DEVICES for part in PurePosixPath(path).parts
    )


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not a number")


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(text: Any) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError) as error:
        raise ValueError(f"it holds text that is not base64: {error}") from error
    if _encoded(data) != text:  # unused bits at the end could be anything
        raise ValueError("it holds base64 in another spelling than ours")
    return data
