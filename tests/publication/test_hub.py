"""Is a release sent only where it was typed, only when it verifies, and only to where nothing is in its way?"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from handstyle.errors import GateClosed, ReleaseBroken, UsageMistake, WriteFailed
from handstyle.publication import hub
from handstyle.publication.hub import Push

REPO = "ana/soft-outline"


class FakeHub:
    """As far as a release needs it; what was asked of it is in `asked`."""

    def __init__(self, private: bool | None = None, files: tuple[str, ...] = ()) -> None:
        self.private, self.files, self.asked = private, {".gitattributes", *files}, list[str]()
        self.fails_with: Exception | None = None
        self.loses: str | None = None

    def create_repo(self, repo: str, *, private: bool, repo_type: str, exist_ok: bool) -> str:
        self.asked.append("create")
        assert (repo, repo_type, exist_ok) == (REPO, "model", True)
        self.private = private if self.private is None else self.private  # an earlier one stays what it is
        return f"https://huggingface.co/{repo}"

    def repo_info(self, repo: str, *, repo_type: str) -> Any:
        self.asked.append("info")
        return SimpleNamespace(private=self.private)

    def list_repo_files(self, repo: str, *, repo_type: str) -> list[str]:
        self.asked.append("list")
        return sorted(self.files)

    def upload_folder(self, *, repo_id: str, folder_path: Path, repo_type: str, commit_message: str) -> None:
        self.asked.append("upload")
        if self.fails_with:
            raise self.fails_with
        found = {path.relative_to(folder_path).as_posix() for path in Path(folder_path).rglob("*") if path.is_file()}
        self.files |= found - {self.loses}
        assert "soft-outline" in commit_message


def test_a_release_is_sent_whole_and_private_unless_public_was_asked_for(release: Path) -> None:
    quiet, loud = FakeHub(), FakeHub()
    assert hub.send(release, Push(REPO), quiet) == f"https://huggingface.co/{REPO}"
    hub.send(release, Push(REPO, public=True), loud)
    assert (quiet.private, loud.private) == (True, False)
    own = {path.relative_to(release).as_posix() for path in release.rglob("*") if path.is_file()}
    assert quiet.files - {".gitattributes"} == own and "handstyle.json" in own
    assert quiet.asked.count("upload") == 1, "one commit"


def test_a_release_that_does_not_verify_is_never_sent(release: Path) -> None:
    (release / "README.md").write_text("other")
    there = FakeHub()
    with pytest.raises(ReleaseBroken, match="is not sent: broken") as told:
        hub.send(release, Push(REPO), there)
    assert there.asked == [] and any("README.md" in fault for fault in told.value.faults)


def test_a_folder_that_is_no_release_is_never_sent(tmp_path: Path) -> None:
    there = FakeHub()
    with pytest.raises(ReleaseBroken):
        hub.send(tmp_path, Push(REPO), there)
    assert there.asked == []


@pytest.mark.parametrize(
    ("there", "push", "words"),
    [
        (FakeHub(private=False), Push(REPO), "is there already, and it is public"),
        (FakeHub(private=True), Push(REPO, public=True), "is there already, and it is private"),
        (FakeHub(files=("theirs.safetensors",)), Push(REPO), "holds 1 files that are not of this release"),
    ],
)
def test_a_repository_that_is_not_for_it_is_left_alone(there: FakeHub, push: Push, words: str, release: Path) -> None:
    before = set(there.files)
    with pytest.raises(UsageMistake, match=words):
        hub.send(release, push, there)
    assert there.files == before and "upload" not in there.asked


def test_a_release_is_sent_again_to_where_it_was_sent(release: Path) -> None:
    there = FakeHub()
    hub.send(release, Push(REPO), there)
    hub.send(release, Push(REPO), there)


def test_a_network_that_fails_is_told_with_what_to_do(release: Path) -> None:
    there = FakeHub()
    there.fails_with = OSError("no route")
    with pytest.raises(WriteFailed, match=f"{REPO} was not written: no route") as told:
        hub.send(release, Push(REPO), there)
    assert f"hf upload {REPO} {release}" in told.value.hint


def test_a_file_that_did_not_arrive_is_named(release: Path) -> None:
    there = FakeHub()
    there.loses = "README.md"
    with pytest.raises(WriteFailed, match="lacks 1 of") as told:
        hub.send(release, Push(REPO), there)
    assert told.value.faults == ("README.md",)


@pytest.mark.parametrize("name", ["soft", "ana/soft/outline", "../x", "ana/", "https://huggingface.co/ana/x", "a/b--c"])
def test_what_is_no_repository_is_refused(name: str) -> None:
    with pytest.raises(UsageMistake, match="is no repository"):
        Push(name)


def test_before_a_release_is_made_a_token_has_to_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(UsageMistake, match="no token") as told:
        hub.require_ready(Push(REPO), "public")
    assert "HF_TOKEN" in told.value.hint
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "hf_x")
    hub.require_ready(Push(REPO, public=True), "public")


def test_what_is_for_named_people_goes_to_no_public_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "hf_x")
    hub.require_ready(Push(REPO), "named")
    with pytest.raises(GateClosed, match="everybody can fetch it"):
        hub.require_ready(Push(REPO, public=True), "named")
