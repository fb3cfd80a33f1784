"""Who has to agree, in which role, and how do we know the key is theirs?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from handstyle import keys
from handstyle.collection.look_alikes import mixed_word_in, skeleton
from handstyle.collection.one_line import Line
from handstyle.records import Record

Role = Literal["creator", "copyright-owner", "exclusive-licensee", "collecting-society", "estate"]
Basis = Literal["author-retained", "work-for-hire", "assignment", "exclusive-licence", "inheritance", "mandate"]
Identity = Literal["self", "domain", "organisation", "notarised"]

ROLES: dict[Role, str] = {
    "creator": "made the works",
    "copyright-owner": "owns the copyright in them",
    "exclusive-licensee": "holds an exclusive licence to them",
    "collecting-society": "administers rights in them",
    "estate": "acts for the estate of the person who made them",
}
BASES: dict[Basis, str] = {
    "author-retained": "the rights stayed with the person who made them",
    "work-for-hire": "they were made in employment or on commission",
    "assignment": "the rights were assigned by contract",
    "exclusive-licence": "the rights were licensed by contract",
    "inheritance": "the rights were inherited",
    "mandate": "the rights are administered on somebody's behalf",
}
IDENTITIES: dict[Identity, str] = {
    "self": "on their own word",
    "domain": "by a web domain they control",
    "organisation": "by an organisation that vouches for them",
    "notarised": "before a notary",
}
OWNERS: frozenset[Role] = frozenset({"copyright-owner", "exclusive-licensee", "collecting-society", "estate"})


def _readable(name: str) -> str:
    if word := mixed_word_in(name):
        raise ValueError(f"{word!a} mixes alphabets or hides signs, so it can pass for another name")
    return name


def _key_line(text: str) -> str:
    return keys.public_line(keys.key_in(text))


PersonName = Annotated[Line, AfterValidator(_readable)]


class Holder(Record):
    """One whose yes is needed. Without a key it is known what to ask, and not yet who signs."""

    name: PersonName
    roles: tuple[Role, ...] = Field(min_length=1)
    basis: Basis
    identity: Identity = "self"
    key: Annotated[str, AfterValidator(_key_line)] | None = None  # ssh-ed25519 AAAA…
    also_named: tuple[Line, ...] = ()  # as the owner in files: a pen name, an old address, another spelling

    @property
    def fingerprint(self) -> str | None:
        return keys.fingerprint(keys.key_in(self.key)) if self.key else None


def check_together(holders: Sequence[Holder], *, author: str, uses_name: bool) -> None:
    """Raises ValueError where these people cannot be told apart, or are not enough; `author` made the works."""
    seen: dict[str, str] = {}
    for holder in holders:
        if before := seen.get(skeleton(holder.name)):
            raise ValueError(f"the holders {before!a} and {holder.name!a} look the same")
        seen[skeleton(holder.name)] = holder.name
        if len(set(holder.roles)) != len(holder.roles):
            raise ValueError(f"{holder.name} has a role twice")
    known = [holder.key for holder in holders if holder.key]
    if len(set(known)) != len(known):
        raise ValueError("two holders have the same key, so one could sign for both")
    roles = {role for holder in holders for role in holder.roles}
    if not roles & OWNERS:
        raise ValueError("nobody among the holders owns the copyright or acts for its owner")
    if uses_name and not any(_may_lend_the_name(holder, author) for holder in holders):
        raise ValueError(
            f"the name is {author}'s: only a holder of exactly this name who made the works, or the estate, can permit "
            "its use"
        )


def _may_lend_the_name(holder: Holder, author: str) -> bool:
    """Who made some of the works has no say in another's name."""
    return "estate" in holder.roles or ("creator" in holder.roles and holder.name == author)
