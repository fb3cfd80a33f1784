"""How is a log kept: started, shown, kept fresh, witnessed?

Not verbs: the stages write into it by themselves, once there is one.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from handstyle import keys
from handstyle.errors import LogBroken, UsageMistake
from handstyle.keys import Signer
from handstyle.publication import log_memory, logged, merkle, transparency_log
from handstyle.publication.log_copy import PUBLISHED, LogCopy, copy_at
from handstyle.publication.log_entries import (
    Kind,
    LogRecord,
    PermissionRecord,
    ReleaseRecord,
    RenamingRecord,
    RunRecord,
    WithdrawalRecord,
)
from handstyle.publication.log_news import today
from handstyle.publication.logged import KeeperLog
from handstyle.publication.signed_note import NoteKey, checkpoint_in, day, is_name
from handstyle.publication.transparency_log import TransparencyLog, now
from handstyle.records import Record, write
from handstyle.workspace import House


class Line(Record):
    """An entry, as its keeper sees it."""

    number: int
    kind: Kind
    on: date
    says: str  # empty once it was erased


class Shown(Record):
    folder: str
    origin: str
    key: str  # as a verifier or a witness configures it
    entries: tuple[Line, ...]
    signed: date  # the newest checkpoint
    to_publish: str


class Cosigned(Record):
    """What a witness leaves behind."""

    file: str
    key: str  # of the witness
    size: int
    first_seen: bool  # of the log, by this witness


def start(folder: Path, origin: str | None, house: House) -> Shown:
    """From now on this person's stages write into it."""
    if house.keeper_log.is_file():
        before = KeeperLog.load(house.keeper_log).folder
        raise UsageMistake(
            f"you keep a log already, in {before}",
            hint=f"One log serves all workspaces. To begin another, move {house.keeper_log} away.",
        )
    signer = logged.signer(house)
    named = origin or "log-" + keys.key_in(signer.public).public_bytes_raw().hex()[:16]
    transparency_log.start(folder, named, lambda: signer)
    KeeperLog(folder=str(folder.resolve())).save(house.keeper_log)
    return show(house)


def show(house: House) -> Shown:
    """Every entry, with what lies beside it. Raises LogBroken where one is gone or changed."""
    log = own(house)
    newest = log.checkpoint()
    signed = newest.signed_by(log.about.note_key)
    assert signed is not None, "checkpoint() has asked"
    return Shown(
        folder=str(log.folder),
        origin=log.about.origin,
        key=log.about.note_key.line,
        entries=tuple(
            Line(number=one.index, kind=one.entry.kind, on=one.entry.on, says=said(one.kept.record) if one.kept else "")
            for one in log.logged()
        ),
        signed=day(signed),
        to_publish=str(log.folder / PUBLISHED),
    )


def said(record: LogRecord) -> str:
    match record:
        case PermissionRecord():
            return f"{len(record.works)} works by {record.says.author}: {record.says.standing}"
        case RunRecord():
            return f"tensors {record.tensors[:12]} from collection {record.collection[:12]}"
        case ReleaseRecord():
            return f"{record.name}, tensors {record.tensors[:12]}"
        case RenamingRecord():
            return f"{record.before} became {record.after}, tensors {record.tensors[:12]}"
        case WithdrawalRecord():
            return f"{len(record.works)} works, by {record.holder} since {record.since}"


def refresh(house: House) -> Shown:
    own(house).refresh()
    return show(house)


def erase(number: int, house: House) -> Shown:
    """Salt and record of one entry. Raises UsageMistake for a permission that still stands: once it is erased, nobody
    can say any more which works a withdrawal means."""
    log = own(house)
    every = log.logged()
    one = every[number] if number < len(every) else None
    if one is not None and one.kept is not None and isinstance(one.kept.record, PermissionRecord):
        ended = [end for other in every for end in other.entry.ends]
        if one.kept.ended_by(ended) != list(one.kept.record.works):
            raise UsageMistake(
                f"entry {number} is a permission that was not taken back, and once it is erased it cannot be",
                hint="Enter the withdrawal first: `handstyle withdraw`.",
            )
    log.erase(number)
    return show(house)


def accept(file: Path, house: House) -> Shown:
    """A witness's signature joins the newest checkpoint."""
    own(house).accept(copy_at(file).checkpoint)
    return show(house)


def witness(
    file: Path, name: str, signer: Signer, to: Path, house: House, log_key: str | None = None
) -> Cosigned:  # fmt: skip
    """As a witness: signs a checkpoint of a log that has only grown since it was last seen, and remembers it. `log_key`
    is the log's, as its keeper gives it; it is needed the first time.

    Raises LogBroken for a log that lost or changed anything.
    """
    if not is_name(name):
        raise UsageMistake(f"`{name}` cannot be the name of a witness", hint="Write one like witness.example/w1.")
    copy = copy_at(file)
    if copy.entries is None:
        raise UsageMistake(f"{file} is a checkpoint alone", hint="Ask for the whole log, to see that it only grew.")
    before = _seen_before(copy, log_key, house)
    if before.checkpoint:
        require_grown(copy, before)
    elif not _signed(copy, before):
        raise LogBroken(f"{file} is not signed by the key you gave", hint="Ask its keeper for key and file again.")
    cosigned, text = copy.checkpoint.with_signature(name, signer, now()), copy.checkpoint.text
    log_memory.remember(house, before.model_copy(update={"checkpoint": text, "read_to": text}))
    write(to, cosigned.text.encode())
    line = NoteKey(name, keys.key_in(signer.public)).line
    return Cosigned(file=str(to), key=line, size=copy.checkpoint.size, first_seen=not before.checkpoint)


def _seen_before(copy: LogCopy, log_key: str | None, house: House) -> log_memory.Seen:
    origin = copy.checkpoint.origin
    try:
        given = NoteKey.read(log_key) if log_key else None
    except ValueError as error:
        raise UsageMistake(f"--log-key is no key of a log: {error}", hint="Copy the line as it was given.") from error
    for one in log_memory.seen_logs(house):
        if one.origin == origin and (given is None or one.is_of(given)):
            return one
    if given is None or given.name != origin:
        raise UsageMistake(
            f"the log {origin} was never seen here, so its key is not known",
            hint="Name it with --log-key, as its keeper gives it: `handstyle log show` prints it.",
        )
    key = keys.public_line(given.key)
    return log_memory.Seen(origin=origin, key=key, signer="", checkpoint="", first_seen=today())


def require_grown(copy: LogCopy, before: log_memory.Seen) -> None:
    """Raises LogBroken unless the log that was seen is the beginning of this one."""
    seen, newest = checkpoint_in(before.checkpoint), copy.checkpoint
    signed = _signed(copy, before)
    if not signed or newest.size < seen.size or merkle.root(copy.leaves[: seen.size]) != seen.root:
        raise LogBroken(
            f"{copy.where} is not the log you saw, grown: then it had {seen.size} entries, now {newest.size}",
            hint="Sign nothing. Keep both files, and show them to whoever relies on this log.",
        )


def _signed(copy: LogCopy, before: log_memory.Seen) -> bool:
    try:
        return copy.checkpoint.signed_by(before.note_key) is not None
    except ValueError as error:
        raise LogBroken(f"{copy.where}: {error}", hint="Sign nothing. Ask its keeper for the file again.") from error


def own(house: House) -> TransparencyLog:
    log = logged.keepers_log(house)
    if log is None:
        raise UsageMistake("you keep no log", hint="Begin one with `handstyle log start FOLDER`.")
    return log
