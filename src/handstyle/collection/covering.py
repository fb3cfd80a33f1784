"""Which permission covers a work: one that names its file, or one that names what it is?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from handstyle.collection import overrides
from handstyle.collection.listing import Fault
from handstyle.collection.reservation_values import Reading
from handstyle.collection.rights import RightsRecord
from handstyle.collection.rights_plan import RightsPlan
from handstyle.collection.scope import Act, Refusal


@dataclass(frozen=True)
class RightsGaps:
    """What stands between the works and their use for training."""

    unmentioned: tuple[str, ...]  # named by no permission
    disputed: tuple[Fault, ...]  # named by more than one, or by one that does not reach this far
    reserved: tuple[Fault, ...] = ()  # by its file or a note beside it, and no signed grant sets that aside

    def __bool__(self) -> bool:
        return bool(self.unmentioned or self.disputed or self.reserved)

    @property
    def pictures(self) -> int:
        return len({*self.unmentioned, *(fault.name for fault in (*self.disputed, *self.reserved))})


class Permissions:
    """By name they are known before a picture is read; by content, once `of` has seen its digests."""

    def __init__(self, names: Iterable[str], plan: RightsPlan, on: date) -> None:
        self._plan, self._on = plan, on
        self._found = {name: plan.rights_for(name) for name in names}
        self._digests: dict[RightsRecord, str] = {}
        self._reservations: dict[str, tuple[Reading, ...]] = {}
        self._named_by_content: set[str] = set()

    def of(
        self, name: str, file_sha256: str, pixels_sha256: str, reservations: tuple[Reading, ...] = ()
    ) -> RightsRecord | None:
        """The one permission to train that is in force; None leaves a gap."""
        self._reservations[name] = reservations
        found = self._found.setdefault(name, ())
        if by_content := self._plan.rights_for_content(file_sha256, pixels_sha256):
            self._named_by_content.add(name)
            self._found[name] = (*found, *by_content)
        return self.settled(name)

    def settled(self, name: str) -> RightsRecord | None:
        found = self._found[name]
        if len(found) != 1 or found[0].why_not("train", self._on):
            return None
        return None if self._refusals(name) else found[0]

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
                whose = ", ".join(rights.source_of_permission for rights in found)
                words = f"{len(found)} permissions name it: {whose} (clause: any); let one of them cover it"
                disputed.append(Fault(name, words))
            elif found:
                refusals = found[0].refusals(Act("train", self._on))
                disputed += [Fault(name, str(refusal)) for refusal in refusals]
        unmentioned = tuple(name for name, found in self._found.items() if not found)
        return RightsGaps(unmentioned, tuple(disputed), tuple(self._reserved()))

    def _reserved(self) -> Iterator[Fault]:
        """Also of works that nobody permits yet: what to ask for is told at once."""
        for name in self._reservations:
            for refusal in self._refusals(name):
                yield Fault(name, str(refusal))

    def _refusals(self, name: str) -> list[Refusal]:
        """A consent sets aside what the files say of the works it names, and of no others."""
        readings, found = self._reservations.get(name, ()), self._found[name]
        if found and (name in self._named_by_content or not overrides.sets_aside(found[0])):
            return overrides.refusals(readings, found[0])
        return [overrides.refusal(reading) for reading in readings if reading.objects]
