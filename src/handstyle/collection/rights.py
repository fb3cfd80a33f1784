"""Who made the works, who holds rights in them, and what do they permit?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from handstyle.collection.consent import Consent
from handstyle.collection.holders import Holder
from handstyle.collection.licence_expressions import LicenceTerms, spelled, terms_of
from handstyle.collection.licences import FREE, USES, Use
from handstyle.collection.one_line import Line
from handstyle.collection.scope import Act, Refusal, Scope
from handstyle.errors import UsageMistake
from handstyle.records import Record

Basis = Literal["own-work", "open-licence", "written-permission", "consent"]
Voice = Literal["author", "estate", "others"]  # who agreed: the author, somebody for their estate, only others


def _web_address(text: str) -> str:
    # It becomes a link in reports and cards, so nothing but a page may stand here.
    if not text.startswith(("https://", "http://")) or not text.isprintable() or " " in text:
        raise ValueError(f"`{text}` is not a web address: it begins with https:// and has no spaces")
    return text


def _in_order(uses: tuple[Use, ...]) -> tuple[Use, ...]:
    # One order, so that the digest does not depend on how somebody happened to list them.
    return tuple(use for use in USES if use in uses)


def _a_day(value: object) -> object:
    # A number would be taken for seconds since 1970.
    if not (isinstance(value, date) or (isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value))):
        raise ValueError("write the day as 2031-12-31")
    return value


Day = Annotated[date, BeforeValidator(_a_day)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
Permits = Annotated[tuple[Use, ...], AfterValidator(_in_order)]


class Evidence(Record):
    """A document that shows the permission: a contract, a letter, a saved licence page."""

    file: Line
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    says: str = ""
    seen: date | None = None  # the day on which somebody looked at it


class GivenConsent(Record):
    """What a consent statement says, with the digest by which it is found. It is derived, never typed."""

    statement: str = Field(pattern="^[0-9a-f]{64}$")
    drafted: date  # the day its words were written; when a signature was made, nothing in it can say
    scope: Scope
    holders: tuple[Holder, ...]


class RightsRecord(Record):
    """One permission: whose works, on what basis, for which uses, and when. A use not listed is not permitted."""

    author: Line
    also_named: tuple[Line, ...] = ()  # other names the author is known by
    holders: tuple[Line, ...] = Field(min_length=1)  # everybody whose yes is needed; the author when left out
    basis: Basis
    licence: Annotated[str, AfterValidator(spelled)] | None = None  # an SPDX expression
    licence_choice: Annotated[str, AfterValidator(spelled)] | None = None  # which side of its OR counts
    source: WebAddress | None = None
    evidence: tuple[Evidence, ...] = ()
    consent: GivenConsent | None = None
    permits: Permits
    valid_from: Day | None = None
    valid_until: Day | None = None  # the last day

    @model_validator(mode="before")
    @classmethod
    def _fill_in_what_the_basis_says(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        filled = dict(data)
        if not filled.get("holders") and isinstance(filled.get("author"), str):
            filled["holders"] = (filled["author"],)
        if "permits" not in filled and filled.get("basis") == "own-work":
            filled["permits"] = FREE
        if "permits" not in filled and filled.get("basis") == "open-licence":
            filled["permits"] = _permits_of(filled.get("licence"), filled.get("licence_choice"))
        return filled

    @model_validator(mode="after")
    def _basis_carries_what_it_claims(self) -> Self:
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            raise ValueError("valid_until lies before valid_from")
        if self.basis == "own-work" and self.holders != (self.author,):
            raise ValueError("others hold rights too, so `own-work` is not enough: it takes written-permission")
        if self.basis == "written-permission" and not self.evidence:
            raise ValueError("written-permission needs its evidence: the file that shows it")
        if self.basis == "open-licence":
            self._stays_within_its_licence()
        if self.basis == "consent" and self.consent is None:
            raise ValueError("consent is derived from what was signed: name its file with `consent`")
        if self.consent is not None:
            self._says_what_was_signed(self.consent)
        return self

    def _says_what_was_signed(self, consent: GivenConsent) -> None:
        said = (self.holders, self.permits, self.valid_from, self.valid_until)
        scope = consent.scope
        holders = tuple(holder.name for holder in consent.holders)
        if self.basis not in ("consent", "written-permission"):
            raise ValueError(f"{self.basis} needs no consent")
        if said != (holders, scope.permits, scope.valid_from, scope.valid_until):
            raise ValueError("it says something else than its consent")

    def _stays_within_its_licence(self) -> None:
        if self.licence is None or self.source is None:
            raise ValueError("open-licence needs `licence` (an SPDX id) and `source` (where the works were published)")
        terms = terms_of(self.licence, self.licence_choice)
        if beyond := [use for use in self.permits if use not in terms.permits]:
            raise ValueError(
                f"{terms.expression} does not permit {' or '.join(USES[use] for use in beyond)}: "
                "leave it out of `permits`, or ask for written-permission"
            )

    @property
    def people(self) -> dict[str, tuple[str, ...]]:
        """Author and holders, each with the other names they are known by."""
        found = {self.author: self.also_named}
        known = {holder.name: holder.also_named for holder in self.consent.holders} if self.consent else {}
        for holder in self.holders:
            found[holder] = tuple(dict.fromkeys((*found.get(holder, ()), *known.get(holder, ()))))
        return found

    @property
    def statement(self) -> str | None:
        """The digest of what was signed, where something was."""
        return self.consent.statement if self.consent else None

    @property
    def agreed_on(self) -> date | None:
        """The day the words of a consent were written, or that a permission begins: no file tells when one signed."""
        return self.consent.drafted if self.consent else self.valid_from

    @property
    def voice(self) -> Voice:
        """Who speaks for the works. Of an open licence and of own work, the author."""
        if self.author in self.holders:
            return "author"
        signed = self.consent.holders if self.consent else ()
        return "estate" if any("estate" in holder.roles for holder in signed) else "others"

    @property
    def terms(self) -> LicenceTerms | None:
        """What the licence permits and asks in return, where there is one."""
        return terms_of(self.licence, self.licence_choice) if self.licence else None

    @property
    def is_signed(self) -> bool:
        """By the holders' own keys. Everything else is what somebody states."""
        return self.basis == "consent"

    @property
    def standing(self) -> str:
        """Signed or not, and by whom, in a few words."""
        match self.basis:
            case "own-work":
                return f"stated by {self.author}, not signed: own work"
            case "open-licence":
                return f"stated, not signed: published under {self.licence_words}"
            case "written-permission":
                return f"stated, not signed: permitted in writing by {' and '.join(self.holders)}"
        signers = self.consent.holders if self.consent else ()
        return "signed by " + " and ".join(f"{holder.name} ({holder.fingerprint})" for holder in signers)

    @property
    def in_few_words(self) -> str:
        """For a table: the basis, and whether it is signed."""
        return "signed consent" if self.is_signed else f"{self.licence or self.basis.replace('-', ' ')}, not signed"

    @property
    def licence_words(self) -> str:
        return licence_words(self.licence, self.licence_choice)

    @property
    def source_of_permission(self) -> str:
        if self.basis == "open-licence":
            return str(self.licence_choice or self.licence)
        return f"the permission of {' and '.join(self.holders)}"

    def refusals(self, act: Act) -> Iterator[Refusal]:
        """Every clause of this permission that stands against the act."""
        who = self.source_of_permission
        if self.valid_from and act.on < self.valid_from:
            yield Refusal("first day", f"{who} begins on {self.valid_from}", "wait for that day")
        if self.valid_until and act.on > self.valid_until:
            yield Refusal("last day", f"{who} ended on {self.valid_until}", "ask for a new one")
        if act.use not in self.permits:
            yield Refusal("use", f"{who} does not cover {USES[act.use]}", "ask for it")
        for clause, words, next_step in self.consent.scope.refusals(act) if self.consent else ():
            yield Refusal(clause, f"{who} {words}", next_step)

    def why_not(self, use: Use, on: date) -> str | None:
        """Why this permission does not cover `use` on that day, in words; None when it does."""
        return next((refusal.words for refusal in self.refusals(Act(use, on))), None)


def _permits_of(licence: object, choice: object) -> tuple[Use, ...]:
    try:
        return terms_of(str(licence), None if choice is None else str(choice)).permits
    except ValueError:
        return ()  # the field itself reports an unknown licence


def licence_words(licence: str | None, choice: str | None) -> str:
    return f"{licence}, of which {choice} was chosen" if choice else f"{licence}"


def own_work(name: str) -> RightsRecord:
    """Permission for works whose author collects them and holds every right."""
    return RightsRecord.read({"author": name, "basis": "own-work"}, where=f'--mine "{name}"', error=UsageMistake)


def from_consent(consent: Consent, evidence: tuple[Evidence, ...] = (), *, on_paper: bool = False) -> RightsRecord:
    """The permission that a consent gives. `on_paper`: the keeper says that it was signed by hand, and has the page."""
    predicate = consent.statement.predicate
    scope = predicate.scope
    return RightsRecord(
        author=predicate.author,
        also_named=predicate.also_named,
        holders=tuple(holder.name for holder in predicate.holders),
        basis="written-permission" if on_paper else "consent",
        evidence=evidence,
        consent=GivenConsent(
            statement=consent.digest, drafted=predicate.drafted, scope=scope, holders=predicate.holders
        ),
        permits=scope.permits,
        valid_from=scope.valid_from,
        valid_until=scope.valid_until,
    )


def open_licence(
    spdx: str, author: str, source: str, evidence: tuple[Evidence, ...] = (), choice: str | None = None
) -> RightsRecord:
    """Permission for works published under an open licence."""
    return RightsRecord.read(
        {
            "author": author,
            "basis": "open-licence",
            "licence": spdx,
            "licence_choice": choice,
            "source": source,
            "evidence": evidence,
        },
        where=f"--licence {spdx}",
        error=UsageMistake,
    )
