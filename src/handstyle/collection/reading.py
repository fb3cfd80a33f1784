"""What does a file show, as far as a work remembers it?

What was read before is not decoded again, if the file still has the very bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, Self, get_args

from handstyle import digests
from handstyle.collection.embedded_reservations import readings_in
from handstyle.collection.fingerprints import BITS, Fingerprint, fingerprint
from handstyle.collection.formats import FileFormat
from handstyle.collection.pixels import MOST_PIXELS, picture_in, read_file
from handstyle.collection.reservation_values import Reading

DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a file shows, as far as it is remembered."""

    file_format: FileFormat
    file_sha256: str
    pixels_sha256: str
    width: int
    height: int
    looks: Fingerprint | None
    reservations: tuple[Reading, ...] = ()

    def as_json(self) -> list[Any]:
        looks = [self.looks.structure, *self.looks.colour] if self.looks else None
        reservations = [reading.model_dump() for reading in self.reservations]
        return [self.file_format, self.file_sha256, self.pixels_sha256, self.width, self.height, looks, reservations]

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Raises ValueError or TypeError for what `as_json` does not write."""
        kind, file, pixels, width, height, looks, reservations = value
        if kind not in get_args(FileFormat) or not all(DIGEST.fullmatch(digest) for digest in (file, pixels)):
            raise ValueError("it is no picture that was read")
        if not all(type(number) is int and number > 0 for number in (width, height)):
            raise ValueError("it has no size")
        readings = tuple(Reading.model_validate(reading) for reading in reservations)
        return cls(kind, file, pixels, width, height, _look(*looks) if looks else None, readings)


def _look(structure: int, red: int, green: int, blue: int) -> Fingerprint:
    bytes((red, green, blue))  # or it is no colour
    if type(structure) is not int or not 0 <= structure < 1 << BITS:
        raise ValueError("it is no fingerprint")
    return Fingerprint(structure, (red, green, blue))


class Memory(Protocol):
    """What was read before."""

    def recall(self, name: str) -> Shown | None: ...
    def keep(self, name: str, shown: Shown) -> None: ...


class NoMemory:
    def recall(self, name: str) -> Shown | None:
        return None

    def keep(self, name: str, shown: Shown) -> None:
        pass


def look_at(
    path: Path, page: tuple[int, int, int], known: Shown | None = None, most_pixels: int = MOST_PIXELS
) -> Shown:
    """What a file shows; `known` where it is that of these very bytes. Raises Unfit, or TooHeavy.

    What the bytes reserve is read from them each time, whatever is remembered of the pixels.
    """
    data, kind = read_file(path)
    file_sha256 = digests.of_bytes(data)
    if known is not None and (known.file_format, known.file_sha256) == (kind, file_sha256):
        return replace(known, reservations=readings_in(data, kind))
    picture = picture_in(data, kind, page, file_sha256, most_pixels)
    seen = fingerprint(picture.image)
    return Shown(kind, file_sha256, picture.pixels_sha256, *picture.image.size, seen, picture.reservations)
