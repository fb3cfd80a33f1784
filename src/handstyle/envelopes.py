"""How is a statement signed, so that it has one spelling only and serves one purpose only?

As DSSE does it: over the type and the bytes of the statement, so that a signature made for one purpose cannot serve
another. Statement and envelope are canonical JSON (RFC 8785): an envelope is read, written anew and compared byte by
byte, so another order, a space, a further field or another spelling of base64 is a fault and not a second original.

https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from handstyle import digests
from handstyle.errors import RecordDamaged
from handstyle.keys import fingerprint, public_key
from handstyle.records import Record

Statement = TypeVar("Statement", bound=Record)

CARRIES_ITS_KEY = frozenset({"keyid", "publicKey", "sig"})


@dataclass(frozen=True)
class Envelope:
    """What an envelope holds. Nothing in it is verified yet but its spelling."""

    payload: bytes
    content: Any  # of the payload
    signatures: tuple[dict[str, str], ...]


def pre_authentication(kind: str, payload: bytes) -> bytes:
    """PAE(type, body) = "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body (DSSE v1.0.2)."""
    return b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(payload), payload)


def sealed(kind: str, payload: bytes, signatures: Sequence[dict[str, str]]) -> bytes:
    """The envelope, in its one spelling."""
    return digests.canonical({"payload": encoded(payload), "payloadType": kind, "signatures": list(signatures)})


def unsealed(data: bytes, kind: str, *, fields: AbstractSet[str], largest: int) -> Envelope:
    """An envelope of this kind whose signatures have exactly these fields. Raises ValueError for any other spelling."""
    if len(data) > largest:
        raise ValueError(f"it is larger than {largest >> 20} MB")
    try:
        outer = strict_json(data)
        if digests.canonical(outer) != data:
            raise ValueError("it is not written in canonical form")
        if set(outer) != {"payload", "payloadType", "signatures"} or outer["payloadType"] != kind:
            raise ValueError("it is an envelope of another kind")
        for signature in outer["signatures"]:
            if set(signature) != fields or not all(isinstance(text, str) for text in signature.values()):
                raise ValueError("its signature has other fields than it must")
        payload = decoded(outer["payload"])
        content = strict_json(payload)
        if digests.canonical(content) != payload:
            raise ValueError("its statement is not written in canonical form")
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"it is not an envelope: {error}") from error
    return Envelope(payload, content, tuple(outer["signatures"]))


def signed(kind: str, payload: bytes, key: Ed25519PrivateKey) -> bytes:
    """The envelope of one signer, which carries the key it is checked with."""
    public = key.public_key()
    signature = {
        "keyid": fingerprint(public),
        "publicKey": encoded(public.public_bytes(Encoding.Raw, PublicFormat.Raw)),
        "sig": encoded(key.sign(pre_authentication(kind, payload))),
    }
    return sealed(kind, payload, [signature])


def opened(data: bytes, kind: str, *, largest: int) -> tuple[Any, str]:
    """What the one signer of an envelope says, and the fingerprint. Raises ValueError or InvalidSignature."""
    found = unsealed(data, kind, fields=CARRIES_ITS_KEY, largest=largest)
    (signature,) = found.signatures
    key = public_key(decoded(signature["publicKey"]))
    if signature["keyid"] != fingerprint(key):
        raise ValueError("it names another key than it carries")
    key.verify(decoded(signature["sig"]), pre_authentication(kind, found.payload))
    return found.content, fingerprint(key)


def statement(data: bytes, kind: str, model: type[Statement], *, file: str, largest: int) -> tuple[Statement, str]:
    """What `file` says as one of ours, and its signer's fingerprint. Raises RecordDamaged for any spelling but ours."""
    try:
        content, signer = opened(data, kind, largest=largest)
        return model.read(content, where=f"the statement in {file}"), signer
    except InvalidSignature:
        raise RecordDamaged(f"the signature in {file} does not fit what it signs") from None
    except ValueError as error:
        raise RecordDamaged(f"{file} is not a signed statement: {error}") from error


def strict_json(data: bytes) -> Any:
    """JSON in which no key stands twice and no number is NaN. Raises ValueError."""
    return json.loads(data.decode("utf-8"), object_pairs_hook=digests.once, parse_constant=_no_number)


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def decoded(text: Any) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError) as error:
        raise ValueError(f"it holds text that is not base64: {error}") from error
    if encoded(data) != text:  # unused bits at the end could be anything
        raise ValueError("it holds base64 in another spelling than ours")
    return data


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not a number")
