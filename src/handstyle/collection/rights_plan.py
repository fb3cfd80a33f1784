"""Which permission covers which file of a folder?

One permission for all of them, or a `rights.toml` that says it file by file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fnmatch import translate
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any
from unicodedata import normalize

from pydantic import Field

from handstyle import digests
from handstyle.collection.consent import ENDING, Consent, read, require_everybody
from handstyle.collection.rights import Evidence, RightsRecord, from_consent
from handstyle.errors import RecordDamaged
from handstyle.records import load_toml

RIGHTS_FILE = "rights.toml"
WILD = frozenset("*?[")


def _composed(name: str) -> str:
    return normalize("NFC", name)


@dataclass(frozen=True)
class Grant:
    """A permission, and the patterns of the file names it covers."""

    patterns: tuple[str, ...]
    rights: RightsRecord


@dataclass(frozen=True)
class ConsentGrant:
    """A permission that names works by what they are, and the statement that gives it."""

    consent: Consent
    rights: RightsRecord


@dataclass(frozen=True)
class RightsPlan:
    """Every permission at hand. Without any, no work is covered."""

    grants: tuple[Grant, ...] = ()
    consents: tuple[ConsentGrant, ...] = ()
    written_in: Path | None = None
    documents: frozenset[Path] = frozenset()  # rights.toml and its evidence: never works themselves

    def rights_for(self, name: str) -> tuple[RightsRecord, ...]:
        """The different permissions that name this file; more than one is a contradiction somebody must settle."""
        # `*` also reaches into sub-folders: a person who writes "*.png" means all of them. A name in full always
        # names its file, also where it holds brackets, and however its accents are composed.
        name = _composed(name)
        covering = {*self._in_full.get(name, ()), *(place for matches, place in self._wild if matches.match(name))}
        return self._together(tuple(sorted(covering)))

    def _together(self, places: tuple[int, ...]) -> tuple[RightsRecord, ...]:
        """Found once: most works of a folder are covered alike, and to compare permissions takes a while."""
        if places not in self._found:
            self._found[places] = tuple(dict.fromkeys(self.grants[place].rights for place in places))
        return self._found[places]

    def rights_for_content(self, file_sha256: str, pixels_sha256: str) -> tuple[RightsRecord, ...]:
        """The consents that name this file, or these pixels."""
        return tuple(
            dict.fromkeys(
                grant.rights for grant in self.consents if grant.consent.statement.names(file_sha256, pixels_sha256)
            )
        )

    @cached_property
    def _found(self) -> dict[tuple[int, ...], tuple[RightsRecord, ...]]:
        return {}

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


def read_rights_toml(path: Path, *, unsigned: bool = False) -> RightsPlan:
    """The permissions written in a `rights.toml`. Raises RecordDamaged with every fault at once, and ConsentBroken
    while a signature is missing, unless `unsigned` consents are only looked at."""
    tables, faults = _tables(load_toml(path))
    grants: list[Grant] = []
    consents: list[ConsentGrant] = []
    documents = {path.resolve()}
    for number, table in enumerate(tables, 1):
        evidence, missing = _evidence(path.parent, table.get("evidence", ()))
        faults += [f"[[rights]] {number}: {fault}" for fault in missing]
        documents.update((path.parent / document.file).resolve() for document in evidence)
        try:
            if "consent" in table:
                consents.append(_consent(path.parent, table, evidence, unsigned=unsigned))
                documents.add((path.parent / str(table["consent"])).resolve())
                continue
            entry = _Entry.read({**table, "evidence": evidence}, where=f"[[rights]] {number}")
        except RecordDamaged as invalid:
            if not missing:  # else the record only repeats that its evidence is missing
                faults += [f"[[rights]] {number}: {fault}" for fault in invalid.faults]
            continue
        grants.append(Grant(entry.works, RightsRecord(**entry.model_dump(exclude={"works"}))))
    if faults:
        raise RecordDamaged(f"{path} does not say clearly what is permitted", faults=faults, hint="Correct the file.")
    return RightsPlan(tuple(grants), tuple(consents), path, frozenset(documents))


def in_folder(folder: Path, *, unsigned: bool = False) -> RightsPlan:
    """The `rights.toml` that lies in it, else the consents; without, no permission."""
    if (folder / RIGHTS_FILE).is_file():
        return read_rights_toml(folder / RIGHTS_FILE, unsigned=unsigned)
    return from_consents(sorted(folder.glob(f"*{ENDING}")) if folder.is_dir() else (), unsigned=unsigned)


def from_consents(paths: Iterable[Path], *, unsigned: bool = False) -> RightsPlan:
    """The permission of consents signed by everybody; each covers exactly the works it names."""
    found = {str(path): read(path) for path in paths}
    if not unsigned:
        require_everybody(found)
    return RightsPlan(consents=tuple(ConsentGrant(consent, from_consent(consent)) for consent in found.values()))


def _consent(folder: Path, table: dict[str, Any], evidence: tuple[Evidence, ...], *, unsigned: bool) -> ConsentGrant:
    """Raises RecordDamaged for what the statement says already, ConsentBroken where it does not hold."""
    name, on_paper = table["consent"], table.get("basis") == "written-permission"
    faults = [f"{key}: stands in the consent, so leave it out here"
              for key in table if key not in ("consent", "basis", "evidence")]  # fmt: skip
    if table.get("basis", "consent") not in ("consent", "written-permission"):
        faults.append("basis: a consent is signed (`consent`) or came back on paper (`written-permission`)")
    if on_paper and not evidence:
        faults.append("evidence: name the scan or photograph of the page that was signed by hand")
    if not isinstance(name, str) or not is_below(name):
        faults.append("consent: name a file beside this one or below it")
    if faults:
        raise RecordDamaged("the table does not fit its consent", faults=faults)
    consent = read(folder / name)
    if not on_paper and not unsigned:
        consent.require_everybody(name)
    return ConsentGrant(consent, from_consent(consent, evidence, on_paper=on_paper))


def is_below(name: str) -> bool:
    relative = PurePosixPath(name)
    return not relative.is_absolute() and ".." not in relative.parts and "\\" not in name and "\0" not in name


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
            or not set(table) <= {"file", "says", "seen"}
            or not all(isinstance(table.get(key, ""), str) for key in ("file", "says"))
            or "file" not in table
        ):
            faults.append('evidence: write a file name, or { file = "letter.pdf", says = "…", seen = 2026-05-03 }')
            continue
        name, says, seen = table["file"], table.get("says", ""), table.get("seen")
        if seen is not None and type(seen) is not date:
            faults.append(f"evidence: {name}: `seen` is a day, such as 2026-05-03")
            continue
        if not is_below(name):
            faults.append(f"evidence: {name} must lie beside the file or below it")
            continue
        try:
            if not (folder / name).is_file():
                raise ValueError("there is no such file")
            if not (folder / name).resolve().is_relative_to(folder.resolve()):
                raise ValueError("it is a link out of the folder")  # and what is published goes along
            found.append(Evidence(file=name, sha256=digests.of_file(folder / name), says=says, seen=seen))
        except (OSError, ValueError) as error:
            faults.append(f"evidence: {name} cannot be read: {error}")
    return tuple(found), faults


def toml_to_add(names: Iterable[str]) -> str:
    """The lines that would give these files a permission in a `rights.toml`."""
    listed = json.dumps(list(names), ensure_ascii=False)  # JSON strings are TOML strings
    return f'[[rights]]\nworks = {listed}\nauthor = "NAME"\nbasis = "own-work"'
