"""What may a style be called?

A style may be named after a person only if every permission that person is recorded in includes that: a yes for its
title, and another for the words in a prompt that call it.
Names are compared as a reader sees them: without case, accents, punctuation and look-alike letters. Somebody
whose name is nowhere in the records cannot be recognised here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from itertools import permutations

from handstyle.collection.licences import Use
from handstyle.collection.look_alikes import skeleton
from handstyle.collection.works import Collection
from handstyle.errors import GateClosed, UsageMistake

TITLES = ("name", "style's own name")
LONGEST_NAME = 60  # characters of a slug; file names grow from it
SHORTEST_WORD = 3  # letters; a part of a name that is shorter says nothing by itself
MOST_PIECES = 4  # neighbouring words that a name may be split into: "ru iz" is read as one
SHORTEST_PIECE = 5  # letters; a part this long is looked for inside longer words too

# Parts of names that are no one's own.
COMMON = (
    *("the", "and", "of", "for", "inc", "ltd", "llc", "gmbh", "corp", "company", "foundation", "studio", "studios"),
    *("art", "arts", "artist", "artists", "group", "team", "contributors", "authors", "project"),
    *("von", "van", "der", "den", "del", "dela", "las", "los"),
)


def slug(title: str) -> str:
    """The title as a file name: lower-case ASCII words joined by hyphens."""
    plain = unicodedata.normalize("NFKD", title).casefold().encode("ascii", "ignore").decode()
    name = "-".join(re.findall(r"[a-z0-9]+", plain))[:LONGEST_NAME].strip("-")
    if not name:
        raise UsageMistake(
            f"{title!r} cannot name a style: it has no Latin letter or digit to make a file name of",
            hint="Choose another name with --name.",
        )
    return name


def checked(texts: Mapping[str, str], collection: Collection) -> None:
    """Raises GateClosed if one of `texts` (what it is -> its words) names a person who has not agreed to that."""
    faults = [
        f"the {what} {text!r} names {person}, which takes a yes to `{_use_of(what)}`"
        for what, text in texts.items()
        for person in sorted(not_to_be_named(collection, _use_of(what)))
        if is_named_in(person, text)
    ]
    if faults:
        raise GateClosed(
            "The style would carry the name of a person whose permission does not include that",
            faults=faults,
            hint="Choose a neutral name and identifier, or ask the person named for that use of the name.",
        )


def _use_of(what: str) -> Use:
    """A name and a style's own name are read as titles; everything else stands in prompts."""
    return "name-in-title" if what in TITLES else "name-as-trigger"


def not_to_be_named(collection: Collection, use: Use) -> set[str]:
    """Authors and holders of any permission without this use of the name."""
    people: set[str] = set()
    for rights in collection.rights.values():
        if use not in rights.permits:
            people |= {rights.author, *rights.holders}
        elif rights.consent is not None:  # what was signed speaks of the author's name, and of no other
            people |= {*rights.holders} - {rights.author}
    return people


def is_named_in(person: str, text: str) -> bool:
    words, parts = _words(text), _words(person)
    # "R.u.i.z" and "R u i z" are one word to a reader.
    spelled = re.findall(r"(?<!\S)\S(?: \S)+(?!\S)", " ".join(words))
    single = {*words, *map(skeleton, text.split()), *(letters.replace(" ", "") for letters in spelled)}
    single |= {"".join(words[at : at + run]) for run in range(2, MOST_PIECES + 1) for at in range(len(words) - run + 1)}
    everything = "".join(words)
    telling = [part for part in parts if len(part) >= SHORTEST_WORD and part not in COMMON_SKELETONS]
    if any(part in single or (len(part) >= SHORTEST_PIECE and part in everything) for part in telling):
        return True
    whole = {"".join(order) for order in permutations(parts)} if len(parts) <= 4 else {"".join(parts)}
    return any(len(name) >= SHORTEST_WORD and name in everything for name in whole)


def _words(text: str) -> list[str]:
    seen = "".join(sign for sign in unicodedata.normalize("NFKC", text) if unicodedata.category(sign) != "Cf")
    return [word for word in map(skeleton, re.split(r"[\W_]+", seen)) if word]


COMMON_SKELETONS = frozenset(map(skeleton, COMMON))
