"""Which permission do the options of `handstyle collect` state?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from handstyle.errors import UsageMistake
from handstyle.terminal.values import at_most_one

if TYPE_CHECKING:
    from handstyle.collection.rights import Evidence
    from handstyle.collection.rights_plan import RightsPlan


@dataclass(frozen=True)
class StatedPermission:
    """What was typed. Own works, an open licence, signed consents, or a file for everything else."""

    mine: str | None = None
    licence: str | None = None
    author: str | None = None
    source: str | None = None
    evidence: Path | None = None
    rights: Path | None = None
    consent: Sequence[Path] | None = None
    choice: str | None = None
    seen: date | None = None

    def for_folder(self, folder: Path, *, unsigned: bool = False) -> RightsPlan:
        """Without any of them, the `rights.toml` of the folder, else the consents in it; without, no permission.

        `unsigned`: consents that lack a signature are looked at, too, to say everything that is missing at once.
        """
        from handstyle.collection import rights, rights_plan
        from handstyle.collection.imports import folder_of

        self._check()
        folder = folder_of(folder)
        if self.mine is not None:
            return rights_plan.for_all(rights.own_work(self.mine))
        if self.licence is not None:
            evidence = () if self.evidence is None else (evidence_near(folder, self.evidence, self.seen),)
            permission = rights.open_licence(self.licence, self.author or "", self.source or "", evidence, self.choice)
            documents = frozenset() if self.evidence is None else frozenset({self.evidence.resolve()})
            return rights_plan.RightsPlan(rights_plan.for_all(permission).grants, documents=documents)
        if self.consent:
            return rights_plan.from_consents(self.consent, unsigned=unsigned)
        if self.rights is not None:
            return rights_plan.read_rights_toml(self.rights, unsigned=unsigned)
        return rights_plan.in_folder(folder, unsigned=unsigned)

    def _check(self) -> None:
        stated = {"--mine": self.mine, "--licence": self.licence, "--rights": self.rights, "--consent": self.consent}
        at_most_one(stated)
        goes_along = {"--author": self.author, "--source": self.source, "--evidence": self.evidence,
                      "--licence-choice": self.choice, "--seen": self.seen}  # fmt: skip
        if self.licence is None:
            faults = [f"{option} goes with --licence" for option, value in goes_along.items() if value is not None]
        else:
            faults = [f"--licence needs {option}" for option in ("--author", "--source") if not goes_along[option]]
        if faults:
            raise UsageMistake(
                "the permission is not stated completely",
                faults=faults,
                hint='Write for example --licence CC-BY-4.0 --author "NAME" --source https://…, or --mine "NAME".',
            )


def evidence_near(folder: Path, file: Path, seen: date | None = None) -> Evidence:
    """A record never holds the paths of one machine, so evidence lies with the works or in the folder above."""
    from handstyle import digests
    from handstyle.collection.rights import Evidence

    for place in (folder.resolve(), folder.resolve().parent):
        if file.resolve().is_relative_to(place) and file.is_file():
            return Evidence(file=file.resolve().relative_to(place).as_posix(), sha256=digests.of_file(file), seen=seen)
    raise UsageMistake(
        f"--evidence {file} is no file in {folder} or in the folder above it",
        hint="Put it there: it is looked for again when a style is published.",
    )
