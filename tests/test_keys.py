"""Are keys made, read and recognised as OpenSSH does it?"""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from handstyle import keys
from handstyle.errors import UsageMistake

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
FINGERPRINT = keys.fingerprint(KEY.public_key())


def saved(path: Path, form: PrivateFormat, passphrase: bytes | None = None) -> Path:
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    path.write_bytes(KEY.private_bytes(Encoding.PEM, form, encryption))
    return path


def test_a_key_is_made_once_and_then_used(tmp_path: Path) -> None:
    first, second = keys.own_key(tmp_path / "new"), keys.own_key(tmp_path / "new")
    assert keys.fingerprint(first.public_key()) == keys.fingerprint(second.public_key())
    public = (tmp_path / "new" / "signing-key.pub").read_text()
    assert public.strip() == keys.public_line(first.public_key())


def test_what_a_process_was_killed_over_is_made_up_for(tmp_path: Path) -> None:
    """Between the key and its public line, or in the middle of the key."""
    line = keys.public_line(keys.own_key(tmp_path).public_key())
    (tmp_path / "signing-key.pub").unlink()
    (tmp_path / ".signing-key.abc.part").write_text("half")
    assert keys.public_line(keys.own_key(tmp_path).public_key()) == line
    assert (tmp_path / "signing-key.pub").read_text().strip() == line
    assert not (tmp_path / ".signing-key.abc.part").exists()


def test_a_key_that_is_there_needs_no_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = keys.own_key(tmp_path)

    def read_only(*given: object, **named: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("os.open", read_only)
    assert keys.public_line(keys.own_key(tmp_path).public_key()) == keys.public_line(made.public_key())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps no such bits")
def test_nobody_else_can_read_a_new_key(tmp_path: Path) -> None:
    keys.own_key(tmp_path)
    assert stat.S_IMODE((tmp_path / "signing-key").stat().st_mode) & 0o077 == 0


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
def test_the_fingerprint_is_the_one_ssh_keygen_prints(tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_text(keys.public_line(KEY.public_key()) + "\n")
    printed = subprocess.run(
        ["ssh-keygen", "-l", "-f", tmp_path / "key.pub"], capture_output=True, text=True, check=True
    )
    assert printed.stdout.split()[1] == FINGERPRINT


def test_the_fingerprint_never_changes_its_form() -> None:
    assert FINGERPRINT.startswith("SHA256:") and len(FINGERPRINT) == len("SHA256:") + 43 and "=" not in FINGERPRINT


@pytest.mark.parametrize("form", [PrivateFormat.OpenSSH, PrivateFormat.PKCS8])
def test_keys_are_read_in_either_form(tmp_path: Path, form: PrivateFormat) -> None:
    assert keys.fingerprint(keys.read_key(saved(tmp_path / "key", form)).public_key()) == FINGERPRINT


def test_a_passphrase_comes_from_the_environment_or_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "key", PrivateFormat.PKCS8, b"open sesame")
    assert keys.read_key(path, ask=lambda: "open sesame")
    with pytest.raises(UsageMistake, match="passphrase"):
        keys.read_key(path)
    with pytest.raises(UsageMistake):
        keys.read_key(path, ask=lambda: "wrong")
    monkeypatch.setenv("HANDSTYLE_KEY_PASSPHRASE", "open sesame")
    assert keys.read_key(path)


@pytest.mark.parametrize(
    ("form", "rounds"), [(PrivateFormat.OpenSSH, "16 rounds of bcrypt"), (PrivateFormat.PKCS8, "2048 rounds of PBKDF2")]
)
def test_more_rounds_than_anybody_waits_for_are_not_computed(
    form: PrivateFormat, rounds: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "key", form, b"open sesame")
    assert keys.read_key(path, ask=lambda: "open sesame")
    monkeypatch.setattr(keys, "MOST_ROUNDS", {"bcrypt": 15, "PBKDF2": 2047})
    with pytest.raises(UsageMistake, match=rounds):
        keys.read_key(path, ask=lambda: "open sesame")


def test_what_is_no_ed25519_key_is_refused(tmp_path: Path) -> None:
    other = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "ec").write_bytes(other)
    (tmp_path / "text").write_text("no key at all")
    for name in ("ec", "text", "absent"):
        with pytest.raises(UsageMistake):
            keys.read_key(tmp_path / name)


def test_trust_is_a_list_of_keys_or_fingerprints(tmp_path: Path) -> None:
    other = Ed25519PrivateKey.generate().public_key()
    (tmp_path / "trust").write_text(
        f"# people I know\n\n{keys.public_line(KEY.public_key())} mira@home\nana {keys.public_line(other)}\n"
        "SHA256:abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq  # by phone\n"
    )
    assert keys.trusted_fingerprints(tmp_path / "trust") == {
        FINGERPRINT,
        keys.fingerprint(other),
        "SHA256:abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq",
    }


def test_every_line_that_names_nobody_is_reported(tmp_path: Path) -> None:
    (tmp_path / "trust").write_text("ssh-rsa AAAA\nssh-ed25519 AAAA\nmira\n")
    with pytest.raises(UsageMistake) as refused:
        keys.trusted_fingerprints(tmp_path / "trust")
    assert [fault.split(":")[0] for fault in refused.value.faults] == ["line 1", "line 2", "line 3"]


def test_an_empty_list_trusts_nobody_by_mistake(tmp_path: Path) -> None:
    (tmp_path / "trust").write_text("# nobody yet\n")
    with pytest.raises(UsageMistake, match="whom to trust"):
        keys.trusted_fingerprints(tmp_path / "trust")
