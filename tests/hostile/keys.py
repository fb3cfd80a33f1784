"""Files of keys: is a key used or refused, and nobody trusted by mistake?"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from tests.hostile.case import Case, End, Place, Words, refused
from tests.hostile.releases import STRANGER, status, verified
from tests.hostile.shelf import KEY, put_workspace

from handstyle.keys import fingerprint

MISTAKE = 2
PUBLIC = KEY.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
MINE, STRANGERS = fingerprint(KEY.public_key()).encode(), fingerprint(STRANGER.public_key()).encode()
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
OPENSSH = KEY.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
LOCKED = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"sesame"))
LOCKED_OPENSSH = KEY.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, BestAvailableEncryption(b"sesame"))

NOBODY = refused("does not name whom to trust", MISTAKE)
UNREADABLE = refused("cannot be read", MISTAKE)


def trusting(name: str, content: bytes | Callable[[Path], object], ends: End) -> Case:
    case = verified(name, lambda release: None, ends)

    def make(place: Place) -> Words:
        words = case.make(place)
        if isinstance(content, bytes):
            place.write("trust", content)
        else:
            content(place.given / "trust")
        return [*words, "--trust", place.given / "trust"]

    return Case(f"trust: {name}", make, ends)


def signing(name: str, content: bytes | Callable[[Path], object], ends: End) -> Case:
    def make(place: Place) -> Words:
        put_workspace(place.shelf.inspected, place.shelf.works, place)
        if isinstance(content, bytes):
            place.write("key", content)
        else:
            content(place.given / "key")
        publish = ["publish", "--name", "Soft ink", "--base", place.shelf.base, "--key", place.given / "key"]
        return [*publish, "-w", place.workspace]

    return Case(f"key: {name}", make, ends)


def folder(path: Path) -> None:
    path.mkdir()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def nothing(path: Path) -> None:
    """It is not there."""


def of_another_kind(path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def of_another_curve(path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))


def endless_bcrypt() -> bytes:
    """OpenSSH's form, and 2**32 - 1 rounds."""
    inner = base64.b64decode(b"".join(LOCKED_OPENSSH.splitlines()[1:-1]))
    head = b"openssh-key-v1\0\0\0\0\x0aaes256-ctr\0\0\0\x06bcrypt\0\0\0\x18\0\0\0\x10"
    assert inner.startswith(head)
    rounds = len(head) + 16
    return armoured("OPENSSH PRIVATE KEY", inner[:rounds] + b"\xff" * 4 + inner[rounds + 4 :])


def endless_pbkdf2() -> bytes:
    """PKCS #8 (RFC 5958), encrypted as RFC 8018 has it, and 2**62 rounds."""

    def part(tag: int, *content: bytes) -> bytes:
        body = b"".join(content)
        length = bytes([len(body)]) if len(body) < 128 else bytes([0x81, len(body)])
        return bytes([tag]) + length + body

    def name(dotted: str) -> bytes:
        return bytes.fromhex(dotted)

    hashed = part(0x30, name("06082a864886f70d02090500"))
    asked = part(0x30, part(4, bytes(16)), part(2, (1 << 62).to_bytes(8, "big")), hashed)
    kdf = part(0x30, name("06092a864886f70d01050c"), asked)
    cipher = part(0x30, name("060960864801650304012a"), part(4, bytes(16)))
    scheme = part(0x30, name("06092a864886f70d01050d"), part(0x30, kdf, cipher))
    return armoured("ENCRYPTED PRIVATE KEY", part(0x30, scheme, part(4, bytes(64))))


def armoured(label: str, inner: bytes) -> bytes:
    return f"-----BEGIN {label}-----\n".encode() + base64.encodebytes(inner) + f"-----END {label}-----\n".encode()


BLOB = PUBLIC.split()[1]
CASES: list[Case] = [
    trusting("a key", PUBLIC + b" somebody\n", status(0, "trusted")),
    trusting("a fingerprint, windows line ends", b"# mine\r\n" + MINE + b"\r\n", status(0, "trusted")),
    trusting("a line of allowed signers", b"ada@example.org namespaces=\"file\" " + PUBLIC, status(0, "trusted")),
    trusting("somebody else", STRANGERS + b"\n", status(3, "unknown")),
    trusting("behind a comment sign", b"# " + MINE, NOBODY),
    trusting("nothing", b"", NOBODY),
    trusting("a mark of order of bytes", b"\xef\xbb\xbf" + MINE + b"\n", NOBODY),
    trusting("UTF-16", MINE.decode().encode("utf-16"), refused("is not a text file of keys", MISTAKE)),
    trusting("NUL", bytes(100), NOBODY),
    trusting("a fingerprint that is too short", MINE[:-1], NOBODY),
    trusting("a fingerprint that is too long", MINE + b"A", NOBODY),
    trusting("a fingerprint of an older kind", b"MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48", NOBODY),
    trusting("a key without its letters", b"ssh-ed25519", NOBODY),
    trusting("a key with letters that are none", b"ssh-ed25519 !!!!", NOBODY),
    trusting("half a key", PUBLIC[:40], NOBODY),
    trusting("a key with something behind it", b"ssh-ed25519 " + base64.b64encode(base64.b64decode(BLOB) + b"x"),
            NOBODY),
    trusting("a key of another kind", b"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ== x", NOBODY),
    trusting("a key of nought bytes", b"ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\0"), NOBODY),
    trusting("a certificate", b"ssh-ed25519-cert-v01@openssh.com AAAA", NOBODY),
    trusting("a private key", OPENSSH, NOBODY),
    trusting("one good line and one bad", MINE + b"\nnobody\n", NOBODY),
    trusting("a line of a megabyte", b"ssh-ed25519 " + b"A" * 1_000_000, NOBODY),
    trusting("2 MB", b"#" * (2 << 20), refused("is too large to be a key file", MISTAKE)),
    trusting("a folder", folder, UNREADABLE),
    trusting("a pipe", pipe, UNREADABLE),
    trusting("a device without an end", endless, UNREADABLE),
    trusting("nothing there", nothing, UNREADABLE),
    signing("nothing", b"", refused("cannot be used as a signing key", MISTAKE)),
    signing("NUL", bytes(100), refused("cannot be used as a signing key", MISTAKE)),
    signing("half of one", PEM[:60], refused("cannot be used as a signing key", MISTAKE)),
    signing("half of one of OpenSSH", OPENSSH[:120], refused("cannot be used as a signing key", MISTAKE)),
    signing("one with a byte wrong", OPENSSH.replace(b"A", b"B", 3),
            refused("cannot be used as a signing key", MISTAKE)),
    signing("a public one", PUBLIC, refused("cannot be used as a signing key", MISTAKE)),
    signing("one with a passphrase nobody gave", LOCKED, refused("it has a passphrase", MISTAKE)),
    signing("one of another kind", of_another_kind, refused("is not an Ed25519 key", MISTAKE)),
    signing("one of another curve", of_another_curve, refused("is not an Ed25519 key", MISTAKE)),
    # Found by fuzzing, and beside it: to try a passphrase took as long as the file liked, or a library panicked.
    signing("one of 2**32 rounds", endless_bcrypt(), refused("rounds of bcrypt", MISTAKE)),
    signing("one of 2**62 rounds", endless_pbkdf2(), refused("rounds of PBKDF2", MISTAKE)),
    signing("2 MB", b"-" * (2 << 20), refused("is too large to be a key file", MISTAKE)),
    signing("a folder", folder, UNREADABLE),
    signing("a pipe", pipe, UNREADABLE),
    signing("a device without an end", endless, UNREADABLE),
    signing("nothing there", nothing, UNREADABLE),
]  # fmt: skip
