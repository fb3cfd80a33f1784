"""How many pictures were made with a style, and how many left the house with it?

One line an event, each with the digest of the line before it: a line that was changed or taken out breaks the chain.
Lines are only ever added. Cutting off the end cannot be seen in the file itself: a statement names the last line it
counted, and whoever keeps the statement can tell.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints

from handstyle import digests
from handstyle.errors import RecordDamaged
from handstyle.records import Record, cannot_write
from handstyle.workspace import locked

LARGEST = 1 << 30  # bytes
LONGEST_LINE = 1 << 16  # bytes
PATIENCE = 60  # seconds to wait for another process that adds a line
BEGINNING = "0" * 64  # what stands before the first line

Digest = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class Entry(Record):
    """`made`: one picture file. `released`: a release, and the pictures by the style that are shown in it."""

    kind: Literal["made", "released"]
    on: date
    styles: tuple[Digest, ...] = Field(min_length=1)  # digests of the tensors that were worn
    pictures: int = Field(ge=0)
    of: Digest  # of the picture's file, or of the envelope of the release
    before: Digest


class Count(Record):
    """Of one style, in a period."""

    made: int
    released: int  # pictures shown in releases
    releases: int
    first: date | None  # days on which something was counted
    last: date | None
    head: Digest  # digest of the last line of the whole ledger

    @classmethod
    def of(cls, entries: Sequence[Entry], style: str, head: str, since: date | None, until: date | None) -> Self:
        mine = [
            entry for entry in entries
            if style in entry.styles and (since is None or entry.on >= since) and (until is None or entry.on <= until)
        ]  # fmt: skip
        days = [entry.on for entry in mine]
        return cls(
            made=sum(entry.pictures for entry in mine if entry.kind == "made"),
            released=sum(entry.pictures for entry in mine if entry.kind == "released"),
            releases=sum(entry.kind == "released" for entry in mine),
            first=min(days, default=None),
            last=max(days, default=None),
            head=head,
        )


def add(
    path: Path, kind: Literal["made", "released"], styles: Iterable[str], pictures: int, of: str, on: date | None = None
) -> None:
    """One line more. Raises WriteFailed or RecordDamaged; what stood there stands there still."""
    with locked(path.with_name(f".{path.name}.lock"), busy=f"another process keeps {path}", patience=PATIENCE):
        try:
            with path.open("ab+") as file:
                before = _last_line(path, file.seek(0, os.SEEK_END))
                entry = Entry(
                    kind=kind,
                    on=on or date.today(),
                    styles=tuple(sorted(set(styles))),
                    pictures=pictures,
                    of=of,
                    before=before,
                )
                file.write(digests.canonical(entry.as_json()) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise cannot_write(path, error) from error


def count(path: Path, style: str, *, since: date | None = None, until: date | None = None) -> Count:
    """Raises RecordDamaged where a line was changed, taken out or put in."""
    entries, head = _entries(path)
    return Count.of(entries, style, head, since, until)


def _entries(path: Path) -> tuple[list[Entry], str]:
    if not path.is_file():
        return [], BEGINNING
    entries, head, number = [], BEGINNING, 0
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError("it is larger than it may be")
        with path.open("rb") as file:
            while line := file.readline(LONGEST_LINE):
                number += 1
                if not line.endswith(b"\n"):
                    raise ValueError("it ends in the middle of a line")
                entry = Entry.read(json.loads(line, object_pairs_hook=digests.once), where=f"line {number}")
                if entry.before != head:
                    raise ValueError("it does not follow the line before it")
                if digests.canonical(entry.as_json()) + b"\n" != line:
                    raise ValueError("it is not spelled as it must be")
                entries.append(entry)
                head = digests.of_bytes(line)
    except (OSError, ValueError, RecursionError, RecordDamaged) as error:
        raise RecordDamaged(
            f"{path} does not count what it counted: line {number}: {error}",
            hint="Put a copy of it back. Lines are only ever added by handstyle itself.",
        ) from error
    return entries, head


def _last_line(path: Path, size: int) -> str:
    """Digest of the last whole line. What a process that was killed left of its line is taken away first."""
    if size == 0:
        return BEGINNING
    with path.open("rb+") as file:
        start = max(0, size - 2 * LONGEST_LINE)
        file.seek(start)
        tail = file.read()
        whole = tail[: tail.rfind(b"\n") + 1]
        if len(whole) < len(tail):
            if start and not whole:
                raise RecordDamaged(f"{path} holds a line that is none", hint="Put a copy of it back.")
            file.truncate(start + len(whole))
        if not whole:
            return BEGINNING
        return digests.of_bytes(whole[whole.rfind(b"\n", 0, -1) + 1 :])
