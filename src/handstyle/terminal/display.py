"""How do results, progress and errors reach a person, and how do they reach a program?

The result goes to stdout, everything else to stderr. With `--json` stdout holds one JSON object, also for an error.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import typer

from handstyle.collection.plain_text import is_unwelcome
from handstyle.errors import GateClosed, HandstyleError

if TYPE_CHECKING:
    from handstyle.records import Record

MOST_FAULTS = 20  # on a screen; JSON has them all
INTERRUPTED = 130  # the exit code that shells give to Ctrl-C
BOLD_RED, BOLD_YELLOW = "1;31", "1;33"


class Display:
    """One command's way to the screen."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self._bar: Any = None  # tqdm, imported when there is a screen to draw on
        self._under_way = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._finish_bar()

    def result(self, record: Record, *words: str, **besides: object) -> None:
        """What was made: the record for a program, a few words for a person."""
        self._finish_bar()
        if self.as_json:
            write_json({**record.as_json(), **besides})
        else:
            print(printable("\n".join(words)))

    def say(self, words: str) -> None:
        """A remark; never part of the result."""
        self._finish_bar()
        print(printable(words), file=sys.stderr, flush=True)

    def progress(self, what: str, done: int, of: int) -> None:
        """A bar where somebody is watching, one line for each stage of the work where nobody is."""
        if is_screen():
            if what != self._under_way or self._bar is None:
                self._finish_bar()
                self._bar = _new_bar(what, done, of)
            self._bar.update(done - self._bar.n)
        elif what != self._under_way:
            self.say(what)
        self._under_way = what

    def error(self, error: HandstyleError) -> None:
        """What went wrong, every fault, and what to do next."""
        self._finish_bar()
        if self.as_json:
            parts = {"error": error.what, "faults": list(error.faults), "hint": error.hint}
            write_json({**parts, "exit_code": error.exit_code})
        refused = isinstance(error, GateClosed)
        label = coloured("refused:", BOLD_YELLOW) if refused else coloured("error:", BOLD_RED)
        words = "\n".join(filter(None, [error.what, *listed(error.faults), error.hint]))
        print(label, printable(words), file=sys.stderr, flush=True)

    def interrupted(self, hint: str) -> None:
        """Somebody pressed Ctrl-C: no error, and so it does not look like one."""
        self._finish_bar()
        if self.as_json:
            write_json({"error": "interrupted", "faults": [], "hint": hint, "exit_code": INTERRUPTED})
        # The screen shows ^C, and stays on that line.
        print(f"{chr(10) if is_screen() else ''}interrupted. {hint}".rstrip(), file=sys.stderr, flush=True)

    def _finish_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = None


def display_of(context: typer.Context) -> Display:
    display = context.obj
    assert isinstance(display, Display), "run() puts it there"
    return display


def listed(faults: Sequence[str]) -> list[str]:
    """One line a fault, as many as a screen holds."""
    lines = [f"  - {fault}" for fault in faults[:MOST_FAULTS]]
    hidden = len(faults) - MOST_FAULTS
    return [*lines, f"  and {hidden} more; --json names them all"] if hidden > 0 else lines


def write_json(value: dict[str, Any]) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    print(
        "".join(_escaped(letter) if letter != "\n" and is_unwelcome(letter) else letter for letter in text), flush=True
    )


def _escaped(letter: str) -> str:
    return json.dumps(letter)[1:-1]


def printable(text: str) -> str:
    """File names come from anywhere: what a screen could take for a command is spelled out."""
    return "".join(letter if letter in "\n\t" or not is_unwelcome(letter) else ascii(letter)[1:-1] for letter in text)


def is_screen() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def coloured(words: str, colour: str) -> str:
    """On a screen, unless NO_COLOR is set. The old Windows console would print the codes, so it gets none."""
    plain = os.environ.get("NO_COLOR") or not is_screen() or (os.name == "nt" and "WT_SESSION" not in os.environ)
    return words if plain else f"\x1b[{colour}m{words}\x1b[0m"


def _new_bar(what: str, done: int, of: int) -> Any:
    from tqdm import tqdm

    return tqdm(desc=what, total=of, initial=done, file=sys.stderr, dynamic_ncols=True)
