"""Does everything have its place, and does the next verb know what is meant?"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from handstyle.errors import RecordDamaged, StageMissing, WorkspaceBusy, WriteFailed
from handstyle.workspace import Workspace, next_name, slug, unfinished


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


def test_what_a_killed_process_left_half_written_goes_when_its_folder_is_held_again(workspace: Workspace) -> None:
    folder = workspace.run("one")
    (folder / "snapshots").mkdir(parents=True)
    for name in (".run.json.abc.part", "snapshots/.step-000002.safetensors.abc.part", "run.json", "mine.part"):
        (folder / name).write_text("")
    with workspace.held(folder):
        left = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    assert left == {".lock", "snapshots", "run.json", "mine.part"}


def test_what_a_process_left_half_written_where_others_may_write_goes_by_its_age(workspace: Workspace) -> None:
    """The pointers are written by whoever holds their lock, so there nothing half-written is anybody's."""
    older = workspace.new_pictures("A boat") / ".a-boat-1.png.abc.part"
    newer = workspace.new_pictures("A boat") / ".a-boat-1.png.abc.part"
    pointers = workspace.root / ".current.json.abc.part"
    for path in (older, newer, pointers):
        path.write_text("half")
    os.utime(older, (0, 0))
    workspace.new_pictures("A cat")
    workspace.point_to(run="one")
    assert (older.exists(), newer.exists(), pointers.exists()) == (False, True, False)


def test_a_folder_is_at_its_place_when_all_of_it_is_done_and_not_before(workspace: Workspace) -> None:
    place = workspace.new_inspection("one")
    (place.parent / f".{place.name}.killed.part" / "pictures").mkdir(parents=True)
    with unfinished(place, busy="somebody makes it") as beside:
        (beside / "report.json").write_text("{}")
        assert not place.exists()
        with pytest.raises(WorkspaceBusy, match="somebody makes it"), unfinished(place, busy="somebody makes it"):
            pass
    with pytest.raises(ZeroDivisionError), unfinished(workspace.new_inspection("one"), busy="") as beside:
        raise ZeroDivisionError
    assert [path.name for path in place.parent.iterdir()] == ["one"] and (place / "report.json").exists()


def test_two_processes_that_point_at_once_lose_no_pointer(workspace: Workspace) -> None:
    """Each reads what stands there before it writes: without a lock the one would undo the other."""
    program = (
        "import sys; from pathlib import Path; from handstyle.workspace import Workspace\n"
        "for number in range(100): Workspace(Path(sys.argv[1])).point_to(**{sys.argv[2]: f'{sys.argv[2]} {number}'})\n"
        "assert getattr(Workspace(Path(sys.argv[1])).current(), sys.argv[2]) == f'{sys.argv[2]} 99'\n"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", program, str(workspace.root), what]) for what in ("run", "inspection")
    ]
    assert [process.wait() for process in both] == [0, 0]
    assert (workspace.current().run, workspace.current().inspection) == ("run 99", "inspection 99")


def test_a_folder_that_was_named_anew_is_nobody_elses(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process may take the name between the question whether it is free and the answer."""
    first = workspace.new_pictures("A Red Boat!")
    monkeypatch.setattr("handstyle.workspace.next_name", iter_names("a-red-boat", "a-red-boat-2"))
    assert (first.name, workspace.new_pictures("A Red Boat!").name) == ("a-red-boat", "a-red-boat-2")


def iter_names(*names: str) -> Callable[[Path, str], str]:
    following = iter(names)
    return lambda parent, stem: next(following)


def test_a_folder_that_cannot_be_written_to_is_said_so(workspace: Workspace) -> None:
    workspace.root.parent.mkdir(exist_ok=True)
    workspace.root.write_text("a file, where a folder is wanted")
    with pytest.raises(WriteFailed, match="could not be written"), workspace.held(workspace.run("one")):
        pass
    with pytest.raises(WriteFailed, match="could not be written"), unfinished(workspace.root / "one", busy="busy"):
        pass
    with pytest.raises(WriteFailed, match="could not be written"):
        workspace.new_pictures("a boat")
