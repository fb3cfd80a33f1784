"""Do tools that know nothing of handstyle accept a release, and refuse an altered one?"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from tests.attacks.case import ANOTHER, needs_the_extra

from handstyle.publication import model_signature, renaming
from handstyle.publication.certificates import credentials_of
from handstyle.publication.new_words import Asked
from handstyle.publication.verification import verify

pytestmark = needs_the_extra


def asked(folder: Path, certificate: Path) -> subprocess.CompletedProcess[str]:
    """`model_signing verify`, as a stranger types it."""
    command = ["-m", "model_signing", "verify", "certificate", "--signature", str(folder / model_signature.SIGNATURE)]
    return subprocess.run(
        [sys.executable, *command, "--certificate_chain", str(certificate), "--no-ignore-git-paths", str(folder)],
        capture_output=True, text=True, env=os.environ,
    )  # fmt: skip


def test_the_openssf_tool_accepts_a_release(release: Path) -> None:
    answer = asked(release, release / model_signature.CERTIFICATE)
    assert answer.returncode == 0, answer.stderr
    assert verify(release).status == "intact", "and so do we"


def test_it_refuses_an_altered_an_extra_and_a_missing_file(release: Path) -> None:
    card = release / "README.md"
    card.write_bytes(card.read_bytes() + b" ")
    (release / "extra").write_bytes(b"")
    (release / "recipe.toml").unlink()
    with pytest.raises(ValueError, match=r"(?s)extra.*recipe\.toml|recipe\.toml.*extra"):
        model_signature.verify(release, release / model_signature.CERTIFICATE)
    assert asked(release, release / model_signature.CERTIFICATE).returncode != 0


def test_it_refuses_a_release_by_another_key(release: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs.pem").write_bytes(credentials_of(ANOTHER).root_pem)
    answer = asked(release, tmp_path / "theirs.pem")
    assert answer.returncode != 0


def test_our_own_signature_covers_theirs(release: Path) -> None:
    (release / model_signature.SIGNATURE).write_bytes(b"{}")
    assert [finding.where for finding in verify(release).findings] == [model_signature.SIGNATURE]


def test_the_key_is_left_nowhere(release: Path) -> None:
    assert not [path for path in release.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]


def test_a_renamed_release_is_sealed_anew_by_whoever_renamed_it(release: Path) -> None:
    into = release.with_name("renamed")
    into.mkdir()
    made = renaming.release(release, into, Asked("Quiet lines", None, date(2026, 12, 1)), ANOTHER)
    assert made.left_out == () and asked(into, into / model_signature.CERTIFICATE).returncode == 0
    assert (into / model_signature.CERTIFICATE).read_bytes() == credentials_of(ANOTHER).root_pem
    assert verify(into).status == "intact"
