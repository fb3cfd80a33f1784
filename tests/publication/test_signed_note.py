"""Is a checkpoint spelled in one way, signed by whom it names, and readable for others?"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from handstyle import envelopes
from handstyle.keys import KeySigner
from handstyle.publication.signed_note import Checkpoint, NoteKey, checkpoint_in, is_name, key_id

LOG = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
WITNESS = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
KEY = NoteKey("studio.example/log", LOG.key.public_key())
UNSIGNED = Checkpoint("studio.example/log", 7, bytes(range(32)))
SIGNED = UNSIGNED.with_signature("studio.example/log", LOG, AT)

# From the tests of Go's golang.org/x/mod/sumdb/note: a verifier key, and what it signed.
NEUMANN = "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NEUMANN_SAYS = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
NEUMANN_SIGNED = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="


def test_a_key_has_the_id_that_others_give_it() -> None:
    raw, signature = envelopes.decoded(NEUMANN), envelopes.decoded(NEUMANN_SIGNED)
    assert key_id("PeterNeumann", raw[0], raw[1:]).hex() == "c74f20a3" == signature[:4].hex()
    Ed25519PublicKey.from_public_bytes(raw[1:]).verify(signature[4:], NEUMANN_SAYS.encode())


def test_the_example_of_the_specification_is_read_and_written_as_it_stands() -> None:
    text = (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE"
        "+xeMcTOAYQ8=\n— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oy"
        "in1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
    )
    found = checkpoint_in(text)
    assert (found.origin, found.size, found.text) == ("example.com/behind-the-sofa", 20852163, text)
    assert int.from_bytes(found.signatures[1].rest[:8], "big") == 1679315147  # the time it states


def test_what_is_signed_is_what_the_specification_says() -> None:
    LOG.key.public_key().verify(
        SIGNED.signatures[0].rest[8:], f"cosignature/v1\ntime {int(AT.timestamp())}\n{UNSIGNED.body}".encode()
    )


def test_a_checkpoint_survives_being_written_and_read() -> None:
    again = checkpoint_in(SIGNED.text)
    assert again == SIGNED and again.signed_by(KEY) == AT


def test_a_witness_adds_a_line_and_the_log_still_has_its_own() -> None:
    both = checkpoint_in(SIGNED.with_signature("w.example/1", WITNESS, AT).text)
    assert both.signed_by(KEY) == AT
    assert both.signed_by(NoteKey("w.example/1", WITNESS.key.public_key())) == AT
    assert both.signed_by(NoteKey("w.example/2", WITNESS.key.public_key())) is None
    assert SIGNED.signed_by(NoteKey("w.example/1", WITNESS.key.public_key())) is None


@pytest.mark.parametrize("change", [{"size": 8}, {"root": bytes(32)}, {"origin": "studio.example/other"}])
def test_a_changed_checkpoint_is_not_signed(change: dict[str, object]) -> None:
    changed = Checkpoint(**{**vars(SIGNED), **change})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="does not fit"):
        changed.signed_by(KEY)


def test_the_time_is_signed_as_well() -> None:
    text = SIGNED.text.replace(
        envelopes.encoded(SIGNED.signatures[0].id + SIGNED.signatures[0].rest),
        envelopes.encoded(SIGNED.signatures[0].id + bytes(7) + b"\1" + SIGNED.signatures[0].rest[8:]),
    )
    with pytest.raises(ValueError, match="does not fit"):
        checkpoint_in(text).signed_by(KEY)


@pytest.mark.parametrize(
    "change",
    [
        ("\n7\n", "\n07\n"),
        ("\n7\n", "\n-7\n"),
        ("\n7\n", "\n٧\n"),
        ("\n7\n", "\n" + "9" * 17 + "\n"),
        ("\n\n", "\n"),
        ("\n\n", "\nextension\n\n"),
        ("— ", "- "),
        ("— ", "—  "),
        ("\n\n", "\n\n\n"),
        ("=\n\n", "\n\n"),
        ("studio", "a studio"),
        ("studio", "stu+dio"),
        ("studio.example/log\n7", "\n7"),
        ("\n7\n", "\n7\r\n"),
    ],
)
def test_there_is_one_spelling(change: tuple[str, str]) -> None:
    changed = SIGNED.text.replace(*change)
    assert changed != SIGNED.text
    with pytest.raises(ValueError):
        checkpoint_in(changed)


@pytest.mark.parametrize("change", [lambda text: text[:-1], lambda text: text + "\n", lambda text: text + "x"])
def test_it_ends_where_it_ends(change: object) -> None:
    with pytest.raises(ValueError):
        checkpoint_in(change(SIGNED.text))  # type: ignore[operator]


def test_a_key_that_signs_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        checkpoint_in(SIGNED.text + SIGNED.signatures[0].line)


def test_a_verifier_key_is_read_as_it_is_written() -> None:
    assert NoteKey.read(KEY.line).line == KEY.line
    for wrong in (
        KEY.line.replace("+", "+0", 1),
        KEY.line[:-4],
        "other" + KEY.line,
        f"PeterNeumann+c74f20a3+{NEUMANN}",
    ):
        with pytest.raises(ValueError):
            NoteKey.read(wrong)


def test_no_log_is_called_like_what_a_witness_signs() -> None:
    assert is_name("studio.example/log")
    assert not any(map(is_name, ["cosignature/v1", "", "a b", "a+b", "a\nb", "a\u2028b", "x" * 129, "a\u200bb"]))
