"""What do notes that lie beside pictures reserve?

`tdmrep.json`, `license.xml`, `robots.txt`, `ai.txt`, `noai` and `reservations.toml`, in the folder of a picture or in
one above it up to the root of the collection; and the `.xmp` or `.c2pa` of a single picture. Nothing they link to is
opened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import Field

from handstyle import digests
from handstyle.collection import content_credentials, embedded_reservations, rsl_licences
from handstyle.collection.formats import FileFormat
from handstyle.collection.one_line import Line
from handstyle.collection.paths_of_a_site import Rule, applicable
from handstyle.collection.reservation_values import Reading, Signal, aipref, reading, tdmrep
from handstyle.errors import HandstyleError
from handstyle.records import LARGEST_TOML, Record, read_whole, toml_in

LARGEST = 4 << 20  # bytes
WELL_KNOWN = ".well-known"
TEXTS = frozenset({"robots.txt", "ai.txt", "noai.txt"})  # which are no captions
OWN = "reservations.toml"

# Crawlers that fetch for training. Who is told to stay away here is told not to train.
TRAINERS = frozenset(
    "gptbot google-extended ccbot anthropic-ai claudebot claude-web bytespider applebot-extended meta-externalagent "
    "facebookbot cohere-ai cohere-training-data-crawler diffbot omgili omgilibot img2dataset ai2bot amazonbot "
    "spawning-ai laionbot pangubot webzio-extended".split()
)

Answer = Callable[[str], list[Reading]]  # of a picture's path below the folder of the note, which begins with a slash


class Reserved(Record):
    """A table of `reservations.toml`: what whoever made the pictures says about them."""

    works: tuple[str, ...] = Field(min_length=1)
    signal: Literal["noai", "cloak"]
    says: Line


class _Own(Record):
    reserved: tuple[Reserved, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Notes:
    """The notes of one folder tree, each read once."""

    root: Path
    _of: dict[PurePosixPath, list[Answer]] = field(default_factory=dict)
    _beside: dict[PurePosixPath, dict[str, Path]] = field(default_factory=dict)

    def of(self, name: str, kind: FileFormat) -> tuple[Reading, ...]:
        """Of a picture by its name below the root."""
        path = PurePosixPath(name)
        found: list[Reading] = []
        for folder in path.parents:
            if folder not in self._of:
                self._of[folder] = list(_notes_in(self.root / folder, folder))
            for answer in self._of[folder]:
                found += answer(f"/{path.relative_to(folder)}")
        if path.parent not in self._beside:
            self._beside[path.parent] = _sidecars_in(self.root / path.parent)
        own = _sidecars(self.root / path.parent, self._beside[path.parent], path, kind)
        return tuple(dict.fromkeys([*own, *found]))


def _notes_in(folder: Path, shown: PurePosixPath) -> Iterator[Answer]:
    for place in (folder, folder / WELL_KNOWN):
        try:
            entries = sorted(place.iterdir()) if place.is_dir() else []
        except OSError as error:
            words = f"the folder cannot be opened ({error.strerror})"
            yield _always([reading("metadata", (shown / place.name).as_posix(), words, "not readable")])
            continue
        for entry in entries:
            read = READERS.get(entry.name.lower()) or (_rsl if entry.suffix.lower() == ".rsl" else None)
            if read is None or (entry.name.lower() in TEXTS and _is_caption(entry)):
                continue
            where = (shown / entry.relative_to(folder)).as_posix()
            try:
                yield read(read_whole(entry, LARGEST), where)
            except (OSError, ValueError, RecursionError, HandstyleError) as error:
                signal = SIGNALS_OF[read]
                yield _always([reading(signal, where, f"it cannot be read: {error}", "not readable")])


def _is_caption(path: Path) -> bool:
    """`robots.txt` beside `robots.png` holds its words, unless it gives orders to robots."""
    if not is_beside_its_picture(path.name, {other.name for other in path.parent.iterdir()}):
        return False
    try:
        return not ORDER.search(read_whole(path, LARGEST))
    except (OSError, ValueError):
        return False


def is_beside_its_picture(name: str, others: set[str]) -> bool:
    stem = PurePosixPath(name).stem
    return any(PurePosixPath(other).stem == stem and PurePosixPath(other).suffix.lower() != ".txt" for other in others)


def _always(found: list[Reading]) -> Answer:
    return lambda _: found


def _tdmrep(data: bytes, where: str) -> Answer:
    entries = json.loads(data.decode("utf-8-sig"), object_pairs_hook=digests.once)
    entries = [entries] if isinstance(entries, dict) else entries
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("it is no list of rules")
    rules = [Rule(str(entry.get("location", "/")), entry) for entry in entries]
    if not rules:
        raise ValueError("it holds no rule")

    def answer(path: str) -> list[Reading]:
        found = []
        for location, entry in applicable(rules, path):
            reservation, policy = entry.get("tdm-reservation"), entry.get("tdm-policy")
            words = f"tdm-reservation: {json.dumps(reservation)}" + (f", tdm-policy: {policy}" if policy else "")
            says = "open" if reservation is None and not policy else tdmrep(reservation, policy)
            found.append(reading("tdmrep", f"{where}, location {location}", words, says))
        return found

    return answer


def _rsl(data: bytes, where: str) -> Answer:
    return lambda path: rsl_licences.readings(data, where, path)


ORDER = re.compile(rb"^[ \t]*(?:user-agent|disallow|allow|content-usage|content-signal|license)[ \t]*:", re.I | re.M)


def _robots(data: bytes, where: str) -> Answer:
    """RFC 9309 with `Content-Usage` (AIPREF), `Content-Signal` and `License` (RSL), and crawlers that train."""
    rules: list[Rule[list[Reading]]] = []
    stays_away: list[Rule[list[Reading]]] = []
    agents: list[str] = []
    fresh = True  # whether the next User-agent adds to the group or begins one
    for number, (key, value) in _orders(data):
        at = f"{where} line {number}"
        if key == "user-agent":
            agents = [*([] if fresh else agents), value.lower()]
            fresh = False
            continue
        fresh = True
        if key in ("content-usage", "content-signal"):
            path, terms = _path_and_terms(value)
            found = [reading("aipref", at, f"{key}: {term}", says) for term, says in aipref(terms)]
            rules += [Rule(path, found)] if found else []
        elif key == "license":
            words = f"License: {value}: the licence lies elsewhere, and nothing is fetched"
            rules.append(Rule("/", [reading("rsl", at, words, "not readable")]))
        elif key == "disallow" and value and set(agents) & TRAINERS:
            words = f"User-agent: {', '.join(agents)}; Disallow: {value}"
            stays_away.append(Rule(value, [reading("noai", at, words, "reserved")]))
    return lambda path: [one for group in (rules, stays_away) for rule in applicable(group, path)
                         for one in rule.content]  # fmt: skip


def _ai_txt(data: bytes, where: str) -> Answer:
    """Spawning's opt-out file: `Disallow` and `Allow` with kinds of files or paths."""
    orders = [(number, key, value) for number, (key, value) in _orders(data) if key in ("disallow", "allow")]
    if not orders:
        raise ValueError("it holds neither Disallow nor Allow")
    refused = [(number, value) for number, key, value in orders if key == "disallow" and value]

    def answer(path: str) -> list[Reading]:
        return [
            reading("noai", f"{where} line {number}", f"Disallow: {value}", "reserved")
            for number, value in refused
            if value in ("/", "*") or fnmatchcase(path.lower(), f"*{value.lower()}*")
        ]

    return answer


def _noai(data: bytes, where: str) -> Answer:
    return _always([reading("noai", where, data.decode("utf-8", "replace").strip() or "it is there", "reserved")])


def _own(data: bytes, where: str) -> Answer:
    tables = _Own.read(toml_in(data[:LARGEST_TOML].decode("utf-8")), where=where).reserved

    def answer(path: str) -> list[Reading]:
        return [
            reading(table.signal, f"{where}, [[reserved]] {number}", table.says, "reserved")
            for number, table in enumerate(tables, 1)
            if any(fnmatchcase(path.removeprefix("/"), pattern) for pattern in table.works)
        ]

    return answer


READERS: dict[str, Callable[[bytes, str], Answer]] = {
    "tdmrep.json": _tdmrep, "license.xml": _rsl, "licence.xml": _rsl, "rsl.xml": _rsl, "robots.txt": _robots,
    "ai.txt": _ai_txt, "noai": _noai, ".noai": _noai, "noai.txt": _noai, OWN: _own,
}  # fmt: skip
SIGNALS_OF: dict[Callable[[bytes, str], Answer], Signal] = {
    _tdmrep: "tdmrep", _rsl: "rsl", _robots: "aipref", _ai_txt: "noai", _noai: "noai", _own: "noai",
}  # fmt: skip


def _orders(data: bytes) -> Iterator[tuple[int, tuple[str, str]]]:
    for number, line in enumerate(data.decode("utf-8-sig").splitlines(), 1):
        key, colon, value = line.split("#", 1)[0].partition(":")
        if colon:
            yield number, (key.strip().lower(), value.strip())


def _path_and_terms(value: str) -> tuple[str, str]:
    """`/drawings/ train-ai=n`, or the terms alone."""
    first, _, rest = value.partition(" ")
    return (first, rest) if first.startswith("/") else ("/", value)


def _sidecars(folder: Path, beside: Mapping[str, Path], path: PurePosixPath, kind: FileFormat) -> Iterator[Reading]:
    """`cat.xmp` or `cat.png.xmp` beside `cat.png`, and the same with `.c2pa`."""
    for ending in (".xmp", ".c2pa"):
        for name in (path.stem + ending, path.name + ending):
            note = beside.get(name.lower())
            if note is None:
                continue
            where = (path.parent / note.name).as_posix()
            try:
                data = read_whole(note, LARGEST)
                if ending == ".xmp":
                    yield from embedded_reservations.in_xmp(data, where)
                else:
                    yield from content_credentials.readings((folder / path.name).read_bytes(), kind, where, data)
            except (OSError, ValueError) as error:
                yield reading("metadata", where, f"it cannot be read: {error}", "not readable")


def _sidecars_in(folder: Path) -> dict[str, Path]:
    try:
        return {entry.name.lower(): entry for entry in folder.iterdir() if entry.suffix.lower() in (".xmp", ".c2pa")}
    except OSError:  # which `_notes_in` tells
        return {}
