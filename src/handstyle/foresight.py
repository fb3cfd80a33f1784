"""What would be refused on the whole journey, and whom does one ask for it?

Nothing is collected and nothing is computed: every verb's gate is asked at once, so that nobody has to write to an
artist twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from handstyle.collection import consent, consent_page, overrides, terms
from handstyle.collection.consent import ENDING
from handstyle.collection.consent_page import Recognisable
from handstyle.collection.holders import Holder
from handstyle.collection.licences import Use
from handstyle.collection.permission import listed
from handstyle.collection.reservation_values import Reading
from handstyle.collection.rights import RightsRecord
from handstyle.collection.rights_plan import ConsentGrant, RightsPlan
from handstyle.collection.scope import ANY_BASE, EVERYWHERE, Act, Distribution, Method, NameUses, Scope
from handstyle.collection.terms import Named, Terms
from handstyle.consenting import look_at
from handstyle.errors import UsageMistake
from handstyle.records import Record, write
from handstyle.workspace import slug

VERBS = ("collect", "encode", "finetune", "generate", "publish")
UNKNOWN = "NAME OF THE ARTIST"


@dataclass(frozen=True)
class Intent:
    """What is meant to be done in the end. Everything not said is not meant."""

    method: Method = "lora"
    base_family: str = ""
    base_sha256: str = ""
    distribution: Distribution = "private"
    commercial: bool = False
    show_works: bool = False
    name_in_title: bool = False
    keeper: str = "YOUR NAME"
    contact: str = "YOUR ADDRESS OR TELEPHONE NUMBER"
    on: date = field(default_factory=date.today)

    def acts(self) -> Iterator[tuple[str, Act]]:
        """Each verb with what its gate would be asked."""
        training = Act("train", self.on, self.method, self.base_family, self.base_sha256)
        yield from ((verb, training) for verb in ("collect", "encode", "finetune", "generate"))
        uses: list[Use] = ["publish-model"] if self.distribution != "private" else []
        wanted: dict[Use, bool] = {
            "commercial": self.commercial, "show-works": self.show_works, "name-in-title": self.name_in_title
        }  # fmt: skip
        for use in [*uses, *(use for use, is_wanted in wanted.items() if is_wanted)]:
            yield "publish", Act(use, self.on, self.method, self.base_family, self.base_sha256, self.distribution)

    @property
    def scope(self) -> Scope:
        """What would have to be permitted."""
        base = self.base_family or ANY_BASE
        return Scope(
            methods=(self.method,),
            bases=(base,),
            distribution=self.distribution,
            territory=(EVERYWHERE,),
            recipients=("NAME OF WHOEVER GETS THE MODEL",) if self.distribution == "named" else (),
            commercial=self.commercial,
            show_works=self.show_works,
            name=NameUses(in_title=self.name_in_title),
            valid_from=self.on,
        )


class Fault(Record):
    """One reason, and the works it holds for."""

    words: str
    works: tuple[str, ...]

    def __str__(self) -> str:
        return f"{listed(self.works)}: {self.words}"


class Lacking(Record):
    """What one verb would refuse."""

    verb: str
    faults: tuple[Fault, ...]


class Foreseen(Record):
    """What the gates would say, verb by verb; and the letters that were written."""

    works: int
    verbs: tuple[Lacking, ...]
    reservations: tuple[str, ...] = ()  # every signal that was read, also those that a signed grant sets aside
    letters: tuple[str, ...] = ()

    @property
    def is_allowed(self) -> bool:
        return not any(verb.faults for verb in self.verbs)


def foresee(
    folder: Path, plan: RightsPlan, intent: Intent, *, background: str = "white", without: Iterable[str] = (),
    letters: Path | None = None, pictures: bool = False,
) -> Foreseen:  # fmt: skip
    """Every verb's answer. With `letters`, what to send to whom is written into that folder, where something lacks."""
    from handstyle.collection.imports import laid_out

    left_out = frozenset(without)
    names = [name for name in laid_out(folder, plan.documents).listing.pictures if name not in left_out]
    works, shown = look_at(folder, background, pictures=pictures and letters is not None, names=names)
    covering = {
        work.name: (*plan.rights_for(work.name), *plan.rights_for_content(work.file, work.pixels)) for work in works
    }
    missing = {grant.rights: _signatures_missing(grant) for grant in plan.consents}
    found: dict[str, dict[str, list[str]]] = {verb: defaultdict(list) for verb in VERBS}  # verb -> words -> names
    to_ask: dict[tuple[str, tuple[Holder, ...]], list[Named]] = defaultdict(list)
    for work in works:
        faults = dict.fromkeys(_faults(covering[work.name], intent, work.reservations))
        unsigned = [words for rights in covering[work.name] for words in missing.get(rights, ())]
        for verb, words in (*((verb, words) for verb in VERBS for words in unsigned), *faults):
            found[verb][words].append(work.name)
        if faults:
            to_ask[_whom(covering[work.name])].append(work)
    written: list[str] = []
    if letters is not None:
        for place, ((author, holders), asked) in zip(_places(letters, to_ask), to_ask.items(), strict=True):
            written += _letter(place, author, holders, asked, shown, intent, background)
    verbs = tuple(
        Lacking(verb=verb, faults=tuple(Fault(words=words, works=tuple(of)) for words, of in faults.items()))
        for verb, faults in found.items()
    )
    return Foreseen(
        works=len(works), verbs=verbs, letters=tuple(written), reservations=tuple(_reservations(works, covering))
    )


def _reservations(works: Sequence[Named], covering: Mapping[str, Sequence[RightsRecord]]) -> Iterator[str]:
    found: dict[str, list[str]] = defaultdict(list)
    for work in works:
        for reading in work.reservations:
            rights = covering[work.name][:1]
            found[f"{overrides.said(reading)}: {_standing_of(reading, rights)}"].append(work.name)
    yield from (f"{listed(names)}: {words}" for words, names in found.items())


def _standing_of(reading: Reading, rights: Sequence[RightsRecord]) -> str:
    if rights and overrides.set_aside([reading], rights[0]):
        return f"set aside by the signed consent of {' and '.join(rights[0].holders)}"
    stands = overrides.standing([reading], rights[0]) if rights else reading.objects
    return "refused" if stands else "does not stand against training"


def _faults(
    covering: Sequence[RightsRecord], intent: Intent, reservations: Sequence[Reading]
) -> Iterator[tuple[str, str]]:
    against = (
        overrides.refusals(reservations, covering[0])
        if covering
        else [overrides.refusal(reading) for reading in reservations if reading.objects]
    )
    for refusal in against:
        yield from ((verb, str(refusal)) for verb in VERBS)
    if not covering:
        yield from ((verb, "no permission names it (clause: any); ask whoever made it") for verb in VERBS)
    elif len(covering) > 1:
        yield "collect", f"{len(covering)} permissions name it: let one of them cover it"
    for rights in covering[:1]:
        for verb, act in intent.acts():
            for refusal in rights.refusals(act):
                yield verb, str(refusal)


def _signatures_missing(grant: ConsentGrant) -> list[str]:
    """No letter is needed for these: the text is there, and waits."""
    if not grant.rights.is_signed:  # by hand, on paper
        return []
    return [
        f"the signature of {holder.name} is missing (clause: all holders); send them the file, to sign with "
        "`handstyle consent sign FILE`"
        for holder in grant.consent.missing
    ]


def _whom(covering: Sequence[RightsRecord]) -> tuple[str, tuple[Holder, ...]]:
    """The author and everybody to ask, as far as they are on record."""
    if not covering:
        return UNKNOWN, (terms.somebody(UNKNOWN, author=UNKNOWN),)
    rights = covering[0]
    if rights.consent:
        return rights.author, rights.consent.holders
    return rights.author, tuple(terms.somebody(name, author=rights.author) for name in rights.holders)


def _places(letters: Path, to_ask: Iterable[tuple[str, tuple[Holder, ...]]]) -> list[Path]:
    """A folder for each letter. Raises UsageMistake where one is there already, before any is written."""
    places: list[Path] = []
    for author, _ in to_ask:
        name, number = slug(author), 1
        while (place := letters / (name if number == 1 else f"{name}-{number}")) in places:
            number += 1
        places.append(place)
    if there := [str(place) for place in places if place.exists()]:
        raise UsageMistake(
            "letters are there already, and none is overwritten",
            faults=there,
            hint="Name another folder with --letter.",
        )
    return places


def _letter(
    place: Path, author: str, holders: Sequence[Holder], works: Sequence[Named], shown: dict[str, Recognisable],
    intent: Intent, background: str,
) -> list[str]:  # fmt: skip
    """terms.toml to correct, the statement they make, its page, and a letter around it."""
    reserved = sorted({overrides.said(one) for work in works for one in work.reservations if one.objects})
    scope = intent.scope.model_copy(update={"despite_reservations": bool(reserved)})
    asked = terms.toml(
        author=author, holders=holders, on=intent.on, scope=scope, keeper=intent.keeper, contact=intent.contact
    )
    path = write(place / "terms.toml", asked.encode())
    statement = terms.statement(Terms.at(path), works, background=background, on=intent.on, beside=place)
    made = consent.drafted(statement)
    file = write(place / f"{slug(author)}{ENDING}", made.data)
    mine = {work.pixels: shown[work.pixels] for work in works}
    page = write(place / f"{slug(author)}-consent.html", consent_page.page(made, mine, file=file.name).encode())
    words = consent_page.plain(statement.predicate.words)
    text = _words_of_letter(statement.holders, made.digest, works, intent, words, reserved)
    return [str(write(place / "letter.txt", text.encode())), str(page), str(file), str(path)]


def _words_of_letter(
    holders: Sequence[Holder], number: str, works: Sequence[Named], intent: Intent, words: str, reserved: Sequence[str]
) -> str:
    listed = "\n".join(f"  {work.name}" for work in sorted(works))
    despite = "".join(f"  {line}\n" for line in reserved)
    said = (
        "\nI have read what their files, or notes beside them, say, and I ask whether it may be set aside for this:\n\n"
        f"{despite}\nThat is an answer of its own below. Without a Yes to it, what stands there counts.\n"
        if reserved
        else ""
    )
    return f"""\
To: {", ".join(holder.name for holder in holders)}
From: {intent.keeper}, {intent.contact}
Date: {intent.on}

I would like to train a drawing model on these works of yours, and I ask for your permission first:

{listed}
{said}
What exactly I ask for stands below, word for word. The page that comes with this letter shows the same words, with
the works beside them, and says how to answer: by hand, with a key, with changes, or not at all. No answer is a no.

The number of this text is {number}

{words}
Kind regards
{intent.keeper}
"""
