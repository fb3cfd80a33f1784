"""Which works may not be used any more, because somebody took their permission back?

Three places are asked, and one of them is enough: the keeper's own folder, the workspace, and the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from handstyle.collection.consent import Consent
from handstyle.collection.works import Collection
from handstyle.errors import Withdrawn
from handstyle.publication import withdrawal
from handstyle.publication.disclosure import PublishedCollection
from handstyle.publication.log_entries import Entry, PermissionRecord, WithdrawalRecord
from handstyle.publication.transparency_log import TransparencyLog
from handstyle.publication.withdrawal import Withdrawal
from handstyle.workspace import House, Workspace

NEXT = "train again without it (`handstyle retrain-without`), or ask for a new consent"
MOST_WRITTEN_OUT = 8  # works in a hint


@dataclass(frozen=True)
class Taken:
    """One work that may not be used any more."""

    name: str
    pixels: str
    holder: str
    since: date


@dataclass(frozen=True)
class Withdrawals:
    """All that are known here: statements, and what the log says was ended."""

    statements: tuple[Withdrawal, ...] = ()
    log: TransparencyLog | None = None

    def of(self, collection: Collection | PublishedCollection, consents: Mapping[str, Consent]) -> list[Taken]:
        """The works of a collection that were taken back; `consents` are those it stands on, by statement."""
        by_log = self._by_log(collection.rights)
        found = []
        for work in collection.works:
            rights = collection.rights[work.rights]
            statement = rights.consent if isinstance(rights.consent, str | None) else rights.consent.statement
            consent = consents.get(statement or "")
            name, pixels = work.name or f"a work ({work.pixels_sha256[:12]})", work.pixels_sha256
            ending = [
                one.predicate
                for one in self.statements
                if one.names(work.file_sha256, pixels) and one.ends(consent, is_signed=rights.is_signed)
            ]
            if ending:
                first = min(ending, key=lambda one: one.since)
                found.append(Taken(name, pixels, first.holder, first.since))
            elif pixels in by_log.get(work.rights, {}):
                found.append(Taken(name, pixels, *by_log[work.rights][pixels]))
        return found

    def _by_log(self, permissions: Iterable[str]) -> dict[str, dict[str, tuple[str, date]]]:
        """Permission -> pixels -> by whom and since when, from the log alone: statements may have been lost."""
        log = self.log
        endings = [(at, one) for at, one in enumerate(log.entries()) if one.kind == "withdrawal"] if log else []
        found: dict[str, dict[str, tuple[str, date]]] = {}
        if log is None or not endings:
            return found
        ended = frozenset(mark for _, ending in endings for mark in ending.ends)
        for one in log.holding("permission", permissions):
            assert one.kept is not None, "its record was found"
            record = one.kept.record
            if not isinstance(record, PermissionRecord) or not one.kept.is_ended_by(ended):
                continue
            for at, ending in endings:
                if works := one.kept.ended_by(ending.ends):
                    by = (_who(log, at, ending), ending.on)
                    for work in works:
                        found.setdefault(record.permission, {}).setdefault(work.pixels, by)
        return found


def _who(log: TransparencyLog, at: int, ending: Entry) -> str:
    kept = log.kept_of(at, ending)
    return kept.record.holder if kept and isinstance(kept.record, WithdrawalRecord) else "a holder of rights"


def known(workspace: Workspace, house: House, log: TransparencyLog | None) -> Withdrawals:
    """Raises GateClosed where a withdrawal cannot be read: it must not count as none."""
    statements: dict[str, Withdrawal] = {}
    for folder in (house.withdrawals, workspace.withdrawals):
        for path in sorted(folder.glob(f"*{withdrawal.ENDING}")):
            found = withdrawal.read(path)
            statements[found.digest] = found
    return Withdrawals(tuple(statements.values()), log)


def require(
    withdrawals: Withdrawals, collection: Collection | PublishedCollection, consents: Mapping[str, Consent], doing: str
) -> None:
    """Raises Withdrawn, naming every work, by whom, since when, and what helps."""
    if taken := withdrawals.of(collection, consents):
        without = " ".join(f'--without "{one.name}"' for one in taken[:MOST_WRITTEN_OUT])
        raise Withdrawn(
            f"{len(taken)} of {len(collection.works)} works may not be used for {doing}: the permission was taken back",
            faults=[f"{one.name}: withdrawn by {one.holder} since {one.since}; {NEXT}" for one in taken],
            hint="`handstyle retrain-without` trains again without them; or collect again and leave them out: "
            f"{without}{' …' if len(taken) > MOST_WRITTEN_OUT else ''}",
        )


def ends_in_log(
    log: TransparencyLog | None, withdrawal: Withdrawal, later: Iterable[str] = ()
) -> Iterator[str]:  # fmt: skip
    """What a withdrawal ends, as the log shows it: a whole permission by its entry, or single works of it. `later` are
    permissions that it does not reach."""
    spared = frozenset(later)
    sought = {digest for one in withdrawal.statement.subject for digest in (one.of.file, one.of.pixels)}
    for one in log.holding("permission", sought) if log else ():
        record = one.kept.record if one.kept else None
        if one.kept is None or not isinstance(record, PermissionRecord) or record.permission in spared:
            continue
        of = [work.pixels for work in record.works if withdrawal.names(work.file, work.pixels)]
        if len(of) == len(record.works):
            yield one.entry.salted
        else:
            yield from map(one.kept.mark_of, of)
