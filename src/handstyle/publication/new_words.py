"""What do the records of a style say once it is called otherwise?

The old words are put away wherever they stand, and nothing else is touched: who made the drawings and what was
measured stays. Tensors have no words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import PurePosixPath
from typing import Any

from handstyle.collection.involvement import involvement
from handstyle.collection.licences import Use
from handstyle.collection.look_alikes import skeleton
from handstyle.errors import GateClosed, UsageMistake
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trained_style import Renaming, TrainedStyle
from handstyle.inspection.report import InspectionReport
from handstyle.publication import naming, recognition
from handstyle.publication.card import permission_lines
from handstyle.publication.clearance import CLASS_IMAGE, attributions
from handstyle.publication.disclosure import CLASS_IMAGES, COLLECTION, PublishedCollection
from handstyle.publication.neutral_names import neutral_identifier, neutral_names
from handstyle.publication.traces import Sought, split_by_chance

CREDIT = ("author", "permission")  # fields of a report that say whose a work is
SHORTEST_IDENTIFIER = 3  # letters
WITHHELD = "(withheld)"
# What stands in the place of words that named somebody.
NEUTRAL = {"class_words": "drawing", "class_prompt": "", "initializer_token": "", "template": "{caption}, {identifier}"}


@dataclass(frozen=True)
class Asked:
    """What somebody wants a style to be called."""

    title: str
    identifier: str | None  # the word for prompts; None keeps the old one where that names nobody
    on: date
    folder: str = ""  # in which it will stand, if that is called otherwise


@dataclass(frozen=True)
class NewWords:
    """The old words of one style and the new ones."""

    title_before: str
    title: str
    name_before: str
    name: str
    identifier_before: str
    identifier: str
    sought: Sought  # what must be gone in the end
    people: tuple[str, ...]  # of these, who is credited all the same
    not_in_prompts: tuple[str, ...]  # whose names no word of the training may hold, not even in part

    @property
    def withdraws_the_identifier(self) -> bool:
        return self.identifier != self.identifier_before

    def say(self, text: str) -> str:
        """With the new words in the place of the old, a title where a title stood and a file name where one stood."""
        pieces = split_by_chance(text)
        return "".join(piece if by_chance else self._say(piece) for piece, by_chance in pieces)

    def _say(self, text: str) -> str:
        for before in dict.fromkeys((self.title_before, self.name_before)):
            if not is_one_word(before):
                text = _loosely(before).sub(self._as_written, text)
        if self.withdraws_the_identifier:
            text = _loosely(self.identifier_before).sub(lambda found: self.identifier, text)
        return text

    def say_all(self, value: Any, spared: tuple[str, ...] = ()) -> Any:
        """Of JSON, but for what stands under the keys `spared`. A text that still names the old is withheld."""
        if isinstance(value, str):
            said = self.say(value)
            return WITHHELD if self.holds(said) else said
        if isinstance(value, Mapping):
            return {self.say_all(key): inner if key in spared else self.say_all(inner, spared)
                    for key, inner in value.items()}  # fmt: skip
        return [self.say_all(inner, spared) for inner in value] if isinstance(value, list | tuple) else value

    def path(self, path: str) -> str:
        place = PurePosixPath(path)
        return str(place.with_stem(self.name)) if place.stem == self.name_before else self.say(path)

    def holds(self, text: str) -> bool:
        """Does it still name the old?"""
        return self.sought.found_in(text, is_text=True) is not None

    @property
    def sought_beside_credit(self) -> Sought:
        """In records that say who made the works, in fields of their own."""
        credited = {skeleton(name) for name in self.people}
        return replace(self.sought, names=tuple(name for name in self.sought.names if skeleton(name) not in credited))

    def _as_written(self, found: re.Match[str]) -> str:
        return self.title if " " in found[0] or found[0][:1].isupper() else self.name


def words_for(
    asked: Asked,
    title_before: str,
    style: TrainedStyle,
    report: InspectionReport | None,
    collections: Mapping[str, PublishedCollection],
    credit: Iterable[str] = (),
) -> NewWords:
    """`collections` by the names of their files; `credit` are further sentences that may stand.

    Raises UsageMistake or GateClosed where the new name cannot be.
    """
    rights = [record for found in collections.values() for record in found.rights.values()]
    people = naming.everybody(rights)
    name, before = naming.slug(asked.title), naming.slug(title_before)
    if name == before:
        raise UsageMistake(f"it is called {title_before!r} already", hint="Choose another name.")
    old = style.recipe.identifier
    named = naming.people_named(naming.words_of(style.recipe), rights)
    both = (title_before, *(person for person in people if recognition.is_named_in(person, title_before)))
    must_go = any(certain for _, certain in named) or any(recognition.is_named_in(name, old) for name in both)
    identifier = _identifier(asked.identifier, old if not must_go else neutral_identifier(style.tensors, people))
    texts = {"name": asked.title, "file name": name, "folder": asked.folder, naming.IDENTIFIER: identifier}
    if faults := [fault for fault, certain in naming.people_named(texts, rights) if certain]:
        offered = ", or ".join(f'"{name}"' for name in neutral_names(style, report, people))
        raise GateClosed("The new name is a person's, too", faults=faults, hint=f"Names that are nobody's: {offered}.")
    unasked = tuple(name for names in naming.without(rights, "name-as-trigger").values() for name in names)
    named_before = _people_in(title_before, style.recipe, rights)
    gone = [title_before, before, *named_before, *([old] if identifier != old else [])]
    names = tuple(words for words in dict.fromkeys(gone) if not is_one_word(words))
    sought = Sought(names, (*_credit(collections), *credit))
    if overlap := sought.found_in(f"{asked.title} {name} {identifier}", is_text=True):
        raise UsageMistake(
            f"the new name holds {overlap!r}, so a trace of the old one could not be told from it",
            hint="Choose a name that does not contain the old one.",
        )
    return NewWords(title_before, asked.title, before, name, old, identifier, sought, tuple(people), unasked)


def is_one_word(title: str) -> bool:
    """One ordinary word, such as Ink: in a sentence it is no trace of a title."""
    return re.fullmatch(r"\w+", title) is not None and recognition.is_ordinary(title)


def style_in(words: NewWords, style: TrainedStyle, on: date) -> TrainedStyle:
    """The same tensors of the same works; the history grows by a line that names nobody."""
    renaming = Renaming(on=on, withdrew_identifier=words.withdraws_the_identifier)
    base = style.base.model_copy(update={"name": words.say_all(style.base.name)})
    changes = {"base": base, "recipe": _recipe_in(words, style.recipe), "renamed": (*style.renamed, renaming)}
    name = words.say(style.name)
    return style.model_copy(update=changes | {"name": words.name if words.holds(name) else name})


def report_in(words: NewWords, report: InspectionReport, style: TrainedStyle) -> InspectionReport:
    """It speaks of the same tensors: only what they are called is said anew."""
    said = words.say_all(report.as_json(), CREDIT)
    said |= {"style_name": style.name, "prompt_template": style.recipe.template}
    return InspectionReport.read(said, where="the report under its new name")


def header_in(words: NewWords, metadata: Mapping[str, str]) -> dict[str, str]:
    """The metadata of a file of weights; an entry in which an old name stands in disguise goes."""
    exactly = {words.title_before: words.title, words.name_before: words.name}
    said = {words.say(key): exactly.get(value) or words.say(value) for key, value in metadata.items()}
    return {key: value for key, value in said.items() if not words.holds(key) and not words.holds(value)}


def _recipe_in(words: NewWords, recipe: Recipe) -> Recipe:
    said = {name: words.say(getattr(recipe, name)) for name in NEUTRAL}
    said = {
        name: NEUTRAL[name] if words.holds(text) or _names_one(words, text) else text for name, text in said.items()
    }
    return recipe.changed(**said, identifier=words.identifier)


def _names_one(words: NewWords, text: str) -> bool:
    return any(recognition.is_named_in(person, text) for person in words.not_in_prompts)


def _identifier(asked: str | None, otherwise: str) -> str:
    if asked is not None and (len(asked) < SHORTEST_IDENTIFIER or not re.fullmatch(r"[\w-]+", asked)):
        raise UsageMistake(f"--identifier {asked} is no word for a prompt", hint="Write a rare word, such as hndst.")
    return asked or otherwise


def _loosely(words: str) -> re.Pattern[str]:
    """However the words are joined, and whatever is large or small in them."""
    parts = [re.escape(part) for part in re.split(r"[\W_]+", words) if part]
    joined = r"[\W_]{0,3}".join(parts)
    return re.compile(rf"(?<![^\W_]){joined}(?![^\W_])" if parts else r"(?!)", re.IGNORECASE)


def _people_in(title: str, recipe: Recipe, rights: Sequence[naming.Permission]) -> tuple[str, ...]:
    """The names on record that stand there without leave: they have to be gone, too, but for credit."""
    places: list[tuple[Use, list[str]]] = [("name-in-title", [title])]
    places.append(("name-as-trigger", [*naming.words_of(recipe).values()]))
    return tuple(
        name
        for use, texts in places
        for names in naming.without(rights, use).values()
        for name in names
        if any(recognition.is_named_in(name, text) for text in texts)
    )


def _credit(collections: Mapping[str, PublishedCollection]) -> Iterator[str]:
    """What cards, reports and their pages say of people because the records do, sentence by sentence."""
    works, beside = collections[COLLECTION], collections.get(CLASS_IMAGES)
    yield involvement(works, beside)
    yield from (*attributions(works), *permission_lines(works, beside))
    yield from attributions(beside, CLASS_IMAGE) if beside else ()
    authors = sorted({rights.author for rights in works.rights.values()})
    yield f"by {', '.join([*authors[:-2], ' and '.join(authors[-2:])])}; permission"
    for author in authors:
        yield from (f'"author": {json.dumps(author, ensure_ascii=False)}', f"<span>{author}</span>")
