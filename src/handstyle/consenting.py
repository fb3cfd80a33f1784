"""How does a permission come about, from the works to the last signature?

Not verbs: what happens between people before `collect`. A statement is drafted, read, signed by everybody, checked.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

from handstyle import keys
from handstyle.collection import consent, consent_page, terms
from handstyle.collection.consent import ENDING, Consent
from handstyle.collection.consent_page import Recognisable
from handstyle.collection.imports import laid_out
from handstyle.collection.intake import NO_PICTURES
from handstyle.collection.notes_beside import Notes
from handstyle.collection.pixels import Unfit, page_colour, read_picture
from handstyle.collection.scope import Scope
from handstyle.collection.terms import Named, Terms
from handstyle.errors import CollectionFaulty, ConsentBroken, HandstyleError, UsageMistake
from handstyle.keys import Signer
from handstyle.records import Record, write
from handstyle.workspace import slug

State = Literal["requested", "begins later", "given", "ended", "broken"]

TERMS = "terms.toml"


class Drafted(Record):
    """What `consent draft` leaves behind."""

    terms: str  # path; to be filled in, when there was none
    file: str | None  # the statement, to be signed
    page: str | None
    number: str | None  # digest of the statement
    works: int
    without_key: tuple[str, ...]  # holders who cannot sign yet
    reserved: tuple[str, ...] = ()  # works that their files reserve, which these terms do not set aside


class Seen(Record):
    """A consent, as far as it is signed."""

    file: str
    state: State
    number: str | None = None
    author: str = ""
    keeper: str = ""
    works: int = 0
    signed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    valid_from: date | None = None
    valid_until: date | None = None
    covered: tuple[str, ...] = ()  # of a folder's pictures
    not_covered: tuple[str, ...] = ()
    words: str = ""
    faults: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return self.state == "given" and not self.not_covered


def draft(
    folder: Path, asked: Path | None, to: Path, *, background: str = "white", pictures: bool = False,
    on: date | None = None,
) -> Drafted:  # fmt: skip
    """The statement on every picture in `folder` and its page, into the folder `to`; without terms, terms to fill in.

    `pictures` puts small pictures of the works on the page.
    """
    on = on or date.today()
    if asked is None:
        path = to / TERMS
        if path.exists():
            raise UsageMistake(f"{path} is there already", hint=f"Fill it in and name it: --terms {path}")
        name = "NAME OF THE ARTIST"
        write(path, terms.toml(author=name, holders=[terms.somebody(name, author=name)], on=on).encode())
        return Drafted(terms=str(path), file=None, page=None, number=None, works=0, without_key=())
    wanted = Terms.at(asked)
    works, shown = look_at(folder, background, pictures=pictures)
    chance = secrets.token_hex(32)
    statement = terms.statement(wanted, works, background=background, on=on, beside=asked.parent, nonce=chance)
    made = consent.drafted(statement)
    stem = slug(wanted.author)
    file, page = to / f"{stem}{ENDING}", to / f"{stem}-consent.html"
    if file.exists():
        raise UsageMistake(f"{file} is there already, and may be signed", hint="Move it away, or name another --to.")
    write(file, made.data)
    write(page, consent_page.page(made, shown, file=file.name).encode())
    return Drafted(
        terms=str(asked),
        file=str(file),
        page=str(page),
        number=made.digest,
        works=len(works),
        without_key=tuple(holder.name for holder in statement.holders if holder.key is None),
        reserved=()
        if wanted.scope.despite_reservations
        else tuple(work.name for work in works if any(reading.objects for reading in work.reservations)),
    )


def look_at(
    folder: Path, background: str, *, pictures: bool, names: Iterable[str] | None = None
) -> tuple[list[Named], dict[str, Recognisable]]:
    """Every picture as a statement names it, and what helps people to recognise it. Raises CollectionFaulty."""
    works, shown, faults, laid = [], {}, [], laid_out(folder)
    listing, colour, notes = laid.listing, page_colour(background), Notes(laid.folder)
    for name in listing.pictures if names is None else names:
        try:
            picture = read_picture(laid.folder / name, colour)
        except Unfit as unfit:
            faults.append(f"{name} {unfit}")
            continue
        reservations = (*picture.reservations, *notes.of(name, picture.file_format))
        works.append(Named(name, picture.file_sha256, picture.pixels_sha256, reservations))
        small = consent_page.thumbnail(picture.image) if pictures else ""
        shown[picture.pixels_sha256] = Recognisable(name, small)
    faults += [str(fault) for fault in (*laid.faults, *listing.faults)] if names is None else []
    if not works and not faults:
        faults.append(f"{folder}: {NO_PICTURES}")
    if len(shown) < len(works):
        faults.append("some pictures show the same pixels: leave the copies out")
    if faults:
        raise CollectionFaulty(f"no consent can be drafted for {folder}", faults=faults, hint="Mend them first.")
    return works, shown


def show(file: Path, *, page: Path | None = None, on: date | None = None) -> Seen:
    """Its words and who has signed; `page` is written anew."""
    found = consent.read(file)
    if page is not None:
        write(page, consent_page.page(found, file=file.name).encode())
    return seen(file, found, on or date.today(), words=True)


def sign(
    file: Path,
    signer: Callable[[], Signer] | None,
    *,
    further: Sequence[Path] = (),
    agree: Callable[[str, str], bool],
    on: date | None = None,
) -> Seen:
    """One more signature in the file, and those of `further` copies of it.

    `agree` is shown the words and their number, and says whether they were agreed to. Raises UsageMistake if not.
    """
    found = consent.read(file)
    for path in further:
        other = consent.read(path)
        if other.digest != found.digest:
            raise ConsentBroken(f"{path} is another statement than {file}", hint="Sign the same file, or draft again.")
        found = consent.with_signatures(found, other.signatures)
    if signer is not None:
        if not agree(consent_page.plain(found.statement.predicate.words), found.digest):
            raise UsageMistake("nothing was signed", hint="Type yes to sign.")
        found = consent.signed(found, signer())
    write(file, found.data)
    return seen(file, found, on or date.today())


def check(file: Path, folder: Path | None = None, *, background: str = "white", on: date | None = None) -> Seen:
    """Does it hold today, and which of the pictures in `folder` does it name?"""
    on = on or date.today()
    try:
        found = consent.read(file)
    except ConsentBroken as broken:
        return Seen(file=str(file), state="broken", faults=(broken.what, *broken.faults))
    covered: list[str] = []
    not_covered: list[str] = []
    for work in look_at(folder, background, pictures=False)[0] if folder else ():
        (covered if found.statement.names(work.file, work.pixels) else not_covered).append(work.name)
    looked = seen(file, found, on)
    return looked.model_copy(update={"covered": tuple(covered), "not_covered": tuple(not_covered)})


def listed(folder: Path, *, expiring: timedelta | None = None, on: date | None = None) -> tuple[Seen, ...]:
    """Every consent below the folder; with `expiring`, those that have ended or end within this time."""
    on = on or date.today()
    if not folder.is_dir():
        raise UsageMistake(f"{folder} is not a folder", hint="Name the folder in which your consents lie.")
    every: list[Seen] = []
    known: set[bytes] = set()
    for path in sorted(folder.rglob(f"*{ENDING}")):
        try:
            found = consent.read(path)
            if found.data not in known:  # a collection keeps a copy
                every.append(seen(path, found, on))
            known.add(found.data)
        except HandstyleError as broken:
            every.append(Seen(file=str(path), state="broken", faults=(broken.what, *broken.faults)))
    if expiring is None:
        return tuple(every)
    return tuple(one for one in every if one.valid_until is not None and one.valid_until <= on + expiring)


def own_key(path: Path | None, passphrase: Callable[[], str]) -> str:
    """The line by which others know this person's key: of a new key at `path`, or of their own on this computer."""
    return keys.public_line(keys.own_key().public_key()) if path is None else keys.new_key(path, passphrase())


def seen(file: Path, found: Consent, on: date, *, words: bool = False) -> Seen:
    predicate = found.statement.predicate
    return Seen(
        file=str(file),
        state=_state(predicate.scope, bool(found.missing), on),
        number=found.digest,
        author=predicate.author,
        keeper=predicate.keeper,
        works=len(found.statement.subject),
        signed=tuple(f"{holder.name} ({holder.fingerprint})" for holder in found.signed),
        missing=tuple(holder.name for holder in found.missing),
        valid_from=predicate.scope.valid_from,
        valid_until=predicate.scope.valid_until,
        words=consent_page.plain(predicate.words) if words else "",
    )


def _state(scope: Scope, is_missing: bool, on: date) -> State:
    if is_missing:
        return "requested"
    if on < scope.valid_from:
        return "begins later"
    return "ended" if scope.valid_until and on > scope.valid_until else "given"
