"""With which key does a person sign, and whose keys do they trust?

Ed25519, written as OpenSSH writes it, so that `ssh-keygen -l` shows the same fingerprint and a key from
`~/.ssh` can be used. A key is made on first use; nobody is asked to understand keys before they can publish.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import platformdirs
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
    load_ssh_public_key,
)

from handstyle.errors import UsageMistake, WriteFailed
from handstyle.records import PART, TooLarge, read_whole, remove_abandoned, write

PASSPHRASE = "HANDSTYLE_KEY_PASSPHRASE"
KEY_FILE = "signing-key"
LARGEST_KEY_FILE = 1 << 20  # bytes
ARMOURED = re.compile(rb"-----BEGIN [^-\n]+-----(.*?)-----END", re.DOTALL)
OPENSSH = b"openssh-key-v1\0"
PBKDF2 = bytes.fromhex("06092a864886f70d01050c")  # its name in DER (RFC 8018, appendix A.2)
MOST_ROUNDS = {"bcrypt": 1000, "PBKDF2": 10**7}  # a few seconds each; usual are 24, and a million at most
P = 2**255 - 19
# The heights of the points of order 1, 2, 4 and 8: with such a key, a signature can fit any statement
# (https://cr.yp.to/ecdh.html#validate; the list of libsodium's ge25519_has_small_order).
WEAK = frozenset(
    {
        *(0, 1, P - 1),
        2707385501144840649318225287225658788936804267575313519463743609750303402022,
        P - 2707385501144840649318225287225658788936804267575313519463743609750303402022,
    }
)


class Signer(Protocol):
    """Whatever signs for a person: a file here; elsewhere an agent, a card, a safe.

    `public` is the line of the key as OpenSSH writes it, without a comment; `sign` returns the 64 bytes of an
    Ed25519 signature (RFC 8032) over exactly the bytes it is given.
    """

    @property
    def public(self) -> str: ...

    def sign(self, message: bytes) -> bytes: ...


@dataclass(frozen=True)
class KeySigner:
    """A signer whose key is in memory."""

    key: Ed25519PrivateKey

    @property
    def public(self) -> str:
        return public_line(self.key.public_key())

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message)


def fingerprint(key: Ed25519PublicKey) -> str:
    """As `ssh-keygen -l` prints it."""
    blob = base64.b64decode(public_line(key).split()[1])
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def public_line(key: Ed25519PublicKey) -> str:
    """`ssh-ed25519 AAAA…`, the line somebody else puts into a file of trusted keys."""
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def public_key(raw: bytes) -> Ed25519PublicKey:
    """Raises ValueError for what is no key, is written in another way than the one, or fits everything."""
    key = Ed25519PublicKey.from_public_bytes(raw)
    height = int.from_bytes(raw, "little") & ((1 << 255) - 1)
    if height >= P or height in WEAK:
        raise ValueError("it is a key with which anything could pass as signed")
    return key


def key_in(line: str) -> Ed25519PublicKey:
    """The key of `ssh-ed25519 AAAA…`; a comment behind it is passed over. Raises ValueError."""
    words = line.split()
    if words[:1] != ["ssh-ed25519"] or len(words) < 2:
        raise ValueError("it is no public key: it begins with `ssh-ed25519 AAAA`")
    try:
        key = load_ssh_public_key(" ".join(words[:2]).encode())
    except Exception as error:
        raise ValueError(f"the key cannot be read: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("it is not an Ed25519 key")
    return public_key(key.public_bytes_raw())


def own_key(folder: Path | None = None) -> Ed25519PrivateKey:
    """The key of this person on this computer, made when there is none yet."""
    from filelock import FileLock

    folder = folder or platformdirs.user_config_path("handstyle")
    path, public = folder / KEY_FILE, folder / f"{KEY_FILE}.pub"
    if path.exists() and public.exists():  # also where nothing can be written
        return read_key(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{KEY_FILE}.lock"):
            remove_abandoned(folder, f".{KEY_FILE}.*{PART}")
            if not path.exists():
                _create(path)
            key = read_key(path)
            # Written also where a process was killed between the one and the other.
            write(public, f"{public_line(key.public_key())}\n".encode())
    except OSError as error:
        raise WriteFailed(
            f"No signing key could be made in {folder}: {error.strerror or error}",
            hint="Name a key of your own with --key FILE.",
        ) from error
    return key


def _create(path: Path, passphrase: str = "") -> None:
    key = Ed25519PrivateKey.generate()
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    # Readable by its owner alone.
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=PART, dir=path.parent)
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, encryption))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def new_key(path: Path, passphrase: str) -> str:
    """A key at `path` and its public line in `path.pub`, as `ssh-keygen` writes them. Never in place of another."""
    if path.exists() or path.with_name(f"{path.name}.pub").exists():
        raise UsageMistake(f"{path} exists, and a key is never overwritten", hint="Name another file.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _create(path, passphrase)
        public = public_line(read_key(path, lambda: passphrase).public_key())
        write(path.with_name(f"{path.name}.pub"), f"{public}\n".encode())
    except OSError as error:
        raise WriteFailed(
            f"No key could be made at {path}: {error.strerror or error}", hint="Name a file in a folder of your own."
        ) from error
    return public


def read_key(path: Path, ask: Callable[[], str] | None = None) -> Ed25519PrivateKey:
    """An Ed25519 key in PEM or OpenSSH form. A passphrase comes from HANDSTYLE_KEY_PASSPHRASE or from `ask`."""
    data = _read(path)
    load = load_ssh_private_key if b"OPENSSH PRIVATE KEY" in data else load_pem_private_key
    try:
        _refuse_endless(data)
        try:
            key = load(data, None)
        except TypeError:  # it is encrypted
            passphrase = os.environ.get(PASSPHRASE) or (ask() if ask else "")
            if not passphrase:
                raise ValueError(f"it has a passphrase, and {PASSPHRASE} is not set") from None
            key = load(data, passphrase.encode())
    except Exception as error:  # the library raises several kinds, also its own UnsupportedAlgorithm
        raise UsageMistake(
            f"{path} cannot be used as a signing key: {error}",
            hint=f"Name an Ed25519 key (`ssh-keygen -t ed25519` makes one); {PASSPHRASE} may hold its passphrase.",
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageMistake(f"{path} is not an Ed25519 key", hint="`ssh-keygen -t ed25519` makes one.")
    return key


def _refuse_endless(data: bytes) -> None:
    """Raises ValueError for a key that asks for so many rounds that its passphrase could not be tried within a day."""
    for armoured in ARMOURED.findall(data):
        try:
            inner = base64.b64decode(armoured)
            kind, rounds = _rounds(inner)
        except (ValueError, IndexError):  # torn, as whoever reads it will say
            continue
        if rounds > MOST_ROUNDS[kind]:
            raise ValueError(f"it asks for {rounds} rounds of {kind} to try a passphrase, and at most "
                             f"{MOST_ROUNDS[kind]} are computed")  # fmt: skip


def _rounds(inner: bytes) -> tuple[str, int]:
    if inner.startswith(OPENSSH):  # three texts behind their lengths: cipher, kdf, options; those end in the rounds
        at = len(OPENSSH)
        for _ in range(3):
            begin, at = at + 4, at + 4 + int.from_bytes(inner[at : at + 4])
        return "bcrypt", int.from_bytes(inner[max(begin, at - 4) : at])
    at = inner.index(PBKDF2) + len(PBKDF2)  # then, in a sequence, the salt and the rounds
    _, behind_salt = _element(inner, _element(inner, at)[0])
    begin, end = _element(inner, behind_salt)
    return "PBKDF2", int.from_bytes(inner[begin:end])


def _element(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of a DER element begins and ends (X.690, section 8.1)."""
    begin, length = at + 2, der[at + 1]
    if length & 0x80:
        begin, length = begin + (length & 0x7F), int.from_bytes(der[begin : begin + (length & 0x7F)])
    return begin, begin + length


def trusted_fingerprints(path: Path) -> frozenset[str]:
    """One OpenSSH public key or one fingerprint a line; `#` begins a comment."""
    faults: list[str] = []
    found: set[str] = set()
    try:
        lines = _read(path).decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UsageMistake(f"{path} is not a text file of keys", hint="Write one public key a line.") from error
    for number, line in enumerate(lines, start=1):
        words = line.split("#")[0].split()
        if not words:
            continue
        try:
            found.add(_spelled_rightly(words[0]) if words[0].startswith("SHA256:") else _fingerprint_in(words))
        except (ValueError, IndexError) as error:
            faults.append(f"line {number}: {error}")
    if faults or not found:
        raise UsageMistake(
            f"{path} does not name whom to trust",
            faults=faults or ["it names no key"],
            hint="Write one `ssh-ed25519 AAAA…` or one `SHA256:…` a line.",
        )
    return frozenset(found)


def _spelled_rightly(fingerprint: str) -> str:
    if not re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}", fingerprint):
        raise ValueError("a fingerprint has 43 letters, digits, + or / behind `SHA256:`")
    return fingerprint


def _fingerprint_in(words: list[str]) -> str:
    # A line of `allowed_signers` has a name before the key.
    start = words.index("ssh-ed25519") if "ssh-ed25519" in words else -1
    if start < 0:
        raise ValueError("it is neither an `ssh-ed25519` public key nor a `SHA256:` fingerprint")
    return fingerprint(key_in(" ".join(words[start : start + 2])))


def _read(path: Path) -> bytes:
    try:
        return read_whole(path, LARGEST_KEY_FILE)
    except TooLarge:
        raise UsageMistake(f"{path} is too large to be a key file", hint="Check the path.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageMistake(f"{path} cannot be read: {reason}", hint="Check the path.") from error
