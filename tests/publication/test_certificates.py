"""Do key and certificates follow from the keeper's key, and lead to it?"""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from handstyle.errors import UsageMistake
from handstyle.keys import fingerprint
from handstyle.publication.certificates import (
    FILE,
    certificates_in,
    credentials_of,
    keep_own,
    keepers_of,
    sha256_of,
)

KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(letter * 32) for letter in (b"k", b"o"))


def test_one_key_has_one_certificate_for_ever() -> None:
    one, again, other = credentials_of(KEY), credentials_of(KEY), credentials_of(OTHER)
    assert (one.chain_pem, one.key_pem) == (again.chain_pem, again.key_pem)
    assert other.chain_pem != one.chain_pem and other.key_pem != one.key_pem
    assert sha256_of(one.root)[:16] == ROOT


ROOT = "77479eac19857125"


def test_the_chain_leads_to_the_keepers_key() -> None:
    credentials = credentials_of(KEY)
    credentials.leaf.verify_directly_issued_by(credentials.root)
    assert keepers_of([credentials.root]) == {fingerprint(KEY.public_key())}
    assert keepers_of([credentials.leaf]) == frozenset(), "who names the leaf has named no keeper"
    assert credentials.leaf.public_key() == credentials.key.public_key()
    with pytest.raises(ValueError, match="Issuer"):
        credentials.leaf.verify_directly_issued_by(credentials_of(OTHER).root)


def test_the_leaf_may_sign_and_not_issue() -> None:
    extensions = credentials_of(KEY).leaf.extensions
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature and not usage.key_cert_sign


def test_a_certificate_names_no_person() -> None:
    names = credentials_of(KEY).root.subject.rfc4514_string()
    assert "self-made" in names and fingerprint(KEY.public_key())[:20] in names.replace("\\", "")


def test_certificates_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "trusted.pem"
    path.write_bytes(credentials_of(KEY).root_pem + credentials_of(OTHER).root_pem)
    assert len(certificates_in(path)) == 2
    for content in (b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        path.write_bytes(content)
        with pytest.raises(UsageMistake, match="which certificates to trust"):
            certificates_in(path)


def test_ones_own_is_kept_beside_the_key() -> None:
    keep_own(credentials_of(KEY))
    path = platformdirs.user_config_path("handstyle") / FILE
    assert path.read_bytes() == credentials_of(KEY).root_pem
    keep_own(credentials_of(OTHER))
    assert path.read_bytes() == credentials_of(OTHER).root_pem, "of another key, it is another certificate"
