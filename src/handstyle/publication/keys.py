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
from pathlib import Path

import platformdirs
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
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


def fingerprint(key: Ed25519PublicKey) -> str:
    """As `ssh-keygen -l` prints it."""
    blob = base64.b64decode(public_line(key).split()[1])
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def public_line(key: Ed25519PublicKey) -> str:
    """`ssh-ed25519 AAAA…`, the line somebody else puts into a file of trusted keys."""
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


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


def _create(path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    # Readable by its owner alone.
    handle, name = tempfile.mkstemp(prefix=f".{KEY_FILE}.", suffix=PART, dir=path.parent)
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def read_key(path: Path, ask: Callable[[], str] | None = None) -> Ed25519PrivateKey:
    """An Ed25519 key in PEM or OpenSSH form. A passphrase comes from HANDSTYLE_KEY_PASSPHRASE or from `ask`."""
    data = _read(path)
    load = load_ssh_private_key if b"OPENSSH PRIVATE KEY" in data else load_pem_private_key
    try:
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
    try:
        key = load_ssh_public_key(" ".join(words[start : start + 2]).encode())
    except Exception as error:
        raise ValueError(f"the key cannot be read: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("it is not an Ed25519 key")
    return fingerprint(key)


def _read(path: Path) -> bytes:
    try:
        return read_whole(path, LARGEST_KEY_FILE)
    except TooLarge:
        raise UsageMistake(f"{path} is too large to be a key file", hint="Check the path.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageMistake(f"{path} cannot be read: {reason}", hint="Check the path.") from error
