"""Is a statement bound to its signer, its purpose and its one spelling?"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from handstyle import digests
from handstyle.diffusion.base_provenance import BaseProvenance
from handstyle.envelopes import pre_authentication
from handstyle.errors import RecordDamaged
from handstyle.keys import fingerprint
from handstyle.publication import provenance
from handstyle.publication.provenance import Lineage, ListedFile, Statement, is_plain, opened, sign
from handstyle.publication.style_licence import StyleLicence

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STATEMENT = Statement(
    name="soft-outline",
    title="Soft outline",
    licence=StyleLicence(name="MIT", hub="mit", why="It is."),
    published="2026-11-22",
    lineage=Lineage(
        collection="1",
        number_of_works=32,
        recipe="2",
        base="3",
        tensors="4",
        report="5",
        base_provenance=BaseProvenance(base="b" * 64, made_from="unknown", because="nothing is said of it"),
        involvement="6",
    ),
    weights=(),
    files=(ListedFile(path="README.md", sha256="a" * 64, size=3),),
)


def changed(**fields: Any) -> bytes:
    return digests.canonical({**json.loads(sign(STATEMENT, KEY)), **fields})


def test_a_signed_statement_is_read_back_with_its_signer() -> None:
    assert opened(sign(STATEMENT, KEY)) == (STATEMENT, fingerprint(KEY.public_key()))


def test_a_signature_for_another_purpose_does_not_serve() -> None:
    envelope = json.loads(sign(STATEMENT, KEY))
    payload = base64.b64decode(envelope["payload"])
    for signed in (payload, pre_authentication("text/plain", payload)):
        envelope["signatures"][0]["sig"] = base64.b64encode(KEY.sign(signed)).decode()
        with pytest.raises(RecordDamaged, match="signature"):
            opened(digests.canonical(envelope))


def resigned(payload: bytes) -> bytes:
    """A careless signer: whatever bytes, validly signed."""
    envelope = json.loads(sign(STATEMENT, KEY))
    envelope["payload"] = base64.b64encode(payload).decode()
    signature = KEY.sign(pre_authentication(provenance.PAYLOAD_TYPE, payload))
    envelope["signatures"][0]["sig"] = base64.b64encode(signature).decode()
    return digests.canonical(envelope)


def test_a_statement_has_one_spelling_even_when_the_signature_fits() -> None:
    content = STATEMENT.as_json()
    loose = json.dumps(content).encode()
    twice = digests.canonical(content).replace(b'"name":', b'"name":"other","name":', 1)
    unknown = digests.canonical({**content, "extra": 1})
    for payload, words in ((loose, "canonical"), (twice, "twice"), (unknown, "not a valid"), (b"[]", "not a valid")):
        with pytest.raises(RecordDamaged, match=words):
            opened(resigned(payload))


def envelopes() -> dict[str, bytes]:
    good = sign(STATEMENT, KEY)
    (signature,) = json.loads(good)["signatures"]
    other = Ed25519PrivateKey.generate().public_key()
    return {
        "nothing": b"",
        "no JSON": b"{",
        "no object": b"[]",
        "a number": b"1",
        "not UTF-8": b"\xff" + good,
        "a line break": good + b"\n",
        "spaces": json.dumps(json.loads(good)).encode(),
        "a key twice": good.replace(b'"payload":', b'"payload":"","payload":', 1),
        "another type": changed(payloadType="text/plain"),
        "a further field": changed(note="hello"),
        "no signature": changed(signatures=[]),
        "two signatures": changed(signatures=[signature, signature]),
        "a signature with more": changed(signatures=[{**signature, "note": ""}]),
        "a foreign key id": changed(signatures=[{**signature, "keyid": fingerprint(other)}]),
        "no base64": changed(payload="!!"),
        "other base64": changed(payload=json.loads(good)["payload"] + "="),
        "a short key": changed(signatures=[{**signature, "publicKey": "AAAA"}]),
        "a number as payload": changed(payload=7),
        "very deep": b"[" * 100_000 + b"]" * 100_000,
        "very large": b" " * (provenance.LARGEST_ENVELOPE + 1),
    }


@pytest.mark.parametrize("what", envelopes())
def test_any_other_envelope_is_refused_in_words(what: str) -> None:
    with pytest.raises(RecordDamaged, match=r"handstyle\.json"):
        opened(envelopes()[what])


@pytest.mark.parametrize(
    "path",
    [
        *("", "/etc/passwd", "../up", "a/../b", "a//b", "./a", "a/.", "C:/x", "C:x", "a\\b", "\\\\host\\x", "a\0b"),
        *("a b", "a\nb", ".hidden", "a/.git/config", "trailing.", "trailing/", "nul", "CON.txt", "a/aux.png", "ä"),
        *("a\n", "a:b", "~root", "-rf"),
    ],
)
def test_a_path_that_could_mean_something_else_is_not_plain(path: str) -> None:
    assert not is_plain(path)


@pytest.mark.parametrize("path", ["README.md", "weights/unet/config.json", "licences/LICENSE-0a1b.md", "a_b.c-d"])
def test_a_path_of_a_release_is_plain(path: str) -> None:
    assert is_plain(path)
