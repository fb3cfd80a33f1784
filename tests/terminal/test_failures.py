"""Does whoever meets an error learn what happened, and does the shell learn it too?"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from handstyle import errors
from handstyle.errors import CollectionFaulty, GateClosed, HandstyleError
from handstyle.terminal.failures import AFTER_INTERRUPTION

CODES = {
    "HandstyleError": 1,
    "UsageMistake": 2,
    "GateClosed": 3,
    "RightsMissing": 3,
    "WorkChanged": 3,
    "ConsentBroken": 3,
    "ReleaseBroken": 3,
    "Withdrawn": 3,
    "LogBroken": 3,
}
HANDSTYLE = [sys.executable, "-m", "handstyle"]
FULL_DISK = Path("/dev/full")
VERBS = ["collect .", "encode", "finetune", "generate cat", "inspect", "publish --name A", "verify .", "demo"]


def kinds(kind: type[HandstyleError] = HandstyleError) -> Iterator[type[HandstyleError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from kinds(below)


def error_of(answer: Any) -> dict[str, Any]:
    told = json.loads(answer.out)
    assert set(told) == {"error", "faults", "hint", "exit_code"}
    assert told["exit_code"] == answer.code
    return dict(told)


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind.__module__ == errors.__name__])
def test_every_error_of_ours_ends_with_its_code_and_its_words(
    typed: Any, stage: Any, kind: type[HandstyleError]
) -> None:
    stage("encode", kind("the moon is full", faults=["a wolf"], hint="Wait for the day."))
    answer = typed("encode")
    assert answer.code == CODES.get(kind.__name__, 1)
    assert answer.out == ""
    label = "refused" if issubclass(kind, GateClosed) else "error"
    assert answer.err == f"{label}: the moon is full\n  - a wolf\nWait for the day.\n"


def test_an_error_is_json_too_when_that_was_asked_for(typed: Any, stage: Any) -> None:
    stage("encode", CollectionFaulty("é", faults=["a", "b"], hint="c"))
    answer = typed("encode", "--json")
    assert error_of(answer) == {"error": "é", "faults": ["a", "b"], "hint": "c", "exit_code": 1}
    assert "error: é" in answer.err


def test_a_screen_shows_twenty_faults_and_json_all(typed: Any, stage: Any) -> None:
    stage("encode", CollectionFaulty("many", faults=[f"fault {number}" for number in range(25)]))
    answer = typed("encode", "--json")
    assert len(error_of(answer)["faults"]) == 25
    assert answer.err.count("  - ") == 20
    assert "and 5 more" in answer.err


@pytest.mark.parametrize("words", VERBS)
def test_ctrl_c_in_any_stage_says_how_to_go_on(typed: Any, stage: Any, words: str) -> None:
    verb = words.split()[0]
    stage("plan" if verb == "finetune" else verb, KeyboardInterrupt())
    answer = typed(*words.split())
    assert (answer.code, answer.out) == (130, "")
    assert answer.err == f"interrupted. {AFTER_INTERRUPTION[verb]}\n"


def test_an_interrupted_run_is_told_to_resume(typed: Any, stage: Any) -> None:
    stage("plan", KeyboardInterrupt())
    answer = typed("finetune", "--json")
    assert "--resume" in error_of(answer)["hint"]


def test_ctrl_c_is_still_ctrl_c_when_a_library_made_it_an_error_of_its_own(typed: Any, stage: Any) -> None:
    broken = ImportError("numpy failed to import")
    broken.__cause__ = KeyboardInterrupt()
    stage("encode", broken)
    assert typed("encode").code == 130


def test_ctrl_c_in_code_that_a_library_made_from_text_still_ends_with_130(tmp_path: Path) -> None:
    # `python -m` looks at how the last such code ended; other ways of starting do not.
    (tmp_path / "interrupted.py").write_text(
        "import sys\n"
        "from handstyle import stages\n"
        "from handstyle.__main__ import main\n"
        "stages.encode = lambda *positional, **named: exec('raise KeyboardInterrupt')\n"
        "sys.exit(main(['encode']))\n"
    )
    done = subprocess.run([sys.executable, "-m", "interrupted"], cwd=tmp_path, capture_output=True)
    assert done.returncode == 130


def test_what_nobody_thought_of_is_our_fault_and_is_written_down(typed: Any, stage: Any) -> None:
    stage("encode", ZeroDivisionError("a thousand things"))
    answer = typed("encode")
    assert answer.code == 1
    assert "our fault" in answer.err
    assert "Traceback" not in answer.err
    written = re.search(r"written in (\S+\.txt)", answer.err)
    assert written
    try:
        assert "ZeroDivisionError: a thousand things" in Path(written[1]).read_text(encoding="utf-8")
    finally:
        Path(written[1]).unlink()


def test_the_traceback_can_be_seen_at_once(typed: Any, stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDSTYLE_TRACEBACK", "1")
    stage("encode", ZeroDivisionError("a thousand things"))
    assert "Traceback (most recent call last)" in typed("encode").err


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "not enough memory"),
        (PermissionError(13, "Permission denied", "works"), "Permission denied: 'works'"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), "torch is not installed"),
    ],
)
def test_what_the_system_refuses_is_not_called_our_fault(
    typed: Any, stage: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    monkeypatch.setenv("HANDSTYLE_TRACEBACK", "1")
    stage("encode", error)
    answer = typed("encode")
    assert answer.code == 1
    assert words in answer.err
    assert "our fault" not in answer.err


@pytest.mark.parametrize(
    "words",
    [
        ["colect", "."],
        ["collect"],
        ["encode", "--bas", "x"],
        ["finetune", "--save-every", "0"],
        ["finetune", "--set", "rank"],
        ["finetune", "--recipe", "a.toml", "--preset", "b"],
        ["finetune", "--extend", "9 steps", "--set", "rank=2"],
        ["generate"],
        ["generate", "cat", "--seeds", "one"],
        ["generate", "cat", "--width", "wide"],
        ["publish"],
        ["collect", ".", "--mine", "A", "--licence", "MIT"],
        ["collect", ".", "--leave-out", "most"],
        ["verify", "no-such-folder"],
    ],
    ids=" ".join,
)
def test_a_mistake_in_the_command_ends_with_2_and_says_what_to_type(typed: Any, words: list[str]) -> None:
    answer = typed(*words, "--json")
    told = error_of(answer)
    assert answer.code == 2
    assert told["error"] and told["hint"]
    assert "Traceback" not in answer.err


def test_an_unknown_verb_suggests_the_nearest(typed: Any) -> None:
    assert "Did you mean 'finetune'?" in typed("fintune").err


def test_an_unknown_option_suggests_the_nearest(typed: Any) -> None:
    assert "--workspace" in typed("encode", "--workspce", "x").err


def test_nobody_hears_that_a_reader_has_gone() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*HANDSTYLE, "--help"], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.skipif(not FULL_DISK.exists(), reason="this system has no disk that is always full")
def test_a_result_that_found_no_room_is_an_error(tmp_path: Path) -> None:
    here = {**os.environ, "TMPDIR": str(tmp_path)}
    with FULL_DISK.open("w") as full:
        done = subprocess.run([*HANDSTYLE, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, env=here)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the system refused: [Errno 28] No space left on device")
    assert "Traceback" not in done.stderr
