"""What does each step of the journey write into the keeper's log?

Everything once: what is logged already, as it is, is found and not logged again. Without a log nothing is written, and
a release then claims integrity only.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from handstyle import keys
from handstyle.errors import LogBroken
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.keys import KeySigner, Signer
from handstyle.publication import log_proof, transparency_log
from handstyle.publication.disclosure import PublishedCollection
from handstyle.publication.log_entries import LogRecord, RenamingRecord, RunRecord
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


def permissions(log: TransparencyLog | None, *collections: PublishedCollection) -> list[Logged]:
    records = log_proof.logged_permissions(collections)
    return [] if log is None else [_once(log, record, behind=()) for record in records]


def run(log: TransparencyLog | None, style: TrainedStyle, *collections: PublishedCollection) -> list[Logged]:
    """The permissions, and behind them the training."""
    if log is None:
        return []
    before = permissions(log, *collections)
    record = RunRecord(
        collection=style.collection, base=style.base.sha256, tensors=style.tensors, replaces=style.replaces
    )
    return [*before, _once(log, record, behind=before)]


def release(
    log: TransparencyLog, style: TrainedStyle, collections: Sequence[PublishedCollection], statement: Statement
) -> LogProof:
    """What goes along with it. `statement` lists every file but the proof."""
    before = run(log, style, *collections)
    last = _once(log, log_proof.logged_release(statement), behind=before)
    return log_proof.prove(log, [*before, last])


def renamed_release(
    log: TransparencyLog, style: TrainedStyle, collections: Sequence[PublishedCollection], statement: Statement,
    name_before: str,
) -> LogProof:  # fmt: skip
    """The same for a release that got another name. That it did is logged, and both names stay beside the log."""
    renaming(log, name_before, statement.name, statement.lineage.tensors)
    return release(log, style, collections, statement)


def renaming(log: TransparencyLog | None, before: str, after: str, tensors: str) -> Logged | None:
    """What is published of the log tells neither name."""
    return None if log is None else _once(log, RenamingRecord(before=before, after=after, tensors=tensors), behind=())


def _once(log: TransparencyLog, record: LogRecord, *, behind: Sequence[Logged]) -> Logged:
    """What says this and stands behind all of `behind`: found, or appended."""
    after = max((one.index for one in behind), default=-1)
    for one in log.holding(record.kind, [record.found_by]):
        if one.index > after and one.kept is not None and one.kept.record == record:
            return one
    appended = log.append(record)
    if appended.index <= after:
        raise LogBroken(f"{log.folder} put a new entry before an older one", hint="Restore the folder from a copy.")
    return appended
