"""Which certificate stands behind a credential, and whom does it lead to?

C2PA and OMS ask for X.509. The keeper's own Ed25519 key is the root: whoever knows its fingerprint, as for a release,
knows the certificate. Below it stands a key of P-256, which every reader of credentials can check. That key and both
certificates follow from the keeper's key alone, so there is no second secret to keep or to lose.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import platformdirs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from handstyle.errors import UsageMistake, WriteFailed
from handstyle.keys import fingerprint
from handstyle.records import read_whole, write

FILE = "signing-certificate.pem"
LARGEST_FILE = 1 << 20  # bytes
# The order of the group of P-256 (SP 800-186, 3.2.1.3).
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# The same for everybody, so that one key has one certificate. When something was signed, no date of ours could prove.
FROM, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2076, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Credentials:
    """What signs: the key, its certificate and the root above it."""

    key: ec.EllipticCurvePrivateKey
    leaf: x509.Certificate
    root: x509.Certificate

    @property
    def chain_pem(self) -> bytes:
        return pem([self.leaf, self.root])

    @property
    def root_pem(self) -> bytes:
        return pem([self.root])

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def credentials_of(key: Ed25519PrivateKey) -> Credentials:
    """The same for the same key, to the byte."""
    below = _key_below(key)
    public = key.public_key()
    name = _name(public, "")
    root = (
        _certificate(name, name, public)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(certificates=True), critical=True)
        .sign(key, None)
    )
    leaf = (
        _certificate(_name(public, ", for pictures and models"), name, below.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(certificates=False), critical=True)
        # Of the purposes that C2PA allows, the one that readers accept without being told (C2PA 2.2, 14.5.1.1).
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(key, None)
    )
    return Credentials(below, leaf, root)


def _key_below(key: Ed25519PrivateKey) -> ec.EllipticCurvePrivateKey:
    """A number below the order, drawn from 48 bytes so that none is likelier (SP 800-56A, 5.6.1.2.1)."""
    drawn = HKDF(hashes.SHA256(), 48, salt=None, info=b"handstyle certificate P-256 v1").derive(key.private_bytes_raw())
    return ec.derive_private_key(int.from_bytes(drawn) % (ORDER - 1) + 1, ec.SECP256R1())


def _name(public: Ed25519PublicKey, purpose: str) -> x509.Name:
    """It says that nobody checked who holds the key: a certificate with a person's name in it would look as if."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "handstyle, self-made certificate"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{fingerprint(public)[:23]}{purpose}"),
        ]
    )


def _certificate(
    subject: x509.Name, issuer: x509.Name, public: Ed25519PublicKey | ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=public,
        serial_number=int.from_bytes(identifier.digest[:16]) >> 1 or 1,
        not_valid_before=FROM,
        not_valid_after=UNTIL,
    ).add_extension(identifier, critical=False)


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates, key_cert_sign=certificates, crl_sign=certificates, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def pem(certificates: Iterable[x509.Certificate]) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def sha256_of(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def public_pem(credentials: Credentials) -> bytes:
    return credentials.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def certificates_in(path: Path) -> tuple[x509.Certificate, ...]:
    """Those that a verifier names. Raises UsageMistake."""
    try:
        return certificates_of(read_whole(path, LARGEST_FILE))
    except (OSError, ValueError) as error:
        raise UsageMistake(
            f"{path} does not say which certificates to trust: {getattr(error, 'strerror', None) or error}",
            hint="Give a file that begins with -----BEGIN CERTIFICATE-----.",
        ) from error


def certificates_of(data: bytes) -> tuple[x509.Certificate, ...]:
    """One after the other, in PEM. Raises ValueError."""
    return tuple(x509.load_pem_x509_certificates(data))


def keepers_of(certificates: Iterable[x509.Certificate]) -> frozenset[str]:
    """The fingerprints of the Ed25519 keys in certificates: whoever names such a root has named its keeper."""
    keys = (certificate.public_key() for certificate in certificates)
    return frozenset(fingerprint(key) for key in keys if isinstance(key, Ed25519PublicKey))


def keep_own(credentials: Credentials) -> None:
    """The certificate beside this person's own key, to be given to others."""
    with contextlib.suppress(WriteFailed):  # where nothing can be written, every credential has it inside
        path = platformdirs.user_config_path("handstyle") / FILE
        if not path.is_file() or path.read_bytes() != credentials.root_pem:
            write(path, credentials.root_pem)
