"""Two holders, their keys, terms and works: what a consent is made from in tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from handstyle import digests
from handstyle.collection import consent
from handstyle.collection.consent import Consent
from handstyle.collection.terms import Named, Terms, statement
from handstyle.keys import KeySigner, public_line

TODAY = date(2026, 11, 25)
ADA = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
PRESS = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
STRANGER = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34))))

ADA_HOLDS: dict[str, Any] = {
    "name": "Ada Example",
    "roles": ["creator", "copyright-owner"],
    "basis": "author-retained",
    "key": public_line(ADA.key.public_key()),
}
PRESS_HOLDS: dict[str, Any] = {
    "name": "Example Press",
    "roles": ["copyright-owner"],
    "basis": "assignment",
    "identity": "organisation",
    "key": public_line(PRESS.key.public_key()),
}
SCOPE: dict[str, Any] = {
    "methods": ["lora"],
    "bases": ["sha256:" + "b" * 64],
    "distribution": "public",
    "territory": ["everywhere"],
    "valid_from": date(2026, 1, 1),
    "valid_until": date(2030, 12, 31),
}
WORKS = [Named(f"{number}.png", digests.of_bytes(b"file %d" % number), digests.of_bytes(b"pixels %d" % number))
         for number in range(2)]  # fmt: skip


def asked(*holders: dict[str, Any], **scope: Any) -> Terms:
    return Terms.read(
        {
            "keeper": "Studio Example",
            "contact": "rights@studio.example",
            "author": "Ada Example",
            "holders": holders or (ADA_HOLDS, PRESS_HOLDS),
            "scope": {**SCOPE, **scope},
        },
        where="the test",
    )


def draft(*holders: dict[str, Any], works: Sequence[Named] = WORKS, **scope: Any) -> Consent:
    wanted = asked(*holders, **scope)
    return consent.drafted(statement(wanted, works, background="white", on=TODAY, beside=Path()))


def signed(*holders: dict[str, Any], works: Sequence[Named] = WORKS, **scope: Any) -> Consent:
    """By everybody."""
    found = draft(*holders, works=works, **scope)
    for signer in (ADA, PRESS):
        if any(holder.key == signer.public for holder in found.statement.holders):
            found = consent.signed(found, signer)
    return found
