"""What does somebody hold who was given a log: all of it, or only how large it is?

A copy of the whole log is one text file, as the keeper publishes it: a first line, one entry a line, an empty line,
and the newest checkpoint. A checkpoint alone says how large a log is, and not what is in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from handstyle.errors import LogBroken, UsageMistake
from handstyle.publication import merkle
from handstyle.publication.log_entries import Entry
from handstyle.publication.signed_note import LARGEST_NOTE, Checkpoint, checkpoint_in
from handstyle.records import TooLarge, read_whole

FIRST_LINE = b"handstyle/log/1"
PUBLISHED = "log.txt"
LARGEST_LOG = 64 << 20  # bytes
MOST_ENTRIES = 200_000


@dataclass(frozen=True)
class LogCopy:
    """A checkpoint, and what it is over, where that is known. Its signatures are not verified yet."""

    where: str
    checkpoint: Checkpoint
    entries: tuple[Entry, ...] | None = None

    @cached_property
    def leaves(self) -> tuple[bytes, ...]:
        return tuple(entry.leaf for entry in self.entries or ())

    def root_at(self, size: int) -> bytes | None:
        """Of its first `size` entries; None where that is not known."""
        if size == self.checkpoint.size:
            return self.checkpoint.root
        return merkle.root(self.leaves[:size]) if size < len(self.leaves) else None


def text_of(lines: Sequence[bytes], checkpoint: Checkpoint) -> bytes:
    return b"\n".join([FIRST_LINE, *lines, b""]) + b"\n" + checkpoint.text.encode()


def copy_at(path: Path) -> LogCopy:
    """Of a file, or of the folder of a log. Raises UsageMistake where there is none, LogBroken for what is no log."""
    place = path / PUBLISHED if path.is_dir() else path
    try:
        return copy_in(read_whole(place, LARGEST_LOG), str(place))
    except TooLarge as error:
        raise LogBroken(f"{place} is no log: {error}", hint="Ask its keeper for the file again.") from error
    except OSError as error:
        raise UsageMistake(f"{place} cannot be read: {error.strerror or error}", hint="Check the path.") from error
    except ValueError as error:
        raise LogBroken(f"{place} is no log: {error}", hint="Ask its keeper for the file again.") from error


def copy_in(data: bytes, where: str) -> LogCopy:
    """Raises ValueError for any spelling but ours, and for entries that are not those of the checkpoint."""
    if not data.startswith(FIRST_LINE + b"\n"):
        if len(data) > LARGEST_NOTE:
            raise ValueError("it is neither a log nor a checkpoint")
        return LogCopy(where, checkpoint_in(data.decode("utf-8")))
    listed, _, note = data[len(FIRST_LINE) :].partition(b"\n\n")
    lines = listed[1:].split(b"\n") if listed else []
    if len(lines) > MOST_ENTRIES:
        raise ValueError(f"it has more than {MOST_ENTRIES} entries")
    checkpoint = checkpoint_in(note.decode("utf-8"))
    found = LogCopy(where, checkpoint, tuple(Entry.of_line(line) for line in lines))
    if len(lines) != checkpoint.size:
        raise ValueError(f"it has {len(lines)} entries, and its checkpoint is over {checkpoint.size}")
    if merkle.root(found.leaves) != checkpoint.root:
        raise ValueError("its entries are not those over which its checkpoint was signed")
    return found
