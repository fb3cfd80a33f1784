"""Is what signed content credentials say about training read, and never taken for more than it is?

Needs the extra `publish`; where it is not installed, `test_embedded_reservations.py` still sees that credentials are
there, and refused.
"""

from __future__ import annotations

import io
import sys
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

sys.path.insert(0, str(Path(__file__).parent))  # tests are imported one by one, so what they share needs a place

from reserved_files import jumbf, readings, saved, with_chunk

from handstyle.collection.content_credentials import MIME, SETTINGS
from handstyle.collection.formats import READABLE, FileFormat
from handstyle.collection.notes_beside import Notes

c2pa = pytest.importorskip("c2pa", reason='pip install "handstyle[publish]"')

CREATED = {
    "label": "c2pa.actions.v2",
    "data": {"actions": [{"action": "c2pa.created",
                          "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCreation"}]},
}  # fmt: skip
ORGANISATION = NameOID.ORGANIZATION_NAME
USAGE = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
         "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip


@cache
def signer() -> tuple[bytes, bytes]:
    """A certificate of our own with its root, and the key, as PEM."""
    root, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def certificate(name: str, public: Any, number: int, usage: set[str], is_root: bool) -> x509.Certificate:
        names = [
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one), x509.NameAttribute(ORGANISATION, "A test")])
            for one in (name, "root")
        ]
        builder = (
            x509.CertificateBuilder(names[1], names[0], public, number, datetime(2026, 1, 1), datetime(2046, 1, 1))
            .add_extension(x509.BasicConstraints(is_root, None), critical=True)
            .add_extension(x509.KeyUsage(**{one: one in usage for one in USAGE}), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), critical=False)
        )
        if not is_root:
            builder = builder.add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
            )
        return builder.sign(root, hashes.SHA256())

    leaf = certificate("leaf", key.public_key(), 2, {"digital_signature"}, False)
    top = certificate("root", root.public_key(), 1, {"key_cert_sign", "crl_sign"}, True)
    chain = leaf.public_bytes(Encoding.PEM) + top.public_bytes(Encoding.PEM)
    return chain, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def signed(data: bytes, kind: FileFormat, *assertions: dict[str, Any], parent: bytes | None = None) -> bytes:
    manifest = {"claim_generator_info": [{"name": "a test", "version": "1"}], "assertions": [CREATED, *assertions]}
    chain, key = signer()
    out = io.BytesIO()
    with (
        c2pa.Context.from_dict(SETTINGS) as context,
        c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, key, None)) as by,
        c2pa.Builder(manifest, context) as builder,
    ):
        if parent is not None:
            builder.add_ingredient({"title": "before", "relationship": "inputTo"}, MIME[kind], io.BytesIO(parent))
        builder.sign(by, MIME[kind], io.BytesIO(data), out)
    return out.getvalue()


def training(use: Any = "notAllowed", key: str = "cawg.ai_generative_training", **more: Any) -> dict[str, Any]:
    return {"label": "cawg.training-mining", "data": {"entries": {key: {"use": use, **more}}}}


@pytest.mark.parametrize("kind", READABLE)
def test_a_signed_prohibition_is_read_in_every_format(kind: FileFormat) -> None:
    (found,) = readings(signed(saved(kind), kind, training()), kind)
    assert (found.signal, found.says) == ("c2pa", "reserved")
    assert found.value == "cawg.ai_generative_training: notAllowed" and "cawg.training-mining" in found.where


@pytest.mark.parametrize(
    "key", ["cawg.data_mining", "cawg.ai_inference", "cawg.ai_training", "cawg.ai_generative_training"]
)
@pytest.mark.parametrize(
    ("use", "says"),
    [("allowed", "open"), ("notAllowed", "reserved"), ("constrained", "on conditions"), ("perhaps", "not readable")],
)
def test_every_use_of_every_key(key: str, use: str, says: str) -> None:
    (found,) = readings(signed(saved("PNG"), "PNG", training(use, key)))
    assert (found.value, found.says) == (f"{key}: {use}", says)


@pytest.mark.parametrize("word", ["constraint_info", "constraints_info"])
def test_what_a_constraint_says_is_shown_whichever_way_it_is_spelled(word: str) -> None:
    (found,) = readings(signed(saved("PNG"), "PNG", training("constrained", **{word: "ask me"})))
    assert found.value.endswith("constrained (ask me)")


def test_the_label_and_keys_of_c2pa_1_are_read() -> None:
    old = {"label": "c2pa.training-mining", "data": {"entries": {"c2pa.ai_generative_training": {"use": "notAllowed"}}}}
    (found,) = readings(signed(saved("PNG"), "PNG", old))
    assert (found.value, found.says) == ("c2pa.ai_generative_training: notAllowed", "reserved")


def test_a_key_of_somebodys_own_counts_as_well() -> None:
    (found,) = readings(signed(saved("PNG"), "PNG", training("notAllowed", "org.example.styles")))
    assert found.says == "reserved"


@pytest.mark.parametrize("data", [{"entries": {}}, {"entries": {"cawg.data_mining": "no"}}, {}])
def test_an_assertion_that_says_nothing_is_refused(data: dict[str, Any]) -> None:
    (found,) = readings(signed(saved("PNG"), "PNG", {"label": "cawg.training-mining", "data": data}))
    assert found.says == "not readable"


def test_credentials_that_do_not_speak_of_training_are_no_signal() -> None:
    assert readings(signed(saved("PNG"), "PNG")) == ()


def test_what_the_picture_was_made_from_counts_too() -> None:
    before = signed(saved("PNG"), "PNG", training())
    after = signed(saved("PNG"), "PNG", training("allowed"), parent=before)
    assert {one.says for one in readings(after)} == {"open", "reserved"}


def test_other_pixels_under_an_old_credential_change_nothing_in_what_it_reserved() -> None:
    data = signed(saved("PNG"), "PNG", training())
    at = data.index(b"IDAT") + 6
    assert "reserved" in {one.says for one in readings(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])}


def test_an_assertion_that_was_changed_is_not_believed() -> None:
    data = signed(saved("PNG"), "PNG", training())
    assert data.count(b"notAllowed") == 1
    found = readings(data.replace(b"notAllowed", b"allowed+++"))
    assert any(one.objects for one in found)
    with_other = signed(saved("PNG"), "PNG", training("constrained"))
    assert any(one.says == "not readable" for one in readings(with_other.replace(b"constrained", b"constraineD")))


def test_a_store_without_a_manifest_is_refused() -> None:
    (found,) = readings(with_chunk(b"caBX", jumbf()))
    assert found.says == "not readable"


def test_credentials_beside_a_picture_are_read(tmp_path: Path) -> None:
    manifest = {"claim_generator_info": [{"name": "a test"}], "assertions": [CREATED, training()]}
    chain, key = signer()
    (tmp_path / "cat.png").write_bytes(saved("PNG"))
    with (
        c2pa.Context.from_dict(SETTINGS) as context,
        c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, key, None)) as by,
        c2pa.Builder(manifest, context) as builder,
    ):
        builder.set_no_embed()
        sidecar = builder.sign(by, "image/png", io.BytesIO(saved("PNG")), io.BytesIO())
    (tmp_path / "cat.c2pa").write_bytes(sidecar)
    (found,) = Notes(tmp_path).of("cat.png", "PNG")
    assert (found.says, found.value) == ("reserved", "cawg.ai_generative_training: notAllowed")
    assert found.where.startswith("cat.c2pa")
