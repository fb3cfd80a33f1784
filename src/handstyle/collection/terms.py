"""What does a keeper ask for, before it becomes a statement that others sign?"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, NamedTuple

import PIL
from pydantic import AfterValidator, Field

from handstyle import digests
from handstyle.collection.consent import Decoder, Document, Predicate, Statement, Subject, worded
from handstyle.collection.holders import Holder, PersonName
from handstyle.collection.one_line import Line
from handstyle.collection.pixels import page_colour
from handstyle.collection.reservation_values import Reading
from handstyle.collection.rights_plan import is_below
from handstyle.collection.scope import Scope
from handstyle.errors import UsageMistake
from handstyle.records import Record, load_toml, read_whole

LARGEST_DOCUMENT = 256 << 20  # bytes


def _below(name: str) -> str:
    if not is_below(name):
        raise ValueError("name a file beside the terms or below them")
    return name


class ReferredTo(Record):
    file: Annotated[Line, AfterValidator(_below)]  # beside the terms
    says: Line


class Terms(Record):
    """A `terms.toml`: who asks, whom, for what."""

    keeper: PersonName
    contact: Line
    author: PersonName
    also_named: tuple[PersonName, ...] = ()
    holders: tuple[Holder, ...] = Field(min_length=1)
    scope: Scope
    documents: tuple[ReferredTo, ...] = ()

    @classmethod
    def at(cls, path: Path) -> Terms:
        return cls.read(load_toml(path), where=str(path))


class Named(NamedTuple):
    """A picture as a statement names it."""

    name: str  # of its file, which the statement does not hold
    file: str
    pixels: str
    reservations: tuple[Reading, ...] = ()  # in the file and beside it


def statement(
    terms: Terms, works: Iterable[Named], *, background: str, on: date, beside: Path, nonce: str | None = None
) -> Statement:
    """The works by digest, in the order of their pixels: the order of names would tell names."""
    ordered = sorted(works, key=lambda work: work.pixels)
    subject = tuple(
        Subject.model_validate({"name": f"work-{place}", "digest": {"sha256": work.file, "rgb8-sha256": work.pixels}})
        for place, work in enumerate(ordered, 1)
    )
    asked = {
        "keeper": terms.keeper,
        "contact": terms.contact,
        "author": terms.author,
        "also_named": terms.also_named,
        "holders": terms.holders,
        "scope": terms.scope,
        "documents": _documents(terms.documents, beside),
        "decoder": Decoder(pillow=PIL.__version__, background="#" + bytes(page_colour(background)).hex()),
        "drafted": on,
        "nonce": nonce,
    }
    predicate = Predicate.read(asked, where="what is asked for", error=UsageMistake)
    predicate = predicate.model_copy(update={"words": worded(subject, predicate)})
    return Statement(subject=subject, predicate=predicate)


def _documents(listed: Sequence[ReferredTo], beside: Path) -> tuple[Document, ...]:
    found = []
    for document in listed:
        try:
            data = read_whole(beside / document.file, LARGEST_DOCUMENT)
        except (OSError, ValueError) as error:
            raise UsageMistake(f"{beside / document.file} cannot be read: {error}", hint="Put it there.") from error
        found.append(Document(says=document.says, sha256=digests.of_bytes(data)))
    return tuple(found)


def toml(
    *,
    author: str,
    holders: Sequence[Holder],
    on: date,
    scope: Scope | None = None,
    keeper: str = "YOUR NAME",
    contact: str = "YOUR ADDRESS OR TELEPHONE NUMBER",
) -> str:
    """A `terms.toml` to fill in. Without `scope`, every answer is a no."""
    scope = scope or Scope(valid_from=on)
    people = "\n".join(map(_table, holders))
    return f"""\
# What is asked for. Every line that stays as it is means: no.
keeper = {_text(keeper)}    # who asks, keeps the works and answers for what is done with them
contact = {_text(contact)}
author = {_text(author)}    # who made the works
# also_named = ["…"]    # other names the author is known by; a holder may have some, too

# Everybody whose yes is needed, a table each.
# roles: creator, copyright-owner, exclusive-licensee, collecting-society, estate
# basis: author-retained, work-for-hire, assignment, exclusive-licence, inheritance, mandate
# identity, how it is known that the key is theirs: self, domain, organisation, notarised
{people}
[scope]
methods = {_list(scope.methods)}          # "lora", a small addition to a base model; "full", the whole base model
bases = {_list(scope.bases)}            # a family such as "stable-diffusion-1", a digest such as "sha256:…", or "any"
distribution = "{scope.distribution}"    # private, named (to the recipients), or public
recipients = {_list(scope.recipients)}
commercial = {_flag(scope.commercial)}
show_works = {_flag(scope.show_works)}
derivatives = {_flag(scope.derivatives)}      # further models made from the trained one
despite_reservations = {_flag(scope.despite_reservations)}    # also where a file, or a note beside it, says no
territory = {_list(scope.territory)}    # countries by two letters, such as "DE" and "FR", or "everywhere"
valid_from = {scope.valid_from}
{f"valid_until = {scope.valid_until}" if scope.valid_until else "# valid_until = 2030-12-31    # the last day"}

[scope.name]             # the use of the author's name
in_title = {_flag(scope.name.in_title)}
as_trigger = {_flag(scope.name.as_trigger)}       # as the word that calls the style
in_marketing = {_flag(scope.name.in_marketing)}
"""


def somebody(name: str, *, author: str) -> Holder:
    """A holder of whom only the name is known: what is most likely, to be corrected."""
    if name == author:
        return Holder(name=name, roles=("creator", "copyright-owner"), basis="author-retained")
    return Holder(name=name, roles=("copyright-owner",), basis="assignment")


def _table(holder: Holder) -> str:
    key = f"key = {_text(holder.key)}" if holder.key else '# key = "ssh-ed25519 AAAA…"'
    also = f"also_named = {_list(holder.also_named)}\n" if holder.also_named else ""
    return (
        f"[[holders]]\nname = {_text(holder.name)}\nroles = {_list(holder.roles)}\nbasis = {_text(holder.basis)}\n"
        f"identity = {_text(holder.identity)}\n{also}{key}    # what `handstyle consent key` prints for them\n"
    )


def _text(words: str) -> str:
    return json.dumps(words, ensure_ascii=False)  # a JSON string is a TOML string


def _list(words: Sequence[str]) -> str:
    return json.dumps(list(words), ensure_ascii=False)


def _flag(yes: bool) -> str:
    return "true" if yes else "false"
