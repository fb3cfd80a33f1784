"""What does each step of the journey write into the keeper's log?

Everything once: what is logged already, as it is, is found and not logged again. Without a log nothing is written, and
a release then claims integrity only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from handstyle import keys
from handstyle.collection.works import Collection
from handstyle.errors import LogBroken
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.keys import KeySigner, Signer
from handstyle.publication import log_proof, transparency_log
from handstyle.publication.disclosure import published_collection
from handstyle.publication.log_entries import LogRecord, PermissionRecord, RenamingRecord, RunRecord
from handstyle.publication.log_proof import LogProof
from handstyle.publication.provenance import Statement
from handstyle.publication.transparency_log import Logged, TransparencyLog
from handstyle.records import Record
from handstyle.workspace import House


class KeeperLog(Record):
    """Where this person's log lies."""

    folder: str


def keepers_log(house: House) -> TransparencyLog | None:
    """None where none was started. Raises LogBroken or UsageMistake where it is gone or does not hold."""
    if not house.keeper_log.is_file():
        return None
    return transparency_log.opened(Path(KeeperLog.load(house.keeper_log).folder), lambda: signer(house))


def signer(house: House) -> Signer:
    """The key of the log, made on first use. It signs nothing else."""
    return KeySigner(keys.own_key(house.log_key))


def permissions(log: TransparencyLog | None, collection: Collection) -> list[Logged]:
    return [] if log is None else _all(log, _permission_records(collection))


def run(log: TransparencyLog | None, collection: Collection, style: TrainedStyle) -> list[Logged]:
    """The permissions, and behind them the training."""
    if log is None:
        return []
    before = permissions(log, collection)
    return [*before, _once(log, _run_record(style), behind=before)]


def release(log: TransparencyLog, collection: Collection, style: TrainedStyle, statement: Statement) -> LogProof:
    """What goes along with it. `statement` lists every file but the proof."""
    before = run(log, collection, style)
    last = _once(log, log_proof.logged_release(statement), behind=before)
    return log_proof.prove(log, [*before, last])


def renaming(log: TransparencyLog | None, before: str, after: str, tensors: str) -> Logged | None:
    """The names stay beside the log: what is published of it does not tell them."""
    return None if log is None else _once(log, RenamingRecord(before=before, after=after, tensors=tensors), behind=())


def _permission_records(collection: Collection) -> list[LogRecord]:
    published = published_collection(collection)
    found = [log_proof.logged_permission(published, digest) for digest in sorted(published.rights)]
    return [record for record in found if record is not None]


def _run_record(style: TrainedStyle) -> RunRecord:
    return RunRecord(
        collection=style.collection,
        base=style.base.sha256,
        recipe=style.recipe.digest,
        tensors=style.tensors,
        replaces=style.replaces,
    )


def _all(log: TransparencyLog, records: Iterable[LogRecord]) -> list[Logged]:
    return [_once(log, record, behind=()) for record in records]


def _once(log: TransparencyLog, record: LogRecord, *, behind: Sequence[Logged]) -> Logged:
    """What says this and stands behind all of `behind`: found, or appended."""
    after = max((one.index for one in behind), default=-1)
    for one in log.logged():
        if one.index > after and one.kept is not None and one.kept.record == record:
            return one
    appended = log.append(record)
    if appended.index <= after:
        raise LogBroken(f"{log.folder} put a new entry before an older one", hint="Restore the folder from a copy.")
    return appended


def logged_works(log: TransparencyLog | None) -> list[tuple[Logged, PermissionRecord]]:
    """Every permission whose record was not erased."""
    found = log.logged() if log is not None else []
    return [(one, one.kept.record) for one in found if one.kept and isinstance(one.kept.record, PermissionRecord)]
