"""Which permission covers which file of a folder?

One permission for all of them, or a `rights.toml` that says it file by file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any
from unicodedata import normalize

from pydantic import Field

from handstyle import digests
from handstyle.collection.rights import Evidence, RightsRecord
from handstyle.errors import RecordDamaged
from handstyle.records import load_toml

WILD = frozenset("*?[")


def _composed(name: str) -> str:
    return normalize("NFC", name)


@dataclass(frozen=True)
class Grant:
    """A permission, and the patterns of the file names it covers."""

    patterns: tuple[str, ...]
    rights: RightsRecord


@dataclass(frozen=True)
class RightsPlan:
    """Every permission at hand. Without any, no work is covered."""

    grants: tuple[Grant, ...] = ()
    written_in: Path | None = None
    documents: frozenset[Path] = frozenset()  # rights.toml and its evidence: never works themselves

    def rights_for(self, name: str) -> tuple[RightsRecord, ...]:
        """The different permissions that name this file; more than one is a contradiction somebody must settle."""
        # `*` also reaches into sub-folders: a person who writes "*.png" means all of them. A name in full always
        # names its file, also where it holds brackets, and however its accents are composed.
        name = _composed(name)
        covering = {*self._in_full.get(name, ()), *(place for matches, place in self._wild if matches.match(name))}
        return tuple(dict.fromkeys(self.grants[place].rights for place in sorted(covering)))

    @cached_property
    def _in_full(self) -> dict[str, list[int]]:
        """Names in full -> the places of their grants: looked up, for there may be as many as there are works."""
        places: dict[str, list[int]] = {}
        for place, grant in enumerate(self.grants):
            for pattern in grant.patterns:
                places.setdefault(_composed(pattern), []).append(place)
        return places

    @cached_property
    def _wild(self) -> list[tuple[re.Pattern[str], int]]:
        return [
            (re.compile(translate(_composed(pattern))), place)
            for place, grant in enumerate(self.grants)
            for pattern in grant.patterns
            if not WILD.isdisjoint(pattern)
        ]


def for_all(rights: RightsRecord) -> RightsPlan:
    return RightsPlan((Grant(("*",), rights),))


class _Entry(RightsRecord):
    """One `[[rights]]` table."""

    works: tuple[str, ...] = Field(min_length=1)


def read_rights_toml(path: Path) -> RightsPlan:
    """The permissions written in a `rights.toml`. Raises RecordDamaged with every fault at once."""
    tables, faults = _tables(load_toml(path))
    grants, documents = [], {path.resolve()}
    for number, table in enumerate(tables, 1):
        evidence, missing = _evidence(path.parent, table.get("evidence", ()))
        faults += [f"[[rights]] {number}: {fault}" for fault in missing]
        documents.update((path.parent / document.file).resolve() for document in evidence)
        try:
            entry = _Entry.read({**table, "evidence": evidence}, where=f"[[rights]] {number}")
        except RecordDamaged as invalid:
            if not missing:  # else the record only repeats that its evidence is missing
                faults += [f"[[rights]] {number}: {fault}" for fault in invalid.faults]
            continue
        grants.append(Grant(entry.works, RightsRecord(**entry.model_dump(exclude={"works"}))))
    if faults:
        raise RecordDamaged(f"{path} does not say clearly what is permitted", faults=faults, hint="Correct the file.")
    return RightsPlan(tuple(grants), path, frozenset(documents))


def _tables(content: dict[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    faults = [f"{key}: unknown key; everything stands below `[[rights]]`" for key in content if key != "rights"]
    tables = content.get("rights")
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        return [], [*faults, "there is no `[[rights]]` table"]
    return tables, faults


def _evidence(folder: Path, listed: object) -> tuple[tuple[Evidence, ...], list[str]]:
    """Evidence is a file beside the toml, or `{ file = "...", says = "..." }`; its digest is taken here."""
    found, faults = [], []
    for item in listed if isinstance(listed, list | tuple) else [listed]:
        table = {"file": item} if isinstance(item, str) else item
        if (
            not isinstance(table, dict)
            or not set(table) <= {"file", "says"}
            or not all(isinstance(said, str) for said in (table.get("file"), *table.values()))
        ):
            faults.append('evidence: write a file name, or { file = "letter.pdf", says = "what it shows" }')
            continue
        name, says = table["file"], table.get("says", "")
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts:
            faults.append(f"evidence: {name} must lie beside the file or below it")
            continue
        try:
            if not (folder / name).is_file():
                raise ValueError("there is no such file")
            if not (folder / name).resolve().is_relative_to(folder.resolve()):
                raise ValueError("it is a link out of the folder")  # and what is published goes along
            found.append(Evidence(file=name, sha256=digests.of_file(folder / name), says=says))
        except (OSError, ValueError) as error:
            faults.append(f"evidence: {name} cannot be read: {error}")
    return tuple(found), faults


def toml_to_add(names: Iterable[str]) -> str:
    """The lines that would give these files a permission in a `rights.toml`."""
    listed = json.dumps(list(names), ensure_ascii=False)  # JSON strings are TOML strings
    return f'[[rights]]\nworks = {listed}\nauthor = "NAME"\nbasis = "own-work"'
