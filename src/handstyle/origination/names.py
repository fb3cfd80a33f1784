"""Which drawings of a set are worth learning from, and what are they called?

A name is a set's own, with its spaces; what else people call it comes from Unicode CLDR. Variants that differ in skin,
sex or direction, flags, letters and clock faces would crowd out what people ask for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handstyle.errors import RecordDamaged

ANNOTATIONS = Path("annotations/en/annotations.json")  # in the package `cldr-annotations-full`
VARIANT = re.compile(
    r"skin-tone|-tone\d|(^|-)(man|men|woman|women|boy|girl|mans|womans)-.*(man|men|woman|women|boy|girl)\b"
    r"|facing-right|^(flag-(for-|st-|of-)?(?!in-hole)|family-|couple-|kiss-)|^keycap|^(letter|digit|regional)"
    r"|o-?clock|thirty|^time-|-button(-|$)|^[\da-z]$|^\d+$|squared|ideograph|japanese-.*-button|zodiac$|arrow"
    r"|uv-index|beaufort|celsius|fahrenheit|not-available|code-\d|^(component|tone|.*-hair|.*-component)$"
    r"|double-.*exclamation|question-mark|exclamation|input-|symbols?$|square-(small|large)|geometric|sign-\w+$"
)
SEXED = re.compile(r"^(man|woman|men|women|mans|womans|mr|mrs|boy|girl)-(?!s-)")
TONE = re.compile(r"-(light|medium-light|medium|medium-dark|dark)$")  # where a set leaves `skin-tone` out
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
ENDING = re.compile(rf"(-(\d+|fill|{'|'.join(NUMBERS)}|alt|bold|icon|emoji))+$")
TOO_COMMON = frozenset(  # in emoji's keywords, and in the names of what no one asks a drawing model for
    "a add and at back big black block blue bold bottom box button center circle close code cross data delete dot down "
    "file for front fast go home horizontal in left line link list low mark medium menu more new no of off on open out "
    "page part pause people play plus point previous reset right round screen search set share sign single small "
    "square stop symbol text the three time to top two type up user vertical white with work yes zoom arrow arrows "
    "next network graph grid check app web content id input ok pm am mail".split()
)


@dataclass(frozen=True)
class Named:
    """A drawing that is taken, and its words."""

    identifier: str
    name: str
    keywords: tuple[str, ...]


class Thesaurus:
    """Names and keywords of emoji, from Unicode CLDR."""

    def __init__(self, annotations: Mapping[str, Any]) -> None:
        self.keywords: dict[str, tuple[str, ...]] = {}
        self.phrases: set[str] = set()
        for entry in annotations.values():
            for name in entry.get("tts", []):
                words = tuple(word.lower() for word in entry.get("default", []) if word.lower() != name.lower())
                self.keywords.setdefault(_letters(name), words)
                self.phrases |= {name.lower(), *words}
        self.words = frozenset(re.findall("[a-z]{3,}", " ".join(self.phrases))) - TOO_COMMON

    @classmethod
    def read(cls, package: Path) -> Thesaurus:
        return cls(read_json(package / ANNOTATIONS)["annotations"]["annotations"])

    def of(self, name: str) -> tuple[str, ...]:
        return self.keywords.get(_letters(name), ())


def worth_learning(identifiers: Iterable[str], thesaurus: Thesaurus, *, names_of_emoji: bool) -> list[Named]:
    """Sorted by identifier. One drawing stands for a word in its sexes when the set has one that tells none."""
    identifiers = sorted(identifiers)
    toned = {TONE.sub("", name) for name in identifiers if name.endswith("-medium-dark")}
    there = {spoken(identifier) for identifier in identifiers}
    taken = []
    for identifier in identifiers:
        name = spoken(identifier)
        if VARIANT.search(identifier) or not re.search("[a-z]{2}", name):
            continue
        if TONE.search(identifier) and TONE.sub("", identifier) in toned:
            continue
        if SEXED.match(identifier) and (
            identifier.startswith(("man", "men", "mr-")) or not there.isdisjoint(_of_no_sex(name))
        ):
            continue
        if not names_of_emoji and name.split()[-1] not in thesaurus.words:
            continue
        taken.append(Named(identifier, name, thesaurus.of(name)))
    return taken


def spoken(identifier: str) -> str:
    """`cat-face-2` -> `cat face`."""
    return ENDING.sub("", identifier).replace("-", " ").strip()


def _of_no_sex(name: str) -> set[str]:
    rest = name.partition(" ")[2]
    return {rest, f"person {rest}", f"people {rest}", f"person in {rest}"}


def _letters(text: str) -> str:
    return re.sub("[^a-z0-9]", "", text.lower())


def read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise RecordDamaged(
            f"{path} cannot be read: {fault}", hint="Unpack the package again: `npm pack NAME`, then `tar xzf`."
        ) from fault
