"""How does one hostile picture come before `handstyle collect`?"""

from __future__ import annotations

from collections.abc import Callable

from tests.hostile.case import Case, End, Place, Words


def collecting(place: Place, *more: object) -> Words:
    """Everything that was given, by somebody who made it."""
    return ["collect", place.given, "--mine", "Ada", "--leave-out", "none", "-w", place.workspace, *more]


def picture(
    name: str, data: bytes | Callable[[], bytes], ends: End, file: str = "a boat.png", options: tuple[str, ...] = ()
) -> Case:
    """A folder with one picture in it; what is dear to make is made when its turn has come."""

    def make(place: Place) -> Words:
        place.write(file, data if isinstance(data, bytes) else data())
        return collecting(place, *options)

    return Case(name, make, ends)
