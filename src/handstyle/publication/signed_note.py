"""How does a log say, at a certain time, how large it is and what is in it?

In a checkpoint (https://c2sp.org/tlog-checkpoint), which is a signed note (https://c2sp.org/signed-note):

    studio.example/handstyle              the origin: which log
    7                                     how many entries
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2…     the root of the tree over them

    — studio.example/handstyle jWbPPw…    who signed: the log, then any witnesses

All signatures are timestamped Ed25519 cosignatures (https://c2sp.org/tlog-cosignature, type 0x04), the log's own as
well: so the news has a date that somebody answers for. One spelling only, as everywhere.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from handstyle import envelopes, keys
from handstyle.keys import Signer

COSIGNATURE = 4  # the type of a timestamped Ed25519 signature
LARGEST_NOTE = 1 << 16  # bytes
MOST_SIGNATURES = 64
LARGEST_TREE = 2**53 - 1
NAME = re.compile(r"[^\s+\x00-\x20\x7f]{1,128}")
RESERVED = "cosignature/v1"  # with this as its origin, a checkpoint could pass for what a witness signs
DASH = "\N{EM DASH} "


@dataclass(frozen=True)
class NoteKey:
    """A name, and the key that signs under it."""

    name: str
    key: Ed25519PublicKey

    @property
    def id(self) -> bytes:
        """SHA-256(name || 0x0A || type || public key)[:4]."""
        return key_id(self.name, COSIGNATURE, self.key.public_bytes_raw())

    @property
    def line(self) -> str:
        """The verifier key, as others configure it: `name+id+base64(type || key)`."""
        return f"{self.name}+{self.id.hex()}+{envelopes.encoded(bytes([COSIGNATURE]) + self.key.public_bytes_raw())}"

    @classmethod
    def read(cls, line: str) -> NoteKey:
        """Raises ValueError for what is no verifier key of our kind."""
        name, _, rest = line.strip().partition("+")
        text, _, material = rest.partition("+")
        raw = envelopes.decoded(material)
        if not is_name(name) or len(raw) != 33 or raw[0] != COSIGNATURE:
            raise ValueError("it is not NAME+ID+KEY of a timestamped Ed25519 key")
        found = cls(name, keys.public_key(raw[1:]))
        if found.id.hex() != text:
            raise ValueError("its id is not that of its name and key")
        return found


@dataclass(frozen=True)
class Signature:
    name: str
    id: bytes
    rest: bytes  # of a kind that the id says: for ours a time and 64 bytes

    @property
    def line(self) -> str:
        return f"{DASH}{self.name} {envelopes.encoded(self.id + self.rest)}\n"


@dataclass(frozen=True)
class Checkpoint:
    """Nothing in it is verified but its spelling: `signed_by` asks for a signature."""

    origin: str
    size: int
    root: bytes
    signatures: tuple[Signature, ...] = ()

    @property
    def body(self) -> str:
        return f"{self.origin}\n{self.size}\n{envelopes.encoded(self.root)}\n"

    @property
    def text(self) -> str:
        return f"{self.body}\n{''.join(signature.line for signature in self.signatures)}"

    def signed_by(self, key: NoteKey) -> datetime | None:
        """When; None where it carries no signature of this key. Raises ValueError for one that does not fit."""
        for signature in self.signatures:
            if (signature.name, signature.id) != (key.name, key.id):
                continue  # other keys' signatures are passed over, as the format asks
            if len(signature.rest) != 8 + 64:
                raise ValueError(f"the signature of {key.name} has another length than it must")
            seconds = int.from_bytes(signature.rest[:8], "big")
            try:
                key.key.verify(signature.rest[8:], _message(self.body, seconds))
                return datetime.fromtimestamp(seconds, UTC)
            except InvalidSignature:
                raise ValueError(f"the signature of {key.name} does not fit what it signs") from None
            except (OverflowError, OSError) as error:
                raise ValueError(f"the signature of {key.name} has no time: {error}") from None
        return None

    def with_signature(self, name: str, signer: Signer, at: datetime) -> Checkpoint:
        """Signed once more; an earlier signature by the same key goes."""
        key = NoteKey(name, keys.key_in(signer.public))
        seconds = int(at.timestamp())
        made = Signature(name, key.id, seconds.to_bytes(8, "big") + signer.sign(_message(self.body, seconds)))
        others = tuple(one for one in self.signatures if (one.name, one.id) != (made.name, made.id))
        return replace(self, signatures=(*others, made))


def key_id(name: str, kind: int, key: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + key).digest()[:4]


def is_name(text: str) -> bool:
    return bool(NAME.fullmatch(text)) and text != RESERVED and text.isprintable()


def checkpoint_in(text: str) -> Checkpoint:
    """Raises ValueError for any other spelling than ours."""
    if len(text) > LARGEST_NOTE:
        raise ValueError(f"it is larger than {LARGEST_NOTE >> 10} KB")
    body, _, rest = text.partition("\n\n")
    lines = body.split("\n")
    if len(lines) != 3 or not is_name(lines[0]) or not re.fullmatch(r"0|[1-9][0-9]{0,15}", lines[1]):
        raise ValueError("it does not begin with the name of a log, its size and its root")
    found = Checkpoint(lines[0], int(lines[1]), envelopes.decoded(lines[2]), tuple(_signatures(rest)))
    if len(found.root) != 32 or found.size > LARGEST_TREE:
        raise ValueError("its root or its size is none")
    if not found.signatures or len(found.signatures) > MOST_SIGNATURES:
        raise ValueError("nobody signed it, or too many did")
    if found.text != text:
        raise ValueError("it is not spelled as it must be")
    return found


def _signatures(text: str) -> Sequence[Signature]:
    found = []
    for line in text.split("\n")[:-1]:
        name, _, material = line.removeprefix(DASH).partition(" ")
        raw = envelopes.decoded(material)
        if not line.startswith(DASH) or not is_name(name) or len(raw) < 5:
            raise ValueError("one of its signatures is not written as a note's")
        found.append(Signature(name, raw[:4], raw[4:]))
    if len({(one.name, one.id) for one in found}) != len(found):
        raise ValueError("a key signed it twice")
    return found


def _message(body: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{body}".encode()


def day(at: datetime) -> date:
    """In UTC: a log's days are the same for everybody."""
    return at.astimezone(UTC).date()
