"""What may a style be called?

A style may be named after a person only if every permission that person is recorded in includes `name-author`.
Names are compared as a reader sees them: without case, accents, punctuation and look-alike letters. Somebody
whose name is nowhere in the records cannot be recognised here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from itertools import permutations

from handstyle.collection.works import Collection
from handstyle.errors import GateClosed, UsageMistake

LONGEST_NAME = 60  # characters of a slug; file names grow from it
SHORTEST_WORD = 3  # letters; a part of a name that is shorter says nothing by itself
SHORTEST_PIECE = 5  # letters; a part this long is looked for inside longer words too

# Parts of names that are no one's own.
COMMON = (
    *("the", "and", "of", "for", "inc", "ltd", "llc", "gmbh", "corp", "company", "foundation", "studio", "studios"),
    *("art", "arts", "artist", "artists", "group", "team", "contributors", "authors", "project"),
    *("von", "van", "der", "den", "del", "dela", "las", "los"),
)

LOOKS_LIKE = str.maketrans(
    {
        **dict(zip("0134578@$!|", "oleastbasll", strict=True)),
        **dict(zip("авекмнорстухіјѕԁһӏ", "abekmhopctyxijsdhl", strict=True)),  # Cyrillic
        **dict(zip("αβεικνορτυχ", "abeiknoptux", strict=True)),  # Greek
        **{"ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i"},
    }
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
        f"the {what} {text!r} names {person}"
        for person in sorted(not_to_be_named(collection))
        for what, text in texts.items()
        if is_named_in(person, text)
    ]
    if faults:
        raise GateClosed(
            "The style would carry the name of a person whose permission does not include `name-author`",
            faults=faults,
            hint="Choose a neutral name and identifier, or ask for that use and add `name-author` to the permission.",
        )


def not_to_be_named(collection: Collection) -> set[str]:
    """Authors and holders of any permission without `name-author`."""
    return {
        person
        for rights in collection.rights.values()
        if "name-author" not in rights.permits
        for person in (rights.author, *rights.holders)
        if person
    }


def is_named_in(person: str, text: str) -> bool:
    words, parts = _words(text), _words(person)
    # "R.u.i.z" and "R u i z" are one word to a reader.
    spelled = re.findall(r"(?<!\S)\S(?: \S)+(?!\S)", " ".join(words))
    single = {*words, *map(skeleton, text.split()), *(letters.replace(" ", "") for letters in spelled)}
    everything = "".join(words)
    telling = [part for part in parts if len(part) >= SHORTEST_WORD and part not in COMMON_SKELETONS]
    if any(part in single or (len(part) >= SHORTEST_PIECE and part in everything) for part in telling):
        return True
    whole = {"".join(order) for order in permutations(parts)} if len(parts) <= 4 else {"".join(parts)}
    return any(len(name) >= SHORTEST_WORD and name in everything for name in whole)


def _words(text: str) -> list[str]:
    seen = "".join(sign for sign in unicodedata.normalize("NFKC", text) if unicodedata.category(sign) != "Cf")
    return [word for word in map(skeleton, re.split(r"[\W_]+", seen)) if word]


def skeleton(text: str) -> str:
    """What is left of a text when everything that can be made to look alike is the same."""
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold()).translate(LOOKS_LIKE)
    plain = "".join(letter for letter in letters if letter.isalnum())
    return plain.replace("rn", "m").replace("vv", "w").replace("i", "l")


COMMON_SKELETONS = frozenset(map(skeleton, COMMON))
