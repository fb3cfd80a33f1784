"""Works with a consent, collected, and a keeper who has a log: what attacks on withdrawals start from."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "collection"))  # what consents are made from in tests

from consents import ADA, ADA_HOLDS, PRESS_HOLDS, asked

from handstyle import logkeeping, stages, withdrawing
from handstyle.collection import consent
from handstyle.collection.consent import Consent
from handstyle.collection.rights_plan import RightsPlan, for_all, from_consents
from handstyle.collection.terms import Named, statement
from handstyle.consenting import look_at
from handstyle.keys import KeySigner
from handstyle.results import Collected
from handstyle.workspace import House, Workspace

DRAFTED, SINCE, AFTER = date(2020, 3, 1), date(2020, 6, 1), date(2020, 7, 1)


@dataclass
class Desk:
    """A keeper's desk. Nothing on it needs torch."""

    place: Path
    works: Path

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.place / "workspace")

    @property
    def house(self) -> House:
        return House.here()

    def consent(
        self,
        on: date = DRAFTED,
        holders: Sequence[dict[str, Any]] = (ADA_HOLDS,),
        signers: Sequence[KeySigner] = (ADA,),
        name: str = "ada",
        of: Path | None = None,
        **scope: Any,
    ) -> Path:
        """Signed by all of `signers`, in a file."""
        found = look_at(of or self.works, "white", pictures=False)[0]
        named = [Named(one.name, one.file, one.pixels) for one in found]
        wanted = asked(*holders, **{"bases": ["any"], "valid_from": date(2020, 1, 1), "valid_until": None, **scope})
        made: Consent = consent.drafted(statement(wanted, named, background="white", on=on, beside=Path()))
        for signer in signers:
            made = consent.signed(made, signer)
        path = self.place / f"{name}.consent.json"
        path.write_bytes(made.data)
        return path

    def collect(self, *consents: Path, plan: RightsPlan | None = None, **how: Any) -> Collected:
        rights = plan or from_consents(list(consents))
        return stages.collect(how.pop("workspace", self.workspace), self.works, rights, validation=None, **how)

    def start_log(self) -> None:
        logkeeping.start(self.place / "log", "studio.example/log", self.house)

    def taken_back(self, file: Path, signer: KeySigner = ADA, on: date = SINCE) -> Path:
        return Path(withdrawing.sign(file, signer, on=on).file)

    def enter(self, file: Path, *search: Path) -> withdrawing.Entered:
        from handstyle.publication import withdrawal

        places = withdrawing.workspaces_known(self.workspace, self.house)
        return withdrawing.enter(withdrawal.read(file), places, self.house, search)

    def on_written_word(self, holder: str, on: date = SINCE, **how: Any) -> withdrawing.Entered:
        letter = self.place / "letter.txt"
        letter.write_text("Please stop.", encoding="utf-8")
        places = withdrawing.workspaces_known(self.workspace, self.house)
        signer = withdrawing.own_signer(None)
        taken = withdrawing.on_written_word(holder, letter, signer, places, on=on, **how)
        return withdrawing.enter(taken, places, self.house)


__all__ = ["ADA", "ADA_HOLDS", "AFTER", "DRAFTED", "PRESS_HOLDS", "SINCE", "Desk", "for_all"]
