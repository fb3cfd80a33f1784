"""Is `handstyle` there at once, and does it load nothing that the command does not need?"""

from __future__ import annotations

import importlib.abc
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from handstyle.__main__ import main

TRIES = 5

# What any machine can be asked, and most of what any command line has to import anyway.
YARDSTICK = "import argparse, dataclasses, email.message, http.client, json, logging, pathlib, subprocess, typing"


def times_the_yardstick(*words: str) -> float:
    """The time a command takes, over the yardstick's: the least of each, asked for in turn, as others may be at work.

    A program is asked as whoever installed it has it: compiled, which a surrounding setting may keep from being kept.
    On one core of an Intel Xeon the yardstick takes 0.09 s, help 0.14 to 0.3 s and `verify` 0.5 to 0.6 s.
    """
    pairs = [(seconds_of("-m", "handstyle", *words), seconds_of("-c", YARDSTICK)) for _ in range(TRIES)]
    asked, yardstick = map(min, zip(*pairs, strict=True))
    return asked / yardstick


def seconds_of(*arguments: str) -> float:
    """How long a processor works on what Python is asked to do."""
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = os.times()
    subprocess.run([sys.executable, *arguments], capture_output=True, env=surroundings)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


@pytest.mark.parametrize("words", [["--help"], ["finetune", "--help"], ["--version"]], ids=" ".join)
def test_help_takes_less_than_six_times_what_any_command_line_imports(words: list[str]) -> None:
    assert times_the_yardstick(*words) < 6


def test_verify_takes_less_than_twelve_times_that(tmp_path: Path) -> None:
    (tmp_path / "handstyle.json").write_text("{}")
    assert times_the_yardstick("verify", str(tmp_path)) < 12


def imported_by(*words: str) -> set[str]:
    probe = (
        "import json, sys\n"
        "from handstyle.__main__ import main\n"
        "main(sys.argv[1:])\n"
        "print(json.dumps([name for name in sys.modules if '.' not in name]), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", probe, *words], capture_output=True)
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("words", [["--help"], ["finetune", "--help"]], ids=" ".join)
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    assert not imported_by(*words) & {"torch", "numpy", "PIL", "rich", "tqdm"}


def test_the_first_help_needs_not_even_the_records() -> None:
    assert "pydantic" not in imported_by("--help")


def test_verify_imports_nothing_heavy(tmp_path: Path) -> None:
    assert not imported_by("verify", str(tmp_path)) & {"torch", "numpy", "diffusers", "transformers", "rich"}


def test_collect_needs_no_torch(tmp_path: Path) -> None:
    assert "torch" not in imported_by("collect", str(tmp_path), "--mine", "Ada")


@pytest.mark.parametrize(
    "words",
    [
        ["encode"], ["finetune"], ["generate", "a cat"], ["inspect"], ["inspect", "--further", "nowhere"],
        ["publish", "--name", "it"], ["compare", "one", "two"], ["influence", "picture.png"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_is_not_there_yet_is_told_before_networks_are_imported(words: list[str], tmp_path: Path) -> None:
    assert "torch" not in imported_by(*words, "--workspace", str(tmp_path))


def test_python_m_handstyle_is_the_same_program() -> None:
    shown = subprocess.run([sys.executable, "-m", "handstyle", "--help"], capture_output=True, text=True)
    assert shown.stdout.startswith("Usage: handstyle ")


def test_ctrl_c_before_anything_was_imported_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Impatient(importlib.abc.MetaPathFinder):
        def find_spec(self, name: str, path: object, target: object = None) -> None:
            if name == "handstyle.terminal.command_line":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "handstyle.terminal.command_line", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Impatient(), *sys.meta_path])
    assert main(["--help"]) == 130
