"""Whose are the works, and was anybody asked? In one exact sentence, made from the records and from nothing else.

It stands on the card, in the signed statement of a release, in the record of a style and in each picture's; it credits
people and does not name a style after them, so it takes no permission to use a name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal, Protocol

from handstyle.collection.rights import Basis, Voice

NONE: Mapping[str, date] = {}


class Permission(Protocol):
    """What has to be known of a permission, whole or as it is published."""

    @property
    def author(self) -> str: ...

    @property
    def holders(self) -> tuple[str, ...]: ...

    @property
    def basis(self) -> Basis: ...

    @property
    def licence_words(self) -> str: ...

    @property
    def agreed_on(self) -> date | None: ...

    @property
    def voice(self) -> Voice: ...

    @property
    def valid_until(self) -> date | None: ...

    @property
    def statement(self) -> str | None: ...


class Covered(Protocol):
    @property
    def rights(self) -> str: ...


class Works(Protocol):
    """A collection, whole or as it is published."""

    @property
    def works(self) -> Sequence[Covered]: ...

    @property
    def rights(self) -> Mapping[str, Permission]: ...


def involvement(works: Works, class_images: Works | None = None, withdrawn: Mapping[str, date] = NONE) -> str:
    """Of the works, and of class images that somebody gave. `withdrawn`: the digest of a permission, or of the
    statement it rests on -> the day it was taken back."""
    said = _whose(works, "work", withdrawn)
    if class_images is None:
        return said
    beside = _whose(class_images, "class image", withdrawn)
    return f"{said} Beside them it was trained on pictures of its class. {beside}"


def _whose(works: Works, what: str, withdrawn: Mapping[str, date]) -> str:
    numbers = Counter(work.rights for work in works.works)
    total = sum(numbers.values())
    # In the order of the permissions: that of the works is another one in public.
    parts = [
        (number, _of(rights, number, withdrawn.get(digest) or withdrawn.get(rights.statement or "")))
        for digest, rights in works.rights.items()
        for number in [numbers[digest]]
    ]
    if len(parts) == 1:
        return f"The {f'{what} is' if total == 1 else f'{total} {what}s are'} {parts[0][1]}."
    return f"Of the {total} {what}s, " + "; ".join(f"{number} {_are(number)} {words}" for number, words in parts) + "."


def _of(rights: Permission, number: int, withdrawn: date | None) -> str:
    by = f"by {rights.author}"
    until = f", until {rights.valid_until}" if rights.valid_until else ""
    match rights.basis:
        case "open-licence":
            whose = "its" if number == 1 else "their"
            words = f"{by}, openly licensed under {rights.licence_words}; {whose} author was not asked"
        case "own-work":
            words = f"{by}, whose own work {'it is' if number == 1 else 'they are'}, as {rights.author} states"
        case "written-permission":
            words = f"{by}{_agreed(rights, 'permitted this in writing')}{until} (stated, not signed)"
        case "consent":
            words = f"{by}{_agreed(rights, 'consented')}{until} (signed)"
    return f"{words}; this was withdrawn on {withdrawn}" if withdrawn else words


def _agreed(rights: Permission, did: str) -> str:
    on = f" on {rights.agreed_on}" if rights.agreed_on else ""
    others = [holder for holder in rights.holders if holder != rights.author]
    match rights.voice:
        case "author":
            return f", who {did}{on}" + (f", as did {_and(others)}" if others else "")
        case "estate":
            return f", for whom {_and(others)} {did}{on}"
        case "others":
            return f", who was not asked; {_and(others)} {did}{on}"


def _are(number: int) -> Literal["is", "are"]:
    return "is" if number == 1 else "are"


def _and(names: Sequence[str]) -> str:
    return " and ".join(names)
