"""Do several processes say what one says, in the same order, whatever happens to them?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from handstyle.collection import reading_folder, reading_processes
from handstyle.collection.intake import collect
from handstyle.collection.pixels import Unfit
from handstyle.collection.reading import NoMemory, Shown
from handstyle.collection.reading_folder import look_at_all, processes_for
from handstyle.collection.rights import own_work
from handstyle.collection.rights_plan import RightsPlan, for_all
from handstyle.errors import CollectionFaulty, RightsMissing

FolderOf = Callable[..., Path]
Drawing = Callable[..., Image.Image]
WHITE = (255, 255, 255)
MINE = for_all(own_work("Ada"))
NUMBER = 300


@pytest.fixture
def names() -> list[str]:
    return [f"{place // 100}/cat-{place:03}.png" for place in range(NUMBER)]


@pytest.fixture
def folder(folder_of: FolderOf, names: list[str]) -> Path:
    return folder_of(*names)


def look(folder: Path, names: list[str], processes: int) -> list[Shown | str]:
    seen = look_at_all(folder, names, WHITE, NoMemory(), processes)
    return [str(shown) if isinstance(shown, Unfit) else shown for shown in seen]


def still_there(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that have not ended in five seconds. One whose end nobody has asked for yet has ended all the same."""

    def runs(process: psutil.Process) -> bool:
        try:
            return bool(process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False

    until = time.monotonic() + 5
    while (left := [process for process in processes if runs(process)]) and time.monotonic() < until:
        time.sleep(0.02)
    return left


@pytest.fixture
def no_child_left() -> Iterator[None]:
    yield
    assert not still_there(psutil.Process().children(recursive=True))


def test_processes_answer_as_one_does_and_in_order(
    folder: Path, names: list[str], drawing: Drawing, no_child_left: None
) -> None:
    (folder / names[40]).write_bytes(b"")
    (folder / names[41]).write_bytes(b"no picture")
    (folder / names[42]).unlink()
    drawing(7, (4000, 4500)).save(folder / names[43])  # too heavy to be decoded beside others
    one = look(folder, names, 1)
    assert look(folder, names, 2) == look(folder, names, 3) == one
    assert [place for place, shown in enumerate(one) if isinstance(shown, str)] == [40, 41, 42]


@pytest.mark.slow
def test_the_collection_is_the_same_read_by_one_by_several_and_after_a_pause(folder: Path, tmp_path: Path) -> None:
    one = collect(folder, rights=MINE, processes=1)
    journal = tmp_path / "reading.jsonl"

    def stop_at(what: str, done: int, of: int) -> None:
        if done == 150:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collect(folder, rights=MINE, processes=2, kept_in=journal, progress=stop_at)
    assert 150 <= journal.read_bytes().count(b"\n") <= 152
    resumed = collect(folder, rights=MINE, processes=2, kept_in=journal)
    again = collect(folder, rights=MINE, processes=1, kept_in=journal)
    assert one.digest == collect(folder, rights=MINE, processes=2).digest == resumed.digest == again.digest
    assert one == resumed == again


def test_faults_are_told_in_the_same_words_all_at_once(folder: Path, names: list[str]) -> None:
    for name in names[::60]:
        (folder / name).write_bytes((folder / name).read_bytes()[:50])
    (folder / names[7]).write_bytes((folder / names[6]).read_bytes())
    told = []
    for processes in (1, 2):
        with pytest.raises(CollectionFaulty) as refused:
            collect(folder, rights=MINE, processes=processes)
        told.append((refused.value.what, refused.value.faults, refused.value.hint))
    assert told[0] == told[1]
    assert len(told[0][1]) == NUMBER // 60 + 1


def test_the_permission_of_each_work_is_asked_also_of_what_is_remembered(folder: Path, tmp_path: Path) -> None:
    journal = tmp_path / "reading.jsonl"
    collect(folder, rights=MINE, processes=2, kept_in=journal)
    (folder / "rights.toml").write_text("")
    with pytest.raises(RightsMissing, match="300 of 300 pictures"):
        collect(folder, rights=RightsPlan(), processes=2, kept_in=journal)


# A process that ends


@pytest.mark.slow
def test_a_process_that_is_killed_is_replaced_and_nothing_is_missing(
    folder: Path, names: list[str], no_child_left: None
) -> None:
    expected, found = look(folder, names, 1), []
    for shown in look_at_all(folder, names, WHITE, NoMemory(), 2):
        found.append(shown)
        if len(found) in (1, 150):
            for child in psutil.Process().children():
                child.kill()
    assert found == expected


@pytest.mark.slow
def test_a_picture_that_ends_the_process_twice_is_a_fault_of_its_own(
    folder: Path, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    deadly = f"""\
import os, sys; sys.path[:] = sys.argv[1:]
from handstyle.collection import reading_processes
look_at = reading_processes.look_at
def deadly(path, *more):
    if path.name == {Path(names[50]).name!r}: os._exit(3)
    return look_at(path, *more)
reading_processes.look_at = deadly
reading_processes.answer()
"""
    expected = look(folder, names, 1)
    monkeypatch.setattr(reading_processes, "START", deadly)
    found = look(folder, names, 2)
    assert found[50] == "ends the process that reads it (exit code 3): save or copy it again"
    assert [*found[:50], *found[51:]] == [*expected[:50], *expected[51:]]


@pytest.mark.parametrize("start", ["raise SystemExit(1)", "print('hello')"])
def test_where_no_process_can_be_started_one_reads_all(
    folder: Path, names: list[str], monkeypatch: pytest.MonkeyPatch, start: str
) -> None:
    monkeypatch.setattr(reading_processes, "START", start)
    assert look(folder, names, 2) == look(folder, names, 1)


def test_stopping_early_leaves_no_process_behind(folder: Path, names: list[str], no_child_left: None) -> None:
    reading = look_at_all(folder, names, WHITE, NoMemory(), 2)
    next(reading)
    assert psutil.Process().children()
    reading.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize(
    "sign", ["SIGKILL", *(pytest.param(one, marks=pytest.mark.slow) for one in ("SIGINT", "SIGTERM"))]
)
def test_whatever_ends_a_command_ends_its_processes_and_the_next_goes_on(folder_of: FolderOf, tmp_path: Path,
                                                                          sign: str) -> None:  # fmt: skip
    folder, desk = folder_of(*(f"cat-{place:04}.png" for place in range(1500))), tmp_path / "desk"
    command = [sys.executable, "-c", MANY, str(folder), str(desk)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True) as running:
        children = _when_it_reads(running, desk, 200)
        if sign == "SIGINT":  # a terminal sends Ctrl-C to everybody who was started there
            os.killpg(running.pid, signal.SIGINT)
        else:
            running.send_signal(getattr(signal, sign))
        assert running.wait(20) != 0
        words = running.stderr.read() if running.stderr else b""
    assert not still_there(children)
    assert b"Traceback" not in words
    (journal,) = (desk / "reading").glob("*.jsonl")
    assert 200 <= journal.read_bytes().count(b"\n") < 1500
    done = subprocess.run(command, capture_output=True, check=True)
    assert json.loads(done.stdout)["collection"] == collect(folder, rights=MINE, processes=1).digest


MANY = """\
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # also where whoever runs the tests does not listen to it
from handstyle.collection import reading_folder
reading_folder.processes_for = lambda *_: 2
from handstyle.__main__ import main
sys.exit(main(["collect", sys.argv[1], "--mine", "Ada", "--workspace", sys.argv[2], "--json"]))
"""


def _when_it_reads(running: subprocess.Popen[bytes], desk: Path, lines: int) -> list[psutil.Process]:
    """Its processes, once the journal has so many lines."""
    until = time.monotonic() + 60
    while time.monotonic() < until and running.poll() is None:
        journals = list((desk / "reading").glob("*.jsonl"))
        if journals and journals[0].read_bytes().count(b"\n") > lines:
            found: list[psutil.Process] = psutil.Process(running.pid).children(recursive=True)
            assert len(found) == 2
            return found
        time.sleep(0.005)
    raise AssertionError("it did not read")


# How many


def test_small_folders_are_read_by_one(folder: Path, names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    assert processes_for(folder, names) == 1, "few bytes"
    monkeypatch.setattr(reading_folder, "FEWEST_BYTES", 1000)
    assert processes_for(folder, names) == 4
    assert processes_for(folder, names[:199]) == 1, "few pictures"


def test_memory_and_cores_say_how_many_read(folder: Path, names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_folder, "FEWEST_BYTES", 1000)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    assert processes_for(folder, names) == 1, "one core"
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: _Memory(1200 << 20))
    assert processes_for(folder, names) == 2
    monkeypatch.setattr(psutil, "virtual_memory", lambda: _Memory(1 << 20))
    assert processes_for(folder, names) == 1


class _Memory:
    def __init__(self, available: int) -> None:
        self.available = available


def test_few_questions_are_open_at_a_time(folder: Path, names: list[str]) -> None:
    asked = 0

    def counted() -> Iterator[tuple[str, Any]]:
        nonlocal asked
        for name in names:
            asked += 1
            yield name, None

    answers = reading_processes.readings(folder, counted(), WHITE, 2)
    next(answers)
    assert asked <= reading_processes.A_QUESTION * reading_processes.OPEN_QUESTIONS * 2
    answers.close()
