"""How does a keeper log what they do, so that nothing can be put in before, or taken out after?

<log>/
|-- log.json            its name and its key
|-- entries.jsonl       one entry a line; only ever appended to
|-- checkpoint          how large it is, and since when, signed
|-- checkpoints/        the same for every size it had
|-- records/            salt and record of each entry; each can be erased
|-- log.txt             all entries and the checkpoint, to be published

An append writes the record, then the entry, then the checkpoint, each of them flushed to disk. Whatever moment a
process dies at, the next one finds what was signed, and completes or cuts off what was not.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from handstyle import digests, keys
from handstyle.errors import LogBroken, RecordDamaged, UsageMistake, WriteFailed
from handstyle.keys import Signer
from handstyle.publication import merkle
from handstyle.publication.log_copy import LARGEST_LOG, PUBLISHED, text_of
from handstyle.publication.log_entries import Entry, Kept, KeyLine, Kind, LogRecord, is_as_logged, kept
from handstyle.publication.signed_entries import bytes_at, checkpoint_at, signed
from handstyle.publication.signed_note import MOST_SIGNATURES, Checkpoint, NoteKey, day, is_name
from handstyle.records import Record, cannot_write, read_whole, remove_abandoned, write
from handstyle.workspace import locked

ABOUT, ENTRIES, CHECKPOINT = "log.json", "entries.jsonl", "checkpoint"
LONGEST_APPEND = 60  # seconds


def now() -> datetime:
    return datetime.now(UTC)


class About(Record):
    format: Literal["handstyle/keeper-log/1"] = "handstyle/keeper-log/1"
    origin: str
    key: KeyLine

    @property
    def note_key(self) -> NoteKey:
        return NoteKey(self.origin, keys.key_in(self.key))


@dataclass(frozen=True)
class Logged:
    """An entry, where it stands, and what lies beside it; nothing does when it was erased."""

    index: int
    entry: Entry
    kept: Kept | None


@dataclass(frozen=True)
class TransparencyLog:
    """The keeper's own log. `clock` is UTC."""

    folder: Path
    about: About
    signer: Callable[[], Signer]
    clock: Callable[[], datetime] = now

    # Reading

    def checkpoint(self) -> Checkpoint:
        return checkpoint_at(self.folder / CHECKPOINT, self.about.note_key)

    def checkpoint_over(self, index: int) -> Checkpoint:
        """The first that was signed over this entry."""
        newest = self.checkpoint()
        for size in range(index + 1, newest.size):
            path = self._checkpoint_of(size)
            if path.is_file():
                return checkpoint_at(path, self.about.note_key)
        return newest

    def entries(self) -> tuple[Entry, ...]:
        """All that are signed. Raises LogBroken where some are gone or changed."""
        newest = self.checkpoint()  # first: what is appended meanwhile is then only a line too many
        return signed(self._lines()[0], newest, self.folder)

    def logged(self) -> list[Logged]:
        return [Logged(index, entry, self.kept_of(index, entry)) for index, entry in enumerate(self.entries())]

    def holding(self, kind: Kind, words: Iterable[str]) -> list[Logged]:
        """The entries of a kind whose record holds one of these digests. Every file of that kind is checked, and only
        those are opened: a gate asks this, and a log has thousands."""
        sought = [word.encode() for word in words]
        found = []
        for index, entry in enumerate(self.entries()):
            if entry.kind != kind:
                continue
            data = bytes_at(self._record(index))
            if data is None or (is_as_logged(data, entry.salted) and not any(word in data for word in sought)):
                continue
            kept = self.kept_of(index, entry)
            if any(word in digests.canonical(kept.as_json()) for word in sought if kept is not None):
                found.append(Logged(index, entry, kept))
        return found

    def kept_of(self, index: int, entry: Entry) -> Kept | None:
        """Raises LogBroken where what lies beside an entry is not what was logged."""
        path = self._record(index)
        if not path.is_file():
            return None
        try:
            found = Kept.load(path)
        except RecordDamaged as damaged:
            raise LogBroken(damaged.what, faults=damaged.faults, hint="Restore the file, or erase it.") from damaged
        if found.salted != entry.salted:
            raise LogBroken(f"{path} is not what was logged", hint="Restore the file, or erase it.")
        return found

    # Writing

    def append(self, record: LogRecord, *, ends: Sequence[str] = ()) -> Logged:
        """One more entry, and a checkpoint over it."""
        with self._alone():
            lines = self._recovered()
            beside, at = kept(record), self._now()
            entry = Entry(kind=record.kind, on=day(at), salted=beside.salted, ends=tuple(sorted(set(ends))))
            beside.save(self._record(len(lines)))
            self._add(entry.data + b"\n")
            self._sign(at)
            return Logged(len(lines), entry, beside)

    def refresh(self) -> Checkpoint:
        """The same tree, signed at a later time: nothing was added until now. News is no older than its signature."""
        with self._alone():
            self._recovered()
            return self._sign(self._now())

    def accept(self, cosigned: Checkpoint) -> Checkpoint:
        """A witness's signatures join the newest checkpoint. Raises UsageMistake where they are over another one."""
        with self._alone():
            self._recovered()
            newest = self.checkpoint()
            if cosigned.body != newest.body:
                what = "the witness signed another checkpoint than the newest"
                raise UsageMistake(what, hint="Have the newest one signed.")
            own = {(one.name, one.id) for one in newest.signatures}
            further = tuple(one for one in cosigned.signatures if (one.name, one.id) not in own)
            joined = replace(newest, signatures=(*newest.signatures, *further))
            if len(joined.signatures) > MOST_SIGNATURES:
                raise UsageMistake(
                    f"more than {MOST_SIGNATURES} have signed already", hint="`log refresh` begins anew."
                )
            self._publish(joined)
            return joined

    def erase(self, index: int) -> None:
        """Salt and record of an entry. What is left of it tells nothing, and the tree stays valid."""
        with self._alone():
            if index >= len(self._recovered()):
                raise UsageMistake(f"there is no entry {index}", hint="`handstyle log show` lists them.")
            try:
                self._record(index).unlink(missing_ok=True)
            except OSError as error:
                raise cannot_write(self._record(index), error) from error

    # Files

    @contextmanager
    def _alone(self) -> Iterator[None]:
        busy = f"another handstyle process writes into the log {self.folder}"
        with locked(self.folder / ".lock", busy=busy, patience=LONGEST_APPEND):
            remove_abandoned(self.folder)
            yield

    def _recovered(self) -> list[bytes]:
        """Every line. What a dead process left unsigned is completed by a signature, or cut off where it is torn."""
        lines, torn = self._lines()
        newest = self.checkpoint()
        for index in range(newest.size, len(lines)):
            if not self._is_whole(index, lines[index]):
                torn += b"".join(line + b"\n" for line in lines[index:])
                lines = lines[:index]
                break
        signed(lines, newest, self.folder)
        if torn:
            self._cut(len(b"".join(line + b"\n" for line in lines)))
        if len(lines) > newest.size:
            self._sign(self._now())
        return lines

    def _is_whole(self, index: int, line: bytes) -> bool:
        try:
            beside = self.kept_of(index, Entry.of_line(line))
        except (ValueError, LogBroken):
            return False
        return beside is not None

    def _lines(self) -> tuple[list[bytes], bytes]:
        """Those that end, and what stands behind the last end."""
        try:
            data = read_whole(self.folder / ENTRIES, LARGEST_LOG)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise LogBroken(f"{self.folder / ENTRIES} cannot be read: {reason}", hint="Restore the file.") from error
        *lines, torn = data.split(b"\n")
        return lines, torn

    def _add(self, line: bytes) -> None:
        try:
            with (self.folder / ENTRIES).open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise cannot_write(self.folder / ENTRIES, error) from error

    def _cut(self, size: int) -> None:
        try:
            with (self.folder / ENTRIES).open("rb+") as file:
                file.truncate(size)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise cannot_write(self.folder / ENTRIES, error) from error

    def _sign(self, at: datetime) -> Checkpoint:
        """Over what lies on disk, read again: never over what was only meant to be written."""
        signer = self.signer()
        if keys.fingerprint(keys.key_in(signer.public)) != keys.fingerprint(keys.key_in(self.about.key)):
            what = f"the log {self.folder} is signed by another key than the one on this computer"
            raise UsageMistake(what, hint="Use the computer on which it was started, or bring its key along.")
        lines, torn = self._lines()
        if torn:
            raise WriteFailed(f"{self.folder / ENTRIES} was not written whole", hint="Free some space and try again.")
        for line in lines:
            Entry.of_line(line)  # nothing is signed that is no entry
        unsigned = Checkpoint(self.about.origin, len(lines), merkle.root([*map(merkle.leaf_hash, lines)]))
        made = unsigned.with_signature(self.about.origin, signer, at)
        self._publish(made)
        path = self._checkpoint_of(made.size)
        if not path.is_file():
            write(path, made.text.encode())
        return made

    def _publish(self, checkpoint: Checkpoint) -> None:
        write(self.folder / CHECKPOINT, checkpoint.text.encode())
        lines = self._lines()[0]
        signed(lines, checkpoint, self.folder)
        write(self.folder / PUBLISHED, text_of(lines[: checkpoint.size], checkpoint))

    def _now(self) -> datetime:
        """Never before the last signature, whatever the clock says."""
        before = self.checkpoint().signed_by(self.about.note_key) if (self.folder / CHECKPOINT).exists() else None
        return max(filter(None, (self.clock(), before)))

    def _record(self, index: int) -> Path:
        return self.folder / "records" / f"{index:06d}.json"

    def _checkpoint_of(self, size: int) -> Path:
        return self.folder / "checkpoints" / f"{size:06d}"


def start(
    folder: Path, origin: str, signer: Callable[[], Signer], clock: Callable[[], datetime] = now
) -> TransparencyLog:
    """An empty log. Raises UsageMistake where there is one already, or for a name that a log cannot have."""
    if not is_name(origin):
        raise UsageMistake(
            f"`{origin}` cannot be the name of a log",
            hint="Write an address of yours without https:// and without spaces, such as studio.example/handstyle.",
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageMistake(f"{folder} is not an empty folder", hint="Name a new folder; a log is never overwritten.")
    log = TransparencyLog(folder, About(origin=origin, key=signer().public), signer, clock)
    with log._alone():
        write(folder / ENTRIES, b"")
        log._sign(log._now())
        log.about.save(folder / ABOUT)  # last: without it there is no log
    return log


def opened(folder: Path, signer: Callable[[], Signer], clock: Callable[[], datetime] = now) -> TransparencyLog:
    """Raises UsageMistake where there is no log, LogBroken where it does not hold what it signed."""
    if not (folder / ABOUT).is_file():
        raise UsageMistake(
            f"there is no log in {folder}", hint="Put the folder back, or start another: `handstyle log start FOLDER`."
        )
    log = TransparencyLog(folder, About.load(folder / ABOUT), signer, clock)
    log.entries()
    return log
