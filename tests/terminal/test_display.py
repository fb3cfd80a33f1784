"""Does the result stand on stdout alone, and does a screen get what a file would not want?"""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest

from handstyle.errors import CollectionFaulty, GateClosed
from handstyle.records import Record
from handstyle.terminal.display import Display, printable


class Fact(Record):
    words: str


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


Look = Callable[[], Screen]


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> Look:
    """From when it is called, stderr is a screen. (pytest puts its own in place after every fixture.)"""

    def put_a_screen_there() -> Screen:
        screen = Screen()
        monkeypatch.setattr(sys, "stderr", screen)
        return screen

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("WT_SESSION", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return put_a_screen_there


def test_only_the_result_stands_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    display = Display()
    display.say("by the way")
    display.progress("drawing", 1, 2)
    display.result(Fact(words="all"), "done", "here.png")
    said = capsys.readouterr()
    assert said.out == "done\nhere.png\n"
    assert said.err == "by the way\ndrawing\n"


def test_json_is_one_object_with_every_letter_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Display(as_json=True).result(Fact(words="Zoë …"), "words for people", besides=1)
    out = capsys.readouterr().out
    assert json.loads(out) == {"words": "Zoë …", "besides": 1}
    assert "Zoë …" in out


def test_without_a_screen_progress_is_one_line_for_each_part(capsys: pytest.CaptureFixture[str]) -> None:
    display = Display()
    for what in ("encoding", "training"):
        for done in range(4):
            display.progress(what, done, 3)
    assert capsys.readouterr().err == "encoding\ntraining\n"


def test_on_a_screen_progress_is_a_bar_that_ends_before_other_words(look: Look) -> None:
    screen = look()
    with Display() as display:
        for done in range(1, 4):
            display.progress("training", done, 3)
        display.say("by the way")
        display.progress("training", 3, 3)
    assert "3/3" in screen.getvalue()
    assert "\nby the way\n" in screen.getvalue()


def test_a_run_that_is_resumed_shows_how_far_it_had_come(look: Look) -> None:
    screen = look()
    with Display() as display:
        display.progress("training", 120, 240)
    assert "120/240" in screen.getvalue()


@pytest.mark.parametrize(("error", "label"), [(CollectionFaulty("no"), "error:"), (GateClosed("no"), "refused:")])
def test_a_screen_shows_errors_in_colour(look: Look, error: Any, label: str) -> None:
    screen = look()
    Display().error(error)
    assert re.fullmatch(rf"\x1b\[1;3[13]m{label}\x1b\[0m no\n", screen.getvalue())


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colour_can_be_declined(look: Look, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    screen = look()
    monkeypatch.setenv(name, value)
    Display().error(GateClosed("no"))
    assert screen.getvalue() == "refused: no\n"


def test_a_file_gets_no_colour(capsys: pytest.CaptureFixture[str]) -> None:
    Display().error(GateClosed("no"))
    assert capsys.readouterr().err == "refused: no\n"


def test_a_name_cannot_command_the_screen() -> None:
    assert (
        printable("Zoë \U0001f600\n\x1b[31mred\r\x07\u2028\udcff")
        == "Zoë \U0001f600\n\\x1b[31mred\\r\\x07\\u2028\\udcff"
    )
