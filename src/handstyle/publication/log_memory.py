"""Which logs has this person seen, and how large were they?

For each log the newest checkpoint, and every withdrawal that was read in it: a log that later claims less lies.
"""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import Literal

from handstyle import keys
from handstyle.collection.works import Digest
from handstyle.errors import HandstyleError, LogBroken
from handstyle.publication.signed_note import NoteKey, checkpoint_in
from handstyle.records import Record, remove_abandoned
from handstyle.workspace import House, locked

PATIENCE = 60  # seconds


class Ended(Record):
    """What a withdrawal took back, and since when."""

    on: date
    ends: tuple[Digest, ...]


class Seen(Record):
    format: Literal["handstyle/seen-log/1"] = "handstyle/seen-log/1"
    origin: str
    key: str  # ssh-ed25519 …
    signer: str  # of the release by which it was first heard of
    checkpoint: str
    read_to: str = ""  # the newest of which every entry was read
    ended: tuple[Ended, ...] = ()
    first_seen: date

    @property
    def note_key(self) -> NoteKey:
        return NoteKey(self.origin, keys.key_in(self.key))

    def is_of(self, key: NoteKey) -> bool:
        return self.origin == key.name and self.key == keys.public_line(key.key)

    @property
    def file(self) -> str:
        return hashlib.sha256(f"{self.origin}\n{self.key}".encode()).hexdigest()[:32] + ".json"


def seen_logs(house: House) -> tuple[Seen, ...]:
    """Raises LogBroken where one of them cannot be read: it must not count as never seen."""
    found = []
    for path in sorted(house.seen_logs.glob("*.json")):
        try:
            one = Seen.load(path)
            for text in filter(None, (one.checkpoint, one.read_to)):
                if checkpoint_in(text).signed_by(one.note_key) is None:
                    raise ValueError("its log has not signed it")
        except (HandstyleError, ValueError) as error:
            raise LogBroken(
                f"what you have seen of a log is damaged: {path}: {error}",
                hint="Restore the file from a copy. Without it, a log that was cut cannot be told from a whole one.",
            ) from error
        found.append(one)
    return tuple(found)


def remember(house: House, seen: Seen) -> Path:
    """Unless another process saw more of this log meanwhile. Raises WriteFailed or WorkspaceBusy."""
    path = house.seen_logs / seen.file
    with locked(house.seen_logs / ".lock", busy=f"another handstyle process writes {path}", patience=PATIENCE):
        remove_abandoned(house.seen_logs)
        before = Seen.load(path) if path.is_file() else None
        if before is not None:
            seen = _joined(before, seen)
        return seen.save(path)


def _joined(before: Seen, now: Seen) -> Seen:
    def larger(one: str, other: str) -> str:
        return max(filter(None, (other, one)), key=lambda text: checkpoint_in(text).size, default="")

    ended = tuple(sorted({*before.ended, *now.ended}, key=lambda one: (one.on, one.ends)))
    return now.model_copy(
        update={
            "checkpoint": larger(before.checkpoint, now.checkpoint),
            "read_to": larger(before.read_to, now.read_to),
            "ended": ended,
            "first_seen": before.first_seen,
        }
    )
