"""Does everything have its place, and does the next verb know what is meant?"""

from __future__ import annotations

from pathlib import Path

import pytest

from handstyle.errors import RecordDamaged, StageMissing, WorkspaceBusy
from handstyle.workspace import Workspace, next_name, slug


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


def test_asking_for_a_place_makes_nothing(workspace: Workspace) -> None:
    places = [workspace.cache, workspace.collection("a" * 64), workspace.run("r"), workspace.pictures("p"),
              workspace.inspection("i"), workspace.release("n")]  # fmt: skip
    assert len(set(places)) == 6 and all(place.is_relative_to(workspace.root) for place in places)
    assert workspace.runs() == [] and workspace.current().run is None
    assert not workspace.root.exists()


def test_the_next_verb_means_what_the_last_one_made(workspace: Workspace) -> None:
    workspace.point_to(collection="a" * 64)
    workspace.point_to(run="one")
    workspace.point_to(run="two")
    assert workspace.needs("collection", "collect") == "a" * 64, "the other pointers stay"
    assert workspace.needs("run", "finetune") == "two"


@pytest.mark.parametrize(("what", "verb"), [("collection", "collect"), ("run", "finetune"), ("inspection", "inspect")])
def test_what_is_missing_names_the_verb_that_makes_it(workspace: Workspace, what: str, verb: str) -> None:
    with pytest.raises(StageMissing, match=f"there is no {what}") as missing:
        workspace.needs(what, verb)
    assert f"handstyle {verb}" in missing.value.hint


def test_a_damaged_pointer_is_named(workspace: Workspace) -> None:
    workspace.point_to(run="one")
    (workspace.root / "current.json").write_text('{"runn": "one"}')
    with pytest.raises(RecordDamaged, match=r"current\.json") as damaged:
        workspace.current()
    assert "did you mean `run`?" in damaged.value.faults[0]


def test_a_held_folder_is_refused_to_others_and_free_afterwards(workspace: Workspace) -> None:
    """By another process too: tests/finetuning/test_running.py."""
    folder = workspace.run("one")
    with workspace.held(folder):
        with pytest.raises(WorkspaceBusy), workspace.held(folder):
            pass
        with workspace.held(workspace.run("another")):
            pass
    with pytest.raises(ZeroDivisionError), workspace.held(folder):
        raise ZeroDivisionError
    with workspace.held(folder):
        pass


def test_runs_are_folders_in_order(workspace: Workspace) -> None:
    for name in ("b", "a"):
        workspace.run(name).mkdir(parents=True)
    (workspace.root / "runs" / "notes.txt").write_text("")
    assert workspace.runs() == ["a", "b"]


def test_a_new_name_never_stands_already(tmp_path: Path) -> None:
    assert next_name(tmp_path / "nowhere", "boat") == "boat"
    for expected in ("boat", "boat-2", "boat-3"):
        assert next_name(tmp_path, "boat") == expected
        (tmp_path / expected).mkdir()


@pytest.mark.parametrize(
    ("text", "name"),
    [("A Red Boat!", "a-red-boat"), ("", "untitled"), ("猫", "untitled"), ("../..", "untitled"), ("x" * 99, "x" * 60)],
)
def test_any_text_becomes_a_name_for_a_file(text: str, name: str) -> None:
    assert slug(text) == name
