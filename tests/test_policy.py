"""Does a workspace's policy say whom it trusts and what it refuses, and nothing else?"""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from handstyle import keys, policy
from handstyle.errors import RecordDamaged
from handstyle.workspace import Workspace

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()


def written(place: Path, text: str) -> policy.WorkspacePolicy:
    (place / "policy.toml").write_text(text, encoding="utf-8")
    return policy.of(Workspace(place))


def test_without_a_file_what_is_unknown_is_told(tmp_path: Path) -> None:
    assert policy.of(Workspace(tmp_path)).unknown_base == "warn"


def test_keys_and_fingerprints_name_whose_word_counts(tmp_path: Path) -> None:
    line, mark = keys.public_line(KEY), keys.fingerprint(KEY)
    for named in (line, mark):
        found = written(tmp_path, f'unknown_base = "refuse"\ntrusted_for_bases = ["{named}"]\n')
        assert found.unknown_base == "refuse" and mark in found.trusted


def test_ones_own_key_counts_and_is_not_made_for_being_asked_about(tmp_path: Path) -> None:
    import platformdirs

    house = platformdirs.user_config_path("handstyle")
    before = (house / "signing-key").exists()
    trusted = policy.of(Workspace(tmp_path)).trusted
    assert (house / "signing-key").exists() == before
    own = keys.fingerprint(keys.own_key().public_key())
    assert own in policy.of(Workspace(tmp_path)).trusted and trusted <= {own}


@pytest.mark.parametrize(
    "text", ['unknown_base = "ignore"', 'unknown_bases = "refuse"', 'trusted_for_bases = ["me"]', "="]
)
def test_anything_else_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(RecordDamaged):
        written(tmp_path, text)
