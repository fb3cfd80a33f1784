"""What was read of a folder before somebody or something stopped it?

A file of lines, beginning with one that says by which decoder, on which page. Each further line is a name, what its
file showed, and a digest of the line. What is torn or says something else than its digest is dropped; a journal of
another decoder, page or version is begun anew.

The journal never says what a file is: that is asked of its bytes each time (`reading.look_at`). It only spares decoding
them, so that a file changed behind the back of its date is noticed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any, BinaryIO

import PIL
from PIL import features

from handstyle import digests
from handstyle.collection.reading import Memory, NoMemory, Shown
from handstyle.errors import HandstyleError
from handstyle.records import cannot_write, write
from handstyle.workspace import locked

FORMAT = "handstyle/reading/1"
DIGITS = 16  # of the digest of a line
STALE = 4  # lines for each that still counts; with more, it is written anew


class Remembered:
    """What is remembered of `names`. Where the journal cannot be kept, or another process keeps it, nothing is.

    It is begun when there is something to keep: of a folder that nobody may use, nothing is written.
    """

    def __init__(self, path: Path, page: tuple[int, int, int], names: Sequence[str]) -> None:
        self._path, self._page, self._names = path, page, names
        self._open = ExitStack()
        self._memory = self._begun() if path.is_file() else None

    def _begun(self) -> Memory:
        try:
            busy = f"another process keeps {self._path}"
            self._open.enter_context(locked(self._path.with_suffix(".lock"), busy=busy))
            return self._open.enter_context(closing(Journal(self._path, self._page, self._names)))
        except HandstyleError:
            return NoMemory()

    def recall(self, name: str) -> Shown | None:
        return self._memory.recall(name) if self._memory else None

    def keep(self, name: str, shown: Shown) -> None:
        self._memory = self._memory or self._begun()
        self._memory.keep(name, shown)

    def close(self) -> None:
        self._open.close()


class Journal:
    """Where the line of each name stands; the lines themselves stay on the disk."""

    def __init__(self, path: Path, page: tuple[int, int, int], names: Iterable[str]) -> None:
        first = _line(heading(page))
        self._places: dict[str, int] = {}
        self._recalled: dict[str, Shown] = {}  # and not yet kept
        try:
            self._lines = _opened(path, first)
            lines, end = self._look_through(frozenset(names))
            if lines > STALE * (len(self._places) + 1):
                kept = [first, *(self._line_at(place) for place in self._places.values())]
                self._lines.close()
                write(path, b"".join(kept))
                self._lines = path.open("r+b")
                _, end = self._look_through(frozenset(self._places))
            self._lines.truncate(end)  # or the next line would go on with what is torn
            self._further = path.open("ab", buffering=0)
        except OSError as error:
            raise cannot_write(path, error) from error

    def _look_through(self, wanted: frozenset[str]) -> tuple[int, int]:
        """How many lines there are, and where the last whole one ends."""
        self._lines.seek(0)
        number, at, end = 0, 0, 0
        for line in self._lines:
            at, number = at + len(line), number + 1
            if line.endswith(b"\n"):
                end = at
            entry = _entry(line)
            if entry is not None and entry[0] in wanted:
                self._places[entry[0]] = at - len(line)
        return number, end

    def recall(self, name: str) -> Shown | None:
        place = self._places.get(name)
        if place is None:
            return None
        entry = _entry(self._line_at(place))
        if entry is not None and entry[0] == name:
            with suppress(ValueError, TypeError, OverflowError):
                self._recalled[name] = Shown.from_json(entry[1])
        return self._recalled.get(name)

    def _line_at(self, place: int) -> bytes:
        self._lines.seek(place)
        return self._lines.readline()

    def keep(self, name: str, shown: Shown) -> None:
        if self._recalled.pop(name, None) == shown:
            return
        # A full disk is no reason to stop reading: only the next time will not be shorter.
        with suppress(OSError):
            self._further.write(_line([name, shown.as_json()]))

    def close(self) -> None:
        self._lines.close()
        self._further.close()


def heading(page: tuple[int, int, int]) -> list[Any]:
    """What the answers depend on besides the bytes."""
    libraries = {name: features.version(name) for name in ("jpg", "libtiff", "webp", "littlecms2", "zlib")}
    return [FORMAT, {"pillow": PIL.__version__, **libraries}, list(page)]


def _opened(path: Path, first: bytes) -> BinaryIO:
    """At its beginning; new, where there is none or one of another kind."""
    with suppress(FileNotFoundError):
        file = path.open("r+b")
        if file.readline() == first:
            return file
        file.close()
    write(path, first)
    return path.open("r+b")


def _line(entry: list[Any]) -> bytes:
    text = json.dumps(entry, separators=(",", ":")).encode()
    return b"%s %s\n" % (digests.of_bytes(text)[:DIGITS].encode(), text)


def _entry(line: bytes) -> tuple[str, Any] | None:
    """The name and the rest, of a whole and true line; None for any other."""
    digest, text = line[:DIGITS], line[DIGITS + 1 : -1]
    if not line.endswith(b"\n") or digests.of_bytes(text)[:DIGITS].encode() != digest:
        return None
    try:
        name, rest = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None
    return (name, rest) if isinstance(name, str) else None
