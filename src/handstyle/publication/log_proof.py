"""How does a release show that its permissions, its training and it itself were logged, and in which order?

`log.json` lies in the release and is signed with it. It holds the records and salts of these entries, the way from each
to the root of a signed checkpoint, and for each permission the checkpoint that was signed when it was logged, with the
way from there to here. Nothing but the files of the release is needed to check it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field

from handstyle import envelopes, keys
from handstyle.errors import RecordDamaged
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.publication import merkle
from handstyle.publication.disclosure import PublishedCollection
from handstyle.publication.log_entries import Entry, Kept, LoggedWork, PermissionRecord, ReleaseRecord, RunRecord
from handstyle.publication.provenance import Statement
from handstyle.publication.signed_note import Checkpoint, NoteKey, checkpoint_in
from handstyle.publication.transparency_log import Logged, TransparencyLog
from handstyle.records import Record, load_json

PROOF = "log.json"
LONGEST_PROOF = 64  # hashes; enough for more entries than there are
MOST_ENTRIES = 4096


class Earlier(Record):
    """The checkpoint at the time of an entry, and the consistency proof from it to that of the release."""

    checkpoint: str
    consistency: tuple[str, ...] = Field(max_length=LONGEST_PROOF)


class Proven(Record):
    """One entry of the release, opened: its record and its salt, and the inclusion proof."""

    index: int = Field(ge=0, lt=2**53)
    entry: Entry
    kept: Kept
    inclusion: tuple[str, ...] = Field(max_length=LONGEST_PROOF)
    earlier: Earlier | None = None


class LogProof(Record):
    format: Literal["handstyle/log-proof/1"] = "handstyle/log-proof/1"
    origin: str
    key: str  # of the log: ssh-ed25519 …
    checkpoint: str
    entries: tuple[Proven, ...] = Field(max_length=MOST_ENTRIES)

    @property
    def note_key(self) -> NoteKey:
        return NoteKey(self.origin, keys.key_in(self.key))

    @property
    def permissions(self) -> tuple[Kept, ...]:
        return tuple(one.kept for one in self.entries if isinstance(one.kept.record, PermissionRecord))


@dataclass(frozen=True)
class Opened:
    """A proof whose checkpoint is signed by the key it names."""

    proof: LogProof
    checkpoint: Checkpoint
    signed: datetime

    @property
    def key(self) -> NoteKey:
        return self.proof.note_key


def prove(log: TransparencyLog, wanted: Sequence[Logged]) -> LogProof:
    """That these entries are in the log, under its newest checkpoint."""
    newest = log.checkpoint()
    leaves = [entry.leaf for entry in log.entries()][: newest.size]
    proven = []
    for one in wanted:
        assert one.kept is not None, "what is erased cannot be shown"
        then = log.checkpoint_over(one.index)
        earlier = Earlier(checkpoint=then.text, consistency=_texts(merkle.consistency(then.size, leaves)))
        proven.append(
            Proven(
                index=one.index,
                entry=one.entry,
                kept=one.kept,
                inclusion=_texts(merkle.inclusion(one.index, leaves)),
                earlier=earlier if one.entry.kind == "permission" else None,
            )
        )
    return LogProof(origin=log.about.origin, key=log.about.key, checkpoint=newest.text, entries=tuple(proven))


def opened(path: Path) -> Opened:
    """Raises RecordDamaged for what is no proof, or has no signature of its log."""
    proof = LogProof.read(load_json(path), where=PROOF)
    try:
        checkpoint = checkpoint_in(proof.checkpoint)
        signed = checkpoint.signed_by(proof.note_key)
        if signed is None or checkpoint.origin != proof.origin:
            raise ValueError("its log has not signed its checkpoint")
    except ValueError as error:
        raise RecordDamaged(f"{PROOF} proves nothing: {error}") from error
    return Opened(proof, checkpoint, signed)


def faults(
    path: Path, statement: Statement, collections: Sequence[PublishedCollection], style: TrainedStyle
) -> Iterator[str]:
    """Why it does not show that this release was logged: its permissions first, then its training, then it."""
    try:
        found = opened(path)
    except RecordDamaged as damaged:
        yield "; ".join([damaged.what, *damaged.faults])
        return
    proof = found.proof
    if len({one.index for one in proof.entries}) != len(proof.entries):
        yield "gives two entries the same place"
    if len({one.kept.salt for one in proof.entries}) != len(proof.entries):
        yield "gives two entries the same salt, so that one tells of the other"
    for one in proof.entries:
        yield from (f"entry {one.index} {words}" for words in _entry_faults(one, found))
    yield from _story_faults(proof.entries, statement, collections, style)


def _entry_faults(one: Proven, found: Opened) -> Iterator[str]:
    if one.kept.salted != one.entry.salted or one.kept.record.kind != one.entry.kind:
        yield "is not of the record and the salt that are given for it"
    try:
        if not merkle.is_included(
            one.entry.leaf, one.index, found.checkpoint.size, _hashes(one.inclusion), found.checkpoint.root
        ):
            yield "is not in the tree that was signed"
        if one.earlier is not None:
            yield from _earlier_faults(one, one.earlier, found)
    except ValueError as error:
        yield f"is not proven: {error}"


def _earlier_faults(one: Proven, earlier: Earlier, found: Opened) -> Iterator[str]:
    then, now = checkpoint_in(earlier.checkpoint), found.checkpoint
    signed = then.signed_by(found.key)
    if then.origin != now.origin or signed is None:
        yield "names an earlier checkpoint that its log did not sign"
    elif not merkle.is_consistent(then.size, now.size, then.root, now.root, _hashes(earlier.consistency)):
        yield "names an earlier checkpoint of another log than the one that was signed: somebody is told two things"
    elif then.size <= one.index or signed > found.signed or one.entry.on > signed.date():
        yield "names an earlier checkpoint that is not of its time"


def _story_faults(
    entries: Sequence[Proven],
    statement: Statement,
    collections: Sequence[PublishedCollection],
    style: TrainedStyle,
) -> Iterator[str]:
    permissions = [one for one in entries if isinstance(one.kept.record, PermissionRecord)]
    runs = [one for one in entries if isinstance(one.kept.record, RunRecord)]
    releases = [one for one in entries if isinstance(one.kept.record, ReleaseRecord)]
    if len(entries) != len(permissions) + 2 or len(runs) != 1 or len(releases) != 1:
        yield "does not hold exactly the permissions, one training and one release"
        return
    expected = {record.digest for record in logged_permissions(collections)}
    if sorted(one.kept.record.digest for one in permissions) != sorted(expected):
        yield "does not hold exactly the permissions of this release, each for its works"
    yield from (f"entry {one.index} does not say since when it is there" for one in permissions if one.earlier is None)
    lineage = statement.lineage
    run = RunRecord(
        collection=lineage.collection,
        base=lineage.base,
        tensors=lineage.tensors,
        replaces=style.replaces,
    )
    if runs[0].kept.record != run:
        yield f"entry {runs[0].index} is another training than the signed lineage"
    if releases[0].kept.record != logged_release(statement):
        yield f"entry {releases[0].index} is another release than this one"
    if not max((one.index for one in permissions), default=-1) < runs[0].index < releases[0].index:
        yield "shows a training before its permission, or a release before its training"


def logged_permissions(collections: Iterable[PublishedCollection]) -> list[PermissionRecord]:
    """Each permission with the works it covers, as far as everybody may see them."""
    found = {}
    for collection in collections:
        for digest, rights in sorted(collection.rights.items()):
            works = [work for work in collection.works if work.rights == digest]
            record = PermissionRecord(
                permission=digest,
                says=rights,
                works=tuple(LoggedWork(file=work.file_sha256, pixels=work.pixels_sha256) for work in works),
            )
            found[record.digest] = record
    return list(found.values())


def logged_release(statement: Statement) -> ReleaseRecord:
    """The signed list without the proof, which cannot speak of itself."""
    files = tuple(file for file in statement.files if file.path != PROOF)
    without = statement.model_copy(update={"files": files})
    return ReleaseRecord(statement=without.digest, name=statement.name, tensors=statement.lineage.tensors)


def _texts(hashes: Sequence[bytes]) -> tuple[str, ...]:
    return tuple(map(envelopes.encoded, hashes))


def _hashes(texts: Sequence[str]) -> list[bytes]:
    hashes = [envelopes.decoded(text) for text in texts]
    if any(len(one) != 32 for one in hashes):
        raise ValueError("a hash in its proof has another length than it must")
    return hashes
