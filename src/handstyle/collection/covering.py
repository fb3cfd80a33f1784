"""Which permission covers a work: one that names its file, or one that names what it is?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from handstyle.collection.listing import Fault
from handstyle.collection.rights import RightsRecord
from handstyle.collection.rights_plan import RightsPlan


@dataclass(frozen=True)
class RightsGaps:
    """What stands between the works and their use for training."""

    unmentioned: tuple[str, ...]  # named by no permission
    disputed: tuple[Fault, ...]  # named by more than one, or by one that does not reach this far

    def __bool__(self) -> bool:
        return bool(self.unmentioned or self.disputed)


class Permissions:
    """By name they are known before a picture is read; by content, once `of` has seen its digests."""

    def __init__(self, names: Iterable[str], plan: RightsPlan, on: date) -> None:
        self._plan, self._on = plan, on
        self._found = {name: plan.rights_for(name) for name in names}
        self._digests: dict[RightsRecord, str] = {}

    def of(self, name: str, file_sha256: str, pixels_sha256: str) -> RightsRecord | None:
        """The one permission to train that is in force; None leaves a gap."""
        found = self._found.setdefault(name, ())
        if by_content := self._plan.rights_for_content(file_sha256, pixels_sha256):
            self._found[name] = (*found, *by_content)
        return self.settled(name)

    def settled(self, name: str) -> RightsRecord | None:
        found = self._found[name]
        return found[0] if len(found) == 1 and not found[0].why_not("train", self._on) else None

    def digest_of(self, record: RightsRecord) -> str:
        """Taken once, and not for each work anew."""
        if record not in self._digests:
            self._digests[record] = record.digest
        return self._digests[record]

    def in_use(self, names: Iterable[str]) -> dict[str, RightsRecord]:
        """Digest -> permission, of those that settle these works."""
        return {self.digest_of(record): record for name in names if (record := self.settled(name))}

    def gaps(self) -> RightsGaps:
        """Of all names, as far as they have been looked at."""
        disputed = []
        for name, found in self._found.items():
            if len(found) > 1:
                disputed.append(Fault(name, f"{len(found)} permissions name it: let one `works` pattern cover it"))
            elif found and (reason := found[0].why_not("train", self._on)):
                disputed.append(Fault(name, reason))
        unmentioned = tuple(name for name, found in self._found.items() if not found)
        return RightsGaps(unmentioned, tuple(disputed))
