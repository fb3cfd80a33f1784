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
        self._reservations: dict[str, tuple[Reading, ...]] = {}

    def of(
        self, name: str, file_sha256: str, pixels_sha256: str, reservations: tuple[Reading, ...] = ()
    ) -> RightsRecord | None:
        """The one permission to train that is in force; None leaves a gap."""
        self._reservations[name] = reservations
        by_content = self._plan.rights_for_content(file_sha256, pixels_sha256)
        self._found[name] = (*self._found.get(name, ()), *by_content)
        return self.settled(name)

    def settled(self, name: str) -> RightsRecord | None:
        found = self._found[name]
        if len(found) != 1 or found[0].why_not("train", self._on):
            return None
        return None if overrides.standing(self._reservations.get(name, ()), found[0]) else found[0]

    def gaps(self) -> RightsGaps:
        """Of all names, as far as they have been looked at."""
        disputed = []
        for name, found in self._found.items():
            if len(found) > 1:
                disputed.append(Fault(name, f"{len(found)} permissions name it: let one `works` pattern cover it"))
            elif found and (reason := found[0].why_not("train", self._on)):
                disputed.append(Fault(name, reason))
        unmentioned = tuple(name for name, found in self._found.items() if not found)
        return RightsGaps(unmentioned, tuple(disputed), tuple(self._reserved()))

    def _reserved(self) -> Iterator[Fault]:
        """Also of works that nobody permits yet: what to ask for is told at once."""
        for name, readings in self._reservations.items():
            found = self._found[name]
            against = [overrides.refusal(one) for one in readings if one.objects] if not found else [
                refusal for rights in found[:1] for refusal in overrides.refusals(readings, rights)
            ]  # fmt: skip
            yield from (Fault(name, f"{one.words} (clause: {one.clause}); {one.next_step}") for one in against)
