"""How is a permission taken back, and what was made with it?

Not a verb. A holder signs a withdrawal and sends it; the keeper enters it, or writes one on the holder's written word.
From then on every stage refuses what rests on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from handstyle import digests, keys
from handstyle.collection import consent, permission
from handstyle.collection.consent import Consent
from handstyle.collection.look_alikes import skeleton
from handstyle.collection.rights import RightsRecord
from handstyle.collection.works import Collection, Work
from handstyle.errors import GateClosed, HandstyleError, UsageMistake
from handstyle.keys import Signer
from handstyle.publication import logged, taken_back, withdrawal
from handstyle.publication.descent import Descent, descent
from handstyle.publication.transparency_log import TransparencyLog
from handstyle.publication.withdrawal import ENDING, Withdrawal
from handstyle.records import Record, write
from handstyle.workspace import House, Workspace, slug

GUARANTEED = (
    "From now on this handstyle trains nothing on these works, and draws and publishes nothing with what was trained "
    "on them. A model trained again without them has recorded inputs that do not include them."
)
NOT_GUARANTEED = (
    "Not guaranteed: copies of weights, releases and pictures that are elsewhere cannot be called back, and another "
    "program can still use them. That nothing else was trained on the works, no program can know."
)


class Signed(Record):
    """What a holder sends to the keeper."""

    file: str
    number: str  # digest of the statement
    holder: str
    works: int
    words: tuple[str, ...]


class Entered(Record):
    """What `withdraw` leaves behind."""

    number: str
    holder: str
    since: date
    works: int
    files: tuple[str, ...]  # where it is kept
    logged: int | None  # the entry in the keeper's log
    made_with_them: Descent
    words: tuple[str, ...]
    guaranteed: str = GUARANTEED
    not_guaranteed: str = NOT_GUARANTEED


@dataclass
class Permissions:
    """Every permission that is known here, and the works under it."""

    works: list[tuple[Work, RightsRecord]] = field(default_factory=list)
    consents: dict[str, Consent] = field(default_factory=dict)


def sign(file: Path, signer: Signer, *, to: Path | None = None, on: date | None = None) -> Signed:
    """As a holder: everything permitted by this consent is taken back. Raises UsageMistake for a key that is no
    holder's."""
    given = consent.read(file)
    key = keys.fingerprint(keys.key_in(signer.public))
    holder = next((one for one in given.statement.holders if one.fingerprint == key), None)
    if holder is None:
        raise UsageMistake(
            f"{key} is the key of none of the holders",
            faults=[f"{one.name}: {one.fingerprint}" for one in given.statement.holders],
            hint="Name the right key with --key. Without it, write to the keeper: your letter is enough.",
        )
    works = [(one.of.file, one.of.pixels) for one in given.statement.subject]
    made = withdrawal.made(works, holder=holder.name, signer=signer, since=on or date.today(), consents=[given.digest])
    path = to or file.with_name(f"{slug(holder.name)}-{made.digest[:8]}{ENDING}")
    if path.exists():
        raise UsageMistake(f"{path} is there already", hint="Name another file with --to.")
    write(path, made.data)
    return Signed(file=str(path), number=made.digest, holder=holder.name, works=len(works), words=made.predicate.words)


def on_written_word(
    holder: str,
    evidence: Path,
    signer: Signer,
    workspaces: Sequence[Workspace],
    *,
    given: Path | None = None,
    names: Sequence[str] = (),
    on: date | None = None,
) -> Withdrawal:
    """As the keeper, who has the holder's letter: for the works of a consent, or all of the holder's works that are
    known here; `names` may choose among them. Raises UsageMistake where there are none."""
    if not evidence.is_file():
        raise UsageMistake(f"{evidence} is not a file", hint="Name the letter, or a photograph of it.")
    statements: list[str] = []
    works: set[tuple[str, str]] = set()
    known = known_permissions(workspaces)
    if given is not None:
        opened = consent.read(given)
        _require_holder(holder, [one.name for one in opened.statement.holders], given)
        statements.append(opened.digest)
        works |= {(one.of.file, one.of.pixels) for one in opened.statement.subject}
    for work, rights in known.works:
        theirs = skeleton(holder) in {skeleton(name) for name in (*rights.holders, rights.author)}
        meant = (theirs and given is None) or (work.file_sha256, work.pixels_sha256) in works
        if meant and rights.consent is not None:
            statements.append(rights.consent.statement)
        if theirs and given is None and (not names or work.name in names):
            works.add((work.file_sha256, work.pixels_sha256))
    if names and given is not None:
        chosen = {(work.file_sha256, work.pixels_sha256) for work, _ in known.works if work.name in names}
        works &= chosen
    if not works:
        raise UsageMistake(
            f"no work here has a permission by {holder}",
            hint="Name the consent, or the workspace with --workspace; the name must be that in the permission.",
        )
    return withdrawal.made(
        works,
        holder=holder,
        signer=signer,
        since=on or date.today(),
        consents=statements,
        evidence=digests.of_file(evidence),
    )


def enter(taken: Withdrawal, workspaces: Sequence[Workspace], house: House, search: Iterable[Path] = ()) -> Entered:
    """From now on it holds here. Raises GateClosed for one that was signed by nobody who could."""
    known = known_permissions(workspaces)
    _require_authority(taken, known)
    file = f"{slug(taken.predicate.holder)}-{taken.digest[:16]}{ENDING}"
    found = descent(workspaces, search, taken.names)
    touched = [place for place in workspaces if any(one.where.startswith(str(place.root)) for one in found.found)]
    files = [write(folder / file, taken.data) for folder in (house.withdrawals, *(one.withdrawals for one in touched))]
    number = _log(logged.keepers_log(house), taken, known)
    return Entered(
        number=taken.digest,
        holder=taken.predicate.holder,
        since=taken.predicate.since,
        works=len(taken.statement.subject),
        files=tuple(map(str, files)),
        logged=number,
        made_with_them=found,
        words=taken.predicate.words,
    )


def workspaces_known(workspace: Workspace, house: House) -> list[Workspace]:
    """This one, and all in which something was collected."""
    places = {str(path.resolve()): path for path in (workspace.root, *house.workspaces())}
    return [Workspace(path) for path in places.values()]


def known_permissions(workspaces: Iterable[Workspace]) -> Permissions:
    """A collection that cannot be read is passed over: a withdrawal must be possible all the same."""
    found = Permissions()
    for workspace in workspaces:
        for place in workspace.collections():
            try:
                collection = Collection.load(place / "collection.json")
                found.works += [(work, collection.rights_of(work)) for work in collection.works]
                found.consents |= permission.kept(collection, place)
            except HandstyleError:
                continue
    return found


def _require_authority(taken: Withdrawal, known: Permissions) -> None:
    who = taken.predicate
    meant = [rights for work, rights in known.works if taken.names(work.file_sha256, work.pixels_sha256)]
    if who.word == "written" or not meant:
        return
    holders = [(one.name, one.key) for rights in meant for one in (rights.consent.holders if rights.consent else ())]
    if not taken.is_by(holders):
        names = sorted({name for rights in meant for name in rights.holders})
        raise GateClosed(
            f"{who.holder} has signed this withdrawal, and no permission here knows that key as a holder's",
            faults=[f"the holders are {' and '.join(names)}"],
            hint="If you know that it is right, keep the letter and enter it on their written word: --evidence FILE.",
        )


def _require_holder(holder: str, names: Sequence[str], where: Path) -> None:
    if skeleton(holder) not in {skeleton(name) for name in names}:
        raise UsageMistake(
            f"{holder} is none of the holders in {where}", faults=list(names), hint="Name one of them with --holder."
        )


def _log(log: TransparencyLog | None, taken: Withdrawal, known: Permissions) -> int | None:
    if log is None:
        return None
    for one in log.holding("withdrawal", [taken.digest]):
        if one.kept and one.kept.record == taken.record:
            return one.index
    later = {
        rights.digest
        for _, rights in known.works
        if rights.consent and not taken.ends(known.consents.get(rights.consent.statement), is_signed=rights.is_signed)
    }
    return log.append(taken.record, ends=list(taken_back.ends_in_log(log, taken, later))).index


def own_signer(key: Path | None, ask: Callable[[], str] | None = None) -> Signer:
    return keys.KeySigner(keys.read_key(key, ask) if key else keys.own_key())
