"""Does a text name a person, however the name is written?

Compared are skeletons (`look_alikes.py`), so case, accents, look-alike letters, digits for letters and invisible signs
make no difference. A name is found whole, in any order, run together or taken apart, by initials and surname, and by
any part of it. A part that is also an ordinary English word, as in Jack Stone, is told from the word: see `Sighting`.
Digests and fingerprints of keys are no words: in these letters fall as they may, and `7ada9` names nobody.

What cannot be found: a nickname, another spelling or a translation that nobody recorded as an alias.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

from handstyle.collection.look_alikes import SIGNS, normal, skeleton

ORDINARY = Path(__file__).with_name("ordinary_words.txt")
SHORTEST_PART = 3  # letters; a part of a name that is shorter says nothing by itself
SHORTEST_INSIDE = 5  # letters; a part this long is looked for inside longer words too
SHORTEST_ACROSS = 7  # letters; a part this long is looked for across words, wherever it begins and ends
MOST_PARTS = 5  # of a name, in any order
# Sixteen digits or more: no word is made of so many letters from a to f.
DIGEST = r"(?<![0-9A-Za-z])(?:0x)?(?:[0-9a-f]{16,}|[0-9A-F]{16,})(?![0-9A-Za-z])"
FINGERPRINT = r"SHA256:[0-9A-Za-z+/]{43}(?![0-9A-Za-z+/])"  # of a key, as `ssh-keygen -l` prints it
RIGHT_TO_LEFT = {"\u202e", "\u2067"}  # what is written behind them is read backwards

# Parts of names that are no one's own.
COMMON_WORDS = """
    the and of for by inc ltd llc gmbh corp company foundation studio studios art arts artist artists group team
    contributors authors project von van der den del dela las los com net org www http https
"""
COMMON = frozenset(map(skeleton, COMMON_WORDS.split()))
# Ordinary where pictures are made, and younger than the list of words.
OF_THE_TRADE = "anime chibi doodle emoji gouache lineart linework lora manga pixel sdxl watercolor watercolour".split()
# "X style" and "by X" speak of a person even where X is a word.
BEHIND = frozenset(map(skeleton, "style styled styles artstyle lora inspired esque like".split()))
BEFORE = frozenset(map(skeleton, "by from after alike".split()))
SAYS_NOTHING = BEHIND | BEFORE | {*map(skeleton, "a an the my our new in of".split())}
# What is glued to a name to make a word of it.
GLUED = "s es style styled art artist artstyle lora like esque ish ian core punk by the my mr ms mrs sks official"
AFFIXES = frozenset(map(skeleton, GLUED.split()))


@dataclass(frozen=True)
class Sighting:
    """A name that a text holds. Not certain: only a word of the name that is also an ordinary word, used like one."""

    name: str
    words: str  # what stands there
    is_certain: bool = True


@dataclass(frozen=True)
class Word:
    written: str
    seen: str  # its skeleton

    @property
    def is_ordinary(self) -> bool:
        return self.spelled in _ordinary()

    @property
    def spelled(self) -> str:
        return self.written.casefold()


def sighting(name: str, text: str) -> Sighting | None:
    """The clearest sight of `name` in `text`."""
    unsure: Sighting | None = None
    for words in _readings(text):
        for spelling in _spellings(name):
            for found in _found(name, spelling, words):
                if found.is_certain:
                    return found
                unsure = unsure or found
    return unsure


def is_named_in(person: str, text: str) -> bool:
    found = sighting(person, text)
    return found is not None and found.is_certain


def is_ordinary(word: str) -> bool:
    """Is it an English word that everybody uses?"""
    return word.casefold() in _ordinary()


def phrase_in(phrase: str, text: str) -> str | None:
    """All the words of `phrase`, one behind the other or run together, as they stand in `text`."""
    for words in _readings(text):
        for parts in _spellings(phrase):
            seen = tuple(part.seen for part in parts)
            run = "".join(seen)
            if seen and (at := _whole_in(seen, words) or _glued(run, words) or _across(run, words)):
                return at
    return None


def _glued(run: str, words: list[Word]) -> str | None:
    return next((word.written for word in words if word.seen == run), None)


def without_vowels(text: str) -> str:
    """`hollie mengert` -> `hllmngrt`, the way rare words for a prompt are often made."""
    return re.sub("[aeou]|(?<=.)[ly](?=.)", "", skeleton(text)) if text.isascii() else ""


def _found(name: str, parts: tuple[Word, ...], words: list[Word]) -> Iterator[Sighting]:
    for whole in _wholes(tuple(part.seen for part in parts)):
        if at := _whole_in(whole, words):
            yield Sighting(name, at)
    alone = len(parts) == 1
    for part in parts:
        if part.seen in COMMON:
            continue
        if not part.seen.isascii():  # of a script without spaces: no boundary would show
            at = next((word.written for word in words if len(part.seen) > 1 and part.seen in word.seen), None)
            yield from [Sighting(name, at)] if at else []
        elif part.is_ordinary or (alone and len(part.seen) < SHORTEST_PART):
            yield from _as_a_word(name, part, alone, words)
        elif len(part.seen) >= SHORTEST_PART:
            at = _part_in(part, words)
            yield from [Sighting(name, at)] if at else _in_pieces(name, part.seen, words)


def _wholes(parts: tuple[str, ...]) -> set[tuple[str, ...]]:
    """The name in every order, and a surname with the initials of the others."""
    if len(parts) < 2:
        return set()
    found = {*permutations(parts)} if len(parts) <= MOST_PARTS else {parts, parts[::-1]}
    for place, part in enumerate(parts):
        initials = tuple(other[0] for index, other in enumerate(parts) if index != place)
        if len(part) >= SHORTEST_PART:
            found |= {(*initials, part), (initials[0], part)}
            found |= {(part, *initials), (part, initials[0])} - {(part, "s")}  # "the king's garden"
    return found


def _whole_in(whole: tuple[str, ...], words: list[Word]) -> str | None:
    seen, run = [word.seen for word in words], "".join(whole)
    for start in range(len(seen) - len(whole) + 1):
        if tuple(seen[start : start + len(whole)]) == whole:
            return _text(words[start : start + len(whole)])
    if len(whole[-1]) == 1:  # an initial behind a surname is a word of its own, or it would be any ending
        return None
    if len(run) < SHORTEST_INSIDE:
        return next((word.written for word in words if word.seen == run and not word.is_ordinary), None)
    return _inside(run, words) or _across(run, words)


def _part_in(part: Word, words: list[Word]) -> str | None:
    """A part that is nobody's but the person's: as a word, with something glued to it, or taken apart."""
    glued = {part.seen, *(part.seen + affix for affix in AFFIXES), *(affix + part.seen for affix in AFFIXES)}
    for word in words:
        # "Alien" looks like "Allen" to a program, and to nobody who reads the word.
        if word.seen in glued and (not word.is_ordinary or word.spelled == part.spelled):
            return word.written
    return _inside(part.seen, words) or _across(part.seen, words)


def _inside(run: str, words: list[Word]) -> str | None:
    if len(run) < SHORTEST_INSIDE:
        return None
    return next((word.written for word in words if run in word.seen and not word.is_ordinary), None)


def _across(run: str, words: list[Word]) -> str | None:
    """Taken apart: `ho llie`, `h o l l i e`, `ho lliestyle`. Ordinary words that happen to touch do not count."""
    everything, starts = "", []
    for word in words:
        starts.append(len(everything))
        everything += word.seen
    ends = [*starts[1:], len(everything)]
    for match in re.finditer(f"(?={re.escape(run)})", everything):
        begin, end = match.start(), match.start() + len(run)
        spanned = [word for word, start, stop in zip(words, starts, ends, strict=True) if start < end and stop > begin]
        aligned = (begin in starts) + (end in ends)
        spelled = all(len(word.seen) == 1 for word in spanned)
        if len(spanned) < 2 or not (spelled or any(not word.is_ordinary for word in spanned)):
            continue
        # A short name in pieces of which one is a word, such as `an a`, is chance.
        short = len(run) < SHORTEST_INSIDE and not (spelled or not any(word.is_ordinary for word in spanned))
        if (aligned == 2 and not short) or (len(run) >= (SHORTEST_INSIDE if aligned else SHORTEST_ACROSS)):
            return _text(spanned)
    return None


def _in_pieces(name: str, run: str, words: list[Word]) -> Iterator[Sighting]:
    """A short name in pieces that are words, as `An A` for Ana: the name where nothing else is said, else chance."""
    if len(run) >= SHORTEST_INSIDE:
        return
    for start in range(len(words)):
        for end in range(start + 2, min(len(words), start + len(run)) + 1):
            spanned = words[start:end]
            if "".join(word.seen for word in spanned) == run:
                rest = {word.seen for word in (*words[:start], *words[end:])}
                yield Sighting(name, _text(spanned), is_certain=rest <= SAYS_NOTHING)


def _as_a_word(name: str, part: Word, alone: bool, words: list[Word]) -> Iterator[Sighting]:
    """A part that is an ordinary word, too. It is the name where it is disguised, where nothing else is said, and, if
    it is all of the name, where something is said to be its."""
    rest = {word.seen for word in words} - SAYS_NOTHING
    for place, word in enumerate(words):
        if word.seen not in (part.seen, f"{part.seen}s"):
            if alone and not word.is_ordinary and word.seen in {part.seen + end for end in BEHIND}:
                yield Sighting(name, word.written)
            continue
        if word.is_ordinary and word.spelled.rstrip("s") != part.spelled.rstrip("s"):
            continue
        before, behind = (words[place - 1].seen if place else ""), words[place + 1 : place + 2]
        its = before in BEFORE or bool(behind and behind[0].seen in {*BEHIND, "s"})
        certain = word.spelled.rstrip("s") != part.spelled.rstrip("s") or rest <= {word.seen} or (alone and its)
        yield Sighting(name, word.written, is_certain=certain)
    if part.seen in "".join(word.seen if len(word.seen) == 1 else " " for word in words).split():
        yield Sighting(name, " ".join(part.seen))


def _readings(text: str) -> Iterator[list[Word]]:
    """The words of a text: apart at every sign; with signs that stand for letters; apart at digits, too."""
    text = re.sub(f"{DIGEST}|{FINGERPRINT}", " ", text)
    seen = "".join(sign for sign in normal(text) if not _is_unseen(sign))
    if RIGHT_TO_LEFT & {*text}:
        seen += f" {seen[::-1]}"
    known: set[tuple[str, ...]] = set()
    for between in (r"[\W_]+", rf"(?:(?![{re.escape(SIGNS)}])[\W_])+", r"[\W\d_]+"):
        written = tuple(filter(None, re.split(between, seen)))
        if written not in known:
            known.add(written)
            words = [Word(word, skeleton(word)) for word in written]
            yield [word for word in words if word.seen]


@functools.lru_cache(maxsize=1 << 10)
def _spellings(name: str) -> tuple[tuple[Word, ...], ...]:
    """The parts of a name, also as Müller is written where there is no ü, and the other way round."""
    plain = unicodedata.normalize("NFC", name).casefold()
    ways = {name}
    for old, new in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("å", "aa"), ("ae", "a"), ("oe", "o"), ("ue", "u")):
        if old in plain:
            ways |= {plain.replace(old, new)}
    return tuple(tuple(next(_readings(way), [])) for way in sorted(ways))


def _text(words: list[Word]) -> str:
    return " ".join(word.written for word in words)


def _is_unseen(sign: str) -> bool:
    kind = unicodedata.category(sign)
    return kind in ("Cf", "Mn", "Me") or (kind == "Cc" and not sign.isspace())


@functools.cache
def _ordinary() -> frozenset[str]:
    lines = ORDINARY.read_text(encoding="utf-8").splitlines()
    words = {word for line in lines if not line.startswith("#") for word in line.split()} | {*OF_THE_TRADE, "a", "i"}
    return frozenset(words | {f"{word}s" for word in words} | {"an", "in", "on", "of", "at", "to", "is", "it", "or"})
