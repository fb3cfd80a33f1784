"""Does the permission in force cover what somebody is about to do with a collection?

The one gate that every stage asks. A consent is opened and verified each time: a collection only says what it read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from handstyle.collection import consent, overrides
from handstyle.collection.consent import Consent
from handstyle.collection.rights import RightsRecord, from_consent
from handstyle.collection.scope import Act, Refusal
from handstyle.collection.works import Collection, Work
from handstyle.errors import ConsentBroken, RightsMissing, UsageMistake, WorkChanged
from handstyle.records import write

CONSENTS = "consents"  # the folder beside a collection
MOST_NAMED = 3


def keep(consents: Iterable[Consent], collection: Collection, folder: Path) -> None:
    """The consents that the collection stands on, copied beside it."""
    wanted = {rights.consent.statement for rights in collection.rights.values() if rights.consent}
    for given in consents:
        if given.digest in wanted:
            write(file_of(given.digest, folder), given.data)


def file_of(statement: str, folder: Path) -> Path:
    return folder / CONSENTS / f"{statement[:16]}{consent.ENDING}"


def kept(collection: Collection, folder: Path) -> dict[str, Consent]:
    """Statement -> its consent, verified and found to say what the collection says. Raises ConsentBroken."""
    found: dict[str, Consent] = {}
    for works, rights in by_permission(collection):
        if rights.consent is None:
            continue
        path = file_of(rights.consent.statement, folder)
        try:
            opened = consent.read(path)
        except UsageMistake as missing:
            raise ConsentBroken(
                f"the consent of {' and '.join(rights.holders)} is gone: {missing.what}",
                hint="Collect again with the signed file.",
            ) from missing
        if faults := list(faults_of(opened, rights, works)):
            raise ConsentBroken(f"{path} does not give this permission", faults=faults, hint="Collect again with it.")
        found[rights.consent.statement] = opened
    return found


def faults_of(opened: Consent, rights: RightsRecord, works: Iterable[Work]) -> Iterator[str]:
    """What keeps this consent from being the one this permission was derived from, for these works."""
    on_paper = not rights.is_signed
    if not on_paper:
        yield from (f"the signature of {holder.name} is missing" for holder in opened.missing)
    if from_consent(opened, rights.evidence, on_paper=on_paper) != rights:
        yield "the collection says something else than was signed"
    for work in works:
        if not opened.statement.names(work.file_sha256, work.pixels_sha256):
            yield f"{work.name}: it names neither its file nor its pixels"


def by_permission(collection: Collection) -> list[tuple[list[Work], RightsRecord]]:
    """Each permission with the works it covers."""
    works: dict[str, list[Work]] = defaultdict(list)
    for work in collection.works:
        works[work.rights].append(work)
    return [(covered, collection.rights[digest]) for digest, covered in works.items()]


def standing(collection: Collection, what: str = "work") -> tuple[str, ...]:
    """Each permission: for how many works, signed or stated, and by whom."""
    return tuple(
        f"{len(works)} {what if len(works) == 1 else f'{what}s'} by {rights.author}: {rights.standing}"
        for works, rights in by_permission(collection)
    )


def refusals(collection: Collection, act: Act) -> list[str]:
    """Work, holder, clause and what would help, for everything that stands against the act."""
    return [f"{work.name}: {refusal}" for work in collection.works for refusal in _refusals_of(work, collection, act)]


def _refusals_of(work: Work, collection: Collection, act: Act) -> Iterator[Refusal]:
    rights = collection.rights_of(work)
    yield from rights.refusals(act)
    yield from overrides.refusals(work.reservations, rights)


def overridden(collection: Collection) -> tuple[str, ...]:
    """Each reservation that a signed grant sets aside, with the works that carry it."""
    works: dict[str, list[str]] = defaultdict(list)
    for work in collection.works:
        rights = collection.rights_of(work)
        for reading in overrides.set_aside(work.reservations, rights):
            by = " and ".join(rights.holders)
            works[f"{overrides.said(reading)}: set aside by the signed consent of {by}"].append(work.name)
    return tuple(f"{listed(names)}: {words}" for words, names in works.items())


@contextmanager
def naming_the_holder(collection: Collection) -> Iterator[None]:
    """A work that is another one than was collected stands under nobody's permission: whose is missed is added."""
    try:
        yield
    except WorkChanged as changed:
        whose = [collection.rights_of(work).source_of_permission for work in collection.works
                 if work.name == changed.work]  # fmt: skip
        faults = [
            f"{changed.work}: {who} is for the file that was collected (clause: works); {changed.hint}" for who in whose
        ]
        raise WorkChanged(changed.what, work=changed.work, faults=faults, hint=changed.hint) from changed


def require(collection: Collection, act: Act, doing: str) -> None:
    """Raises RightsMissing where a permission does not cover it."""
    if faults := refusals(collection, act):
        number = sum(any(True for _ in _refusals_of(work, collection, act)) for work in collection.works)
        raise RightsMissing(
            f"{number} of {len(collection.works)} works may not be used for {doing} on {act.on}",
            faults=faults,
            hint="Do what is said behind each of them, or collect again with a permission that covers it: "
            "`handstyle collect FOLDER --dry-run --letter FOLDER` writes what to ask for.",
        )


def some(works: list[Work]) -> str:
    return listed([work.name for work in works])


def listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMED])
    return shown if len(names) <= MOST_NAMED else f"{shown} and {len(names) - MOST_NAMED} more"
