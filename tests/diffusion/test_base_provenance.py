"""Is a base believed only what its digest shows, or what somebody signed whom one has named?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from handstyle import digests
from handstyle.diffusion import base_provenance
from handstyle.diffusion.base_provenance import BaseProvenance, BaseStatement, provenance_of, sign
from handstyle.diffusion.catalogue import EMBEDDED
from handstyle.diffusion.pipeline_folder import base_digest
from handstyle.errors import GateClosed
from handstyle.keys import fingerprint

BASE, OTHER = "b" * 64, "c" * 64
MAKER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
TRUSTED = frozenset({fingerprint(MAKER.public_key())})


def signed(key: Ed25519PrivateKey = MAKER, **changes: Any) -> bytes:
    told = {"base": BASE, "made_from": "consented", "because": "12,000 works, each with a signed consent"}
    return sign(BaseStatement.model_validate(told | changes), key)


def test_the_base_that_is_shipped_is_known_by_its_digest() -> None:
    found = provenance_of(base_digest(EMBEDDED, ["unet", "vae", "text_encoder"]), None, "", frozenset())
    assert found.made_from == "open-licensed", "a new embedded base needs its row in KNOWN"
    assert "authors were not asked" in found.words


def test_the_word_of_somebody_named_counts() -> None:
    found = provenance_of(BASE, signed(), "unknown", TRUSTED)
    assert found.made_from == "consented" and "12,000 works" in found.words and found.signer in TRUSTED


def flipped() -> bytes:
    data = bytearray(signed())
    data[data.index(b'"sig":"') + 12] ^= 1
    return bytes(data)


def spaced() -> bytes:
    return json.dumps(json.loads(signed())).encode()


def with_other_key_id() -> bytes:
    envelope = json.loads(signed(STRANGER))
    envelope["signatures"][0]["keyid"] = fingerprint(MAKER.public_key())
    return digests.canonical(envelope)


def edited() -> bytes:
    envelope, other = json.loads(signed()), json.loads(signed(made_from="own"))
    return digests.canonical({**other, "signatures": envelope["signatures"]})


def of_another_purpose() -> bytes:
    envelope = json.loads(signed())
    return digests.canonical({**envelope, "payloadType": "application/vnd.handstyle.release+json; version=1"})


def unsigned() -> bytes:
    return digests.canonical({**json.loads(signed()), "signatures": []})


CLAIMS = {
    "nothing": (None, "nothing is said of it"),
    "a line in its card": (None, "which nobody signed"),
    "a stranger's word": (signed(STRANGER), "nobody you named"),
    "a statement on another base": (signed(base=OTHER), "speaks of another base"),
    "a flipped signature": (flipped(), "does not hold"),
    "another spelling": (spaced(), "canonical form"),
    "a stranger under another's key id": (with_other_key_id(), "names another key"),
    "an edited statement": (edited(), "does not fit"),
    "a signature for another purpose": (of_another_purpose(), "another kind"),
    "no signature": (unsigned(), "does not hold"),
    "no statement at all": (b"\xff\x00", "does not hold"),
    "an empty file": (b"", "does not hold"),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_nothing_else_counts_and_what_is_claimed_is_told(claim: str) -> None:
    envelope, words = CLAIMS[claim]
    found = provenance_of(BASE, envelope, "consented" if claim == "a line in its card" else "", TRUSTED)
    assert found.made_from == "unknown" and words in found.because


def test_a_folder_that_calls_itself_the_shipped_base_is_another_one(tmp_path: Path) -> None:
    assert provenance_of(BASE, None, "openly licensed", TRUSTED).made_from == "unknown"


def test_what_a_claim_says_stays_one_line_of_letters() -> None:
    found = provenance_of(BASE, None, "consented\n\u202e" + "x" * 999, TRUSTED)
    assert found.because.isprintable() and len(found.because) < 300


def test_an_oversize_or_special_file_is_no_statement(tmp_path: Path) -> None:
    assert base_provenance.envelope_in(tmp_path) is None
    (tmp_path / "base.json").write_bytes(b" " * (base_provenance.LARGEST + 1))
    assert base_provenance.envelope_in(tmp_path) == b""
    (tmp_path / "base.json").unlink()
    (tmp_path / "base.json").mkdir()
    assert base_provenance.envelope_in(tmp_path) == b""


def test_the_policy_refuses_what_is_unknown_and_nothing_else() -> None:
    unknown = provenance_of(BASE, None, "", frozenset())
    base_provenance.require_known(unknown, "warn")
    base_provenance.require_known(provenance_of(BASE, signed(), "", TRUSTED), "refuse")
    with pytest.raises(GateClosed) as refused:
        base_provenance.require_known(unknown, "refuse")
    assert refused.value.exit_code == 3 and "policy.toml" in refused.value.hint


def test_a_statement_cannot_say_that_nobody_knows() -> None:
    with pytest.raises(ValueError):
        BaseStatement.model_validate({"base": BASE, "made_from": "unknown", "because": "who knows"})
    with pytest.raises(ValueError):
        BaseProvenance.model_validate({"base": BASE, "made_from": "scraped", "because": "x"})
