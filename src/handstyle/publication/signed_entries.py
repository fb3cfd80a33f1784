"""Which entries and checkpoints on disk are those that were signed?"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from handstyle.errors import LogBroken
from handstyle.publication import merkle
from handstyle.publication.log_entries import Entry
from handstyle.publication.signed_note import Checkpoint, NoteKey, checkpoint_in
from handstyle.records import LARGEST_RECORD, read_whole


def signed(lines: Sequence[bytes], checkpoint: Checkpoint, folder: Path) -> tuple[Entry, ...]:
    """Those under the checkpoint. Raises LogBroken where one is missing or another than was signed."""
    return _signed_once(tuple(lines), checkpoint, folder)


@functools.lru_cache(maxsize=4)
def _signed_once(lines: tuple[bytes, ...], checkpoint: Checkpoint, folder: Path) -> tuple[Entry, ...]:
    """The same lines under the same checkpoint are looked at once: every gate of a command asks."""
    restore = "Restore the folder from a copy. Nothing is signed until then: a log may never lose an entry."
    if len(lines) < checkpoint.size:
        raise LogBroken(f"{folder} has lost {checkpoint.size - len(lines)} of {checkpoint.size} entries", hint=restore)
    try:
        entries = tuple(Entry.of_line(line) for line in lines[: checkpoint.size])
    except ValueError as error:
        raise LogBroken(f"an entry in {folder} is damaged: {error}", hint=restore) from error
    if merkle.root([*map(merkle.leaf_hash, lines[: checkpoint.size])]) != checkpoint.root:
        raise LogBroken(f"the entries in {folder} are not those that were signed", hint=restore)
    return entries


def checkpoint_at(path: Path, key: NoteKey) -> Checkpoint:
    try:
        found = checkpoint_in(read_whole(path, 1 << 16).decode("utf-8"))
        if found.origin != key.name or found.signed_by(key) is None:
            raise ValueError("it is not signed by the key of this log")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise LogBroken(f"{path} is no checkpoint of this log: {reason}", hint="Restore the file.") from error
    return found


def bytes_at(path: Path) -> bytes | None:
    """Of a record that lies beside an entry; None where it was erased."""
    try:
        return read_whole(path, LARGEST_RECORD)
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return b""  # which is told when the record is opened
