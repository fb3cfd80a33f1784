"""What may a style be called, and with which words may it be trained?

A style may be named after a person only if every permission that person is recorded in includes that: a yes for its
title, another for the words in a prompt that call it, and a third for whatever else speaks for it. Somebody whose name
is nowhere in the records cannot be recognised here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from handstyle.collection.licences import Use
from handstyle.collection.plain_text import unwelcome_in
from handstyle.collection.works import Collection
from handstyle.errors import GateClosed, UsageMistake
from handstyle.finetuning.recipe import Recipe
from handstyle.publication import recognition
from handstyle.publication.recognition import is_named_in as is_named_in
from handstyle.publication.recognition import without_vowels

LONGEST_NAME = 60  # characters of a slug; file names grow from it
LONGEST_QUOTED = 120  # characters of what is quoted whole
FEWEST_CONSONANTS = 4  # of a name that an identifier leaves the vowels out of

IDENTIFIER = "identifier"
TITLES = ("name", "style's own name", "folder", "file name")
PROMPTS = (IDENTIFIER, "class words", "class prompt", "first words", "template", "prompt", "caption")


class Permission(Protocol):
    """What has to be known of a permission, whole or as it is published, to know who may be named."""

    @property
    def people(self) -> Mapping[str, tuple[str, ...]]: ...

    @property
    def author(self) -> str: ...

    @property
    def permits(self) -> tuple[Use, ...]: ...


def slug(title: str) -> str:
    """The title as a file name: lower-case ASCII words joined by hyphens."""
    if unwelcome := unwelcome_in(title):
        raise UsageMistake(f"the name {title!a} holds {unwelcome}, which is no letter", hint="Leave it out.")
    plain = unicodedata.normalize("NFKD", title).casefold().encode("ascii", "ignore").decode()
    name = "-".join(re.findall(r"[a-z0-9]+", plain))[:LONGEST_NAME].strip("-")
    if not name:
        raise UsageMistake(
            f"{title!r} cannot name a style: it has no Latin letter or digit to make a file name of",
            hint="Choose another name with --name.",
        )
    return name


def words_trained_with(recipe: Recipe, collection: Collection) -> dict[str, str]:
    """Everything that stands in prompts while a style learns, and can call it afterwards: what it is -> words."""
    return words_of(recipe) | {f"caption of {work.name}": work.caption for work in collection.works}


def words_of(recipe: Recipe) -> dict[str, str]:
    words = {IDENTIFIER: recipe.identifier, "class words": recipe.class_words, "template": recipe.template}
    words |= {"class prompt": recipe.class_prompt} if recipe.class_prompt else {}
    words |= {"first words": recipe.initializer_token} if recipe.initializer_token else {}
    return words | {"prompt": recipe.words("")}  # a name can be split between the others


def checked(texts: Mapping[str, str], collection: Collection, *, neutral: Iterable[str] = ()) -> tuple[str, ...]:
    """Raises GateClosed if one of `texts` (what it is -> its words) names a person who has not agreed to that, and
    offers the names in `neutral`. Returns what is worth knowing all the same: a name that stands there as a word."""
    named = list(people_named(texts, collection.rights.values()))
    if faults := [fault for fault, certain in named if certain]:
        offered = ", or ".join(f'"{name}"' for name in neutral)
        raise GateClosed(
            "The style would carry the name of a person whose permission does not include that",
            faults=faults,
            hint="Ask the person named for that use of the name, or choose a neutral one"
            + (f": {offered}." if offered else ".")
            + _if_trained(faults),
        )
    return tuple(dict.fromkeys(note for note, certain in named if not certain))


def people_named(texts: Mapping[str, str], permissions: Iterable[Permission]) -> Iterator[tuple[str, bool]]:
    """Each naming that is not permitted, in words; and whether it is certain, or a word that is a name, too."""
    permissions = list(permissions)
    for what, text in texts.items():
        use = use_of(what)
        for person, names in sorted(without(permissions, use).items()):
            rest = _without_permitted(text, permitted(permissions, use) - {*names})
            seen = [found for name in names if (found := recognition.sighting(name, rest))]
            if what == IDENTIFIER and (name := _without_its_vowels(text, names)):
                seen = [recognition.Sighting(name, text)]
            certain = next((found for found in seen if found.is_certain), None)
            if certain:
                also = "" if certain.name == person else f" (also known as {certain.name})"
                said = text if len(text) <= LONGEST_QUOTED else f"…{certain.words}…"
                yield f"the {what} {said!r} names {person}{also}, which takes a yes to `{use}`", True
            elif seen:
                yield (
                    f"In the {what} {text!r}, {seen[0].words!r} is read as a word; it is a name of {person}, too.",
                    False,
                )


def use_of(what: str) -> Use:
    if what.split(" of ")[0] in PROMPTS:
        return "name-as-trigger"
    return "name-in-title" if what in TITLES else "name-in-marketing"


def without(permissions: Iterable[Permission], use: Use) -> dict[str, tuple[str, ...]]:
    """Everybody some permission of whom lacks this use: person -> all their names. Each use speaks of the author's
    name; that of another holder is permitted by none."""
    people: dict[str, tuple[str, ...]] = {}
    for rights in permissions:
        for person in {*rights.people} - ({rights.author} if use in rights.permits else set()):
            people[person] = tuple(dict.fromkeys((*people.get(person, (person,)), *rights.people[person])))
    return people


def everybody(permissions: Iterable[Permission]) -> list[str]:
    """Every name on record."""
    return [name for rights in permissions for person, known in rights.people.items() for name in (person, *known)]


def permitted(permissions: Iterable[Permission], use: Use) -> set[str]:
    """The names that may stand there."""
    permissions = list(permissions)
    return {*everybody(permissions)} - {name for names in without(permissions, use).values() for name in names}


def _without_permitted(text: str, names: set[str]) -> str:
    """Ana Ruiz, who agreed, may share a surname with somebody who did not."""
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", " ", text, flags=re.IGNORECASE)
    return text


def _without_its_vowels(identifier: str, names: Iterable[str]) -> str | None:
    """`hllmngrt` calls Hollie Mengert, and is how rare words are commonly made."""
    bare = without_vowels(identifier)
    if len(bare) < FEWEST_CONSONANTS or {*"aeiou"} & {*identifier.casefold()}:
        return None
    return next(
        (name for name in names if bare in {without_vowels(name), *map(without_vowels, re.split(r"[\W_]+", name))}),
        None,
    )


def _if_trained(faults: Iterable[str]) -> str:
    if not any(fault.startswith(f"the {what}") for fault in faults for what in PROMPTS):
        return ""
    return (
        " Words that were trained with: finetune again with others (`--set identifier=…`, other captions); an "
        "identifier alone can be withdrawn with `handstyle rename`."
    )
