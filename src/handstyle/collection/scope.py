"""What exactly does a consent permit, and what does it refuse?

Every use stands there with its yes or no. What is left out is a no.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, Field, model_validator

from handstyle.collection.licences import USES, Use
from handstyle.collection.one_line import Line
from handstyle.records import Record

Method = Literal["lora", "full"]
Distribution = Literal["private", "named", "public"]
REACH: tuple[Distribution, ...] = ("private", "named", "public")  # each includes those before it
ANY_BASE = "any"
EVERYWHERE = "everywhere"


def _base(text: str) -> str:
    if not re.fullmatch(r"any|sha256:[0-9a-f]{64}|[a-z0-9]+(?:-[a-z0-9]+)*", text):
        raise ValueError("a base is named by its digest (sha256:…), by its family (stable-diffusion-1), or as `any`")
    return text


def _place(text: str) -> str:
    if not re.fullmatch(r"everywhere|[A-Z]{2}", text):
        raise ValueError("a territory is a country's two letters (ISO 3166-1), such as DE, or `everywhere`")
    return text


class Refusal(NamedTuple):
    """Why something is not covered: the clause, in words, and what would help."""

    clause: str
    words: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.words} (clause: {self.clause}); {self.next_step}"


@dataclass(frozen=True)
class Act:
    """What somebody is about to do. What is not decided yet is empty, and nothing is asked about it."""

    use: Use
    on: date
    method: str = ""
    base_family: str = ""
    base_sha256: str = ""
    distribution: Distribution = "private"
    territory: tuple[str, ...] = ()


class NameUses(Record):
    """The use of the author's name, each a yes of its own."""

    in_title: bool = False
    as_trigger: bool = False  # the word in a prompt that calls the style
    in_marketing: bool = False


class Scope(Record):
    """The clauses of a consent."""

    methods: tuple[Method, ...] = ()
    bases: tuple[Annotated[str, AfterValidator(_base)], ...] = ()
    distribution: Distribution = "private"
    recipients: tuple[Line, ...] = ()  # to whom a model may be given where `distribution` is `named`
    commercial: bool = False
    show_works: bool = False
    territory: tuple[Annotated[str, AfterValidator(_place)], ...] = ()  # left out is nowhere
    derivatives: bool = False
    despite_reservations: bool = False  # also where the file, or a note beside it, reserves the work from training
    name: NameUses = NameUses()
    valid_from: date
    valid_until: date | None = Field(default=None)  # the last day

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if self.valid_until and self.valid_until < self.valid_from:
            raise ValueError("valid_until lies before valid_from")
        for what, listed in (("methods", self.methods), ("bases", self.bases), ("territory", self.territory)):
            if len(set(listed)) != len(listed):
                raise ValueError(f"{what} names something twice")
        if bool(self.recipients) != (self.distribution == "named"):
            raise ValueError("`recipients` go with distribution = `named`, and that with at least one")
        if ANY_BASE in self.bases and len(self.bases) > 1:
            raise ValueError("bases is `any`, or it names them")
        if EVERYWHERE in self.territory and len(self.territory) > 1:
            raise ValueError("territory is `everywhere`, or it names countries")
        if bool(self.methods) != bool(self.bases):
            raise ValueError("training takes both: a method and a base it may be used on")
        if self.methods and not self.territory:
            raise ValueError("training takes a territory: countries by two letters, or `everywhere`")
        return self

    @property
    def permits(self) -> tuple[Use, ...]:
        answers: dict[Use, bool] = {
            "train": bool(self.methods),
            "publish-model": bool(self.methods) and self.distribution != "private",
            "commercial": self.commercial,
            "show-works": self.show_works,
            "name-in-title": self.name.in_title,
            "name-as-trigger": self.name.as_trigger,
            "name-in-marketing": self.name.in_marketing,
        }
        return tuple(use for use in USES if answers[use])

    def refusals(self, act: Act) -> Iterator[Refusal]:
        """Everything in this scope that stands against the act, but for its dates and its use."""
        if act.method and self.methods and act.method not in self.methods:
            yield Refusal("method", f"permits {_or(self.methods)}, not {act.method}",
                          f"set `method` to {_or(self.methods)}, or ask for {act.method}")  # fmt: skip
        if act.base_sha256 and self.bases and not self.covers_base(act.base_family, act.base_sha256):
            yield Refusal(
                "base",
                f"permits {_or(self.bases)}, not {act.base_family} sha256:{act.base_sha256}",
                "train on a base it names, or ask for this one",
            )
        if REACH.index(act.distribution) > REACH.index(self.distribution):
            yield Refusal(
                "distribution", f"keeps a model {_kept(self)}, not {act.distribution}", "ask for a wider distribution"
            )
        if act.territory and not self.covers_territory(act.territory):
            yield Refusal(
                "territory",
                f"holds in {in_words(self.territory)}, not in {in_words(act.territory)}",
                "publish for the countries it names, or ask for more",
            )

    def covers_base(self, family: str, sha256: str) -> bool:
        return bool({ANY_BASE, family, f"sha256:{sha256}"} & set(self.bases))

    def covers_territory(self, wanted: Iterable[str]) -> bool:
        return self.territory == (EVERYWHERE,) or set(wanted) <= set(self.territory)


def common_territory(scopes: Iterable[Scope]) -> tuple[str, ...]:
    """Where all of them hold; nowhere is empty."""
    limited = [set(scope.territory) for scope in scopes if scope.territory != (EVERYWHERE,)]
    return tuple(sorted(set.intersection(*limited))) if limited else (EVERYWHERE,)


def in_words(territory: Sequence[str]) -> str:
    return "every country" if tuple(territory) == (EVERYWHERE,) else ", ".join(territory) or "no country"


def _kept(scope: Scope) -> str:
    return f"to {' and '.join(scope.recipients)}" if scope.distribution == "named" else scope.distribution


def _or(names: tuple[str, ...]) -> str:
    return " or ".join(names)
