"""Who made the works, who holds rights in them, and what do they permit?"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from handstyle.collection.licences import FREE, USES, Licence, Use, licence_named
from handstyle.collection.plain_text import unwelcome_in
from handstyle.errors import UsageMistake
from handstyle.records import Record

Basis = Literal["own-work", "open-licence", "written-permission"]


def _one_line(text: str) -> str:
    line = text.strip()
    if not line or unwelcome_in(line):
        raise ValueError("write it on one line, with at least one letter")
    return line


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
Line = Annotated[str, AfterValidator(_one_line)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
Permits = Annotated[tuple[Use, ...], AfterValidator(_in_order)]


class Evidence(Record):
    """A document that shows the permission: a contract, a letter, a saved licence page."""

    file: Line
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    says: str = ""


class RightsRecord(Record):
    """One permission: whose works, on what basis, for which uses, and when. A use not listed is not permitted."""

    author: Line
    holders: tuple[Line, ...] = Field(min_length=1)  # everybody whose yes is needed; the author when left out
    basis: Basis
    licence: Annotated[str, AfterValidator(lambda spdx: licence_named(spdx).spdx)] | None = None
    source: WebAddress | None = None
    evidence: tuple[Evidence, ...] = ()
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
            filled["permits"] = _permits_of(filled.get("licence"))
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
        return self

    def _stays_within_its_licence(self) -> None:
        if self.terms is None or self.source is None:
            raise ValueError("open-licence needs `licence` (an SPDX id) and `source` (where the works were published)")
        if beyond := [use for use in self.permits if use not in self.terms.permits]:
            raise ValueError(
                f"{self.terms.spdx} does not permit {' or '.join(USES[use] for use in beyond)}: "
                "leave it out of `permits`, or ask for written-permission"
            )

    @property
    def terms(self) -> Licence | None:
        """What the licence asks in return, where there is one."""
        return licence_named(self.licence) if self.licence else None

    def why_not(self, use: Use, on: date) -> str | None:
        """Why this permission does not cover `use` on that day, in words; None when it does."""
        who = str(self.licence) if self.basis == "open-licence" else f"the permission of {' and '.join(self.holders)}"
        if self.valid_from and on < self.valid_from:
            return f"{who} begins on {self.valid_from}"
        if self.valid_until and on > self.valid_until:
            return f"{who} ended on {self.valid_until}"
        if use not in self.permits:
            return f"{who} does not cover {USES[use]}"
        return None


def _permits_of(licence: object) -> tuple[Use, ...]:
    try:
        return licence_named(str(licence)).permits
    except ValueError:
        return ()  # the field itself reports an unknown licence


def own_work(name: str) -> RightsRecord:
    """Permission for works whose author collects them and holds every right."""
    return RightsRecord.read({"author": name, "basis": "own-work"}, where=f'--mine "{name}"', error=UsageMistake)


def open_licence(spdx: str, author: str, source: str, evidence: tuple[Evidence, ...] = ()) -> RightsRecord:
    """Permission for works published under an open licence."""
    return RightsRecord.read(
        {"author": author, "basis": "open-licence", "licence": spdx, "source": source, "evidence": evidence},
        where=f"--licence {spdx}",
        error=UsageMistake,
    )
