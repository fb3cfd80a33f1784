"""What does a log say of a release today: that its permission stands, that it was taken back, or nothing new?

Every checkpoint at hand is held against every other: those of the release, of the copies somebody was given, of a
witness, and the newest this person saw before. All must be of one tree that only grew. A log that tells one person
this and another that is found out as soon as the two meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from handstyle.publication.log_copy import LogCopy
from handstyle.publication.log_entries import Kept
from handstyle.publication.log_memory import Ended, Seen
from handstyle.publication.log_proof import Opened
from handstyle.publication.signed_note import Checkpoint, NoteKey, checkpoint_in, day

MAX_AGE = timedelta(days=30)
CLOCKS_DIFFER = timedelta(days=1)


@dataclass(frozen=True)
class News:
    """What whoever verifies has besides the release."""

    copies: tuple[LogCopy, ...] = ()
    seen: tuple[Seen, ...] = ()
    witnesses: tuple[NoteKey, ...] = ()  # one of them must have signed what the answer rests on
    max_age: timedelta = MAX_AGE


@dataclass
class Judged:
    lines: list[str] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)  # where, words: somebody is not told the truth
    withdrawn_since: date | None = None
    newest: date | None = None  # the day of the newest news
    is_stale: bool = False
    remember: Seen | None = None


@dataclass(frozen=True)
class _Known:
    """A checkpoint with its time; of `copy` also every entry is known."""

    where: str
    checkpoint: Checkpoint
    signed: datetime
    copy: LogCopy | None = None
    is_read: bool = False  # every entry under it was looked at


def judge(release: Opened, signer: str, news: News, on: date) -> Judged:
    """`signer` signed the release, in which the permissions of `release` were found to be those of its works."""
    found = Judged()
    before = next((one for one in news.seen if one.is_of(release.key)), None)
    found.faults += _key_faults(release, signer, news.seen)
    known = [_Known("the release", release.checkpoint, release.signed), *_earlier(release)]
    for copy in news.copies:
        known += _of_copy(copy, release, found)
    if before is not None:
        known += _of_memory(before)
    found.faults += _fork_faults(known)
    found.faults += _future_faults(known, on)
    basis = _basis(known)
    if news.witnesses:
        found.faults += _witness_faults(basis, known, news.witnesses)
    ended = _ended(news.copies, before)
    found.withdrawn_since = _withdrawn_since(release.proof.permissions, ended)
    found.newest = day(basis.signed)
    found.is_stale = on - found.newest > news.max_age
    found.lines = _lines(release, before, basis, found, known, news.seen)
    if not found.faults:
        found.remember = _remembered(release, signer, known, ended, before, on)
    return found


def _earlier(release: Opened) -> Iterator[_Known]:
    for one in release.proof.entries:
        if one.earlier is not None:
            then = checkpoint_in(one.earlier.checkpoint)
            yield _Known("the release", then, then.signed_by(release.key) or release.signed)


def _of_copy(copy: LogCopy, release: Opened, found: Judged) -> Iterator[_Known]:
    try:
        signed = copy.checkpoint.signed_by(release.key)
    except ValueError as error:
        found.faults.append((copy.where, str(error)))
        return
    if copy.checkpoint.origin != release.proof.origin:
        words = f"is the log {copy.checkpoint.origin}, and the release is in {release.proof.origin}"
        found.faults.append((copy.where, words))
    elif signed is None:
        found.faults.append((copy.where, "is not signed by the key of the log the release is in"))
    else:
        yield _Known(copy.where, copy.checkpoint, signed, copy, copy.entries is not None)


def _of_memory(seen: Seen) -> Iterator[_Known]:
    for text, is_read in ((seen.checkpoint, False), (seen.read_to, True)):
        if text:
            then = checkpoint_in(text)
            signed = then.signed_by(seen.note_key)
            if signed is not None:
                yield _Known("what you saw before", then, signed, is_read=is_read)


def _key_faults(release: Opened, signer: str, seen: Iterable[Seen]) -> Iterator[tuple[str, str]]:
    for one in seen:
        if one.origin == release.proof.origin and not one.is_of(release.key) and one.signer == signer:
            yield (
                "log.json",
                f"is signed by another key than {one.origin} had when you first saw it on {one.first_seen}",
            )


def _fork_faults(known: Sequence[_Known]) -> Iterator[tuple[str, str]]:
    """Two roots for one size; or a copy that has fewer entries than somebody saw, or others."""
    roots: dict[int, _Known] = {}
    for one in known:
        other = roots.setdefault(one.checkpoint.size, one)
        if other.checkpoint.root != one.checkpoint.root:
            yield one.where, f"shows another log of {one.checkpoint.size} entries than {other.where}: it was forked"
    for one in known:
        if one.copy is None:
            continue
        for other in known:
            theirs, own = other.checkpoint, one.checkpoint
            if theirs.size > own.size:
                yield (
                    one.where,
                    f"has {own.size} entries, and {other.where} has {theirs.size}: it was cut, or it is old",
                )
            elif theirs.size < own.size and one.copy.root_at(theirs.size) not in (None, theirs.root):
                yield one.where, f"does not begin with the {theirs.size} entries of {other.where}: it was forked"


def _future_faults(known: Sequence[_Known], on: date) -> Iterator[tuple[str, str]]:
    for one in known:
        if day(one.signed) > on + CLOCKS_DIFFER:
            yield one.where, f"was signed on {day(one.signed)}, which is still to come"


def _basis(known: Sequence[_Known]) -> _Known:
    """The newest of those under which nothing is unknown: read whole, or of the size of one that was, or of the
    release's own, for then nothing was added since."""
    sizes = {one.checkpoint.size for one in known if one.is_read} | {known[0].checkpoint.size}
    return max((one for one in known if one.checkpoint.size in sizes), key=lambda one: one.signed)


def _witness_faults(
    basis: _Known, known: Sequence[_Known], witnesses: Sequence[NoteKey]
) -> Iterator[tuple[str, str]]:  # fmt: skip
    signed = 0
    for one in known:
        for witness in witnesses:
            try:
                if one.checkpoint.signed_by(witness) and one.checkpoint.body == basis.checkpoint.body:
                    signed += 1
            except ValueError as error:
                yield one.where, str(error)
    if not signed:
        names = " or ".join(witness.name for witness in witnesses)
        yield basis.where, f"is not signed by a witness you named ({names})"


def _ended(copies: Iterable[LogCopy], before: Seen | None) -> tuple[Ended, ...]:
    found = {
        Ended(on=entry.on, ends=entry.ends)
        for copy in copies
        for entry in copy.entries or ()
        if entry.kind == "withdrawal"
    }
    return tuple(sorted({*found, *(before.ended if before else ())}, key=lambda one: (one.on, one.ends)))


def _withdrawn_since(permissions: Iterable[Kept], ended: Sequence[Ended]) -> date | None:
    days = [one.on for kept in permissions for one in ended if kept.is_ended_by(one.ends)]
    return min(days, default=None)


def _lines(
    release: Opened, before: Seen | None, basis: _Known, found: Judged, known: Sequence[_Known], seen: Iterable[Seen]
) -> list[str]:
    origin = release.proof.origin
    lines = [
        f"logged in {origin}: permissions, training and release, in this order",
        f"news of {day(basis.signed)}, from {basis.where}",
        f"the log: seen before, first on {before.first_seen}" if before else "the log: first seen",
    ]
    if any(one.checkpoint.size > basis.checkpoint.size for one in known):
        lines.append("the log has grown since then; what was added is not known without a copy of it")
    if not before and any(one.origin == origin for one in seen):
        lines.append(f"another log that you saw before calls itself {origin} as well")
    return lines


def _remembered(
    release: Opened, signer: str, known: Sequence[_Known], ended: tuple[Ended, ...], before: Seen | None, on: date
) -> Seen:
    def newest(among: Iterable[_Known]) -> str:
        best = max(among, key=lambda one: (one.checkpoint.size, one.signed), default=None)
        return best.checkpoint.text if best else ""

    return Seen(
        origin=release.proof.origin,
        key=release.proof.key,
        signer=before.signer if before else signer,
        checkpoint=newest(known),
        read_to=newest(one for one in known if one.is_read),
        ended=ended,
        first_seen=before.first_seen if before else on,
    )


def today() -> date:
    return datetime.now(UTC).date()
