"""What do the files of a folder show?

Small folders are read here, larger ones by a few processes; either way in order, with the same answers. What a journal
remembers is not decoded again, if the file still has the very bytes.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, get_args

from handstyle import digests
from handstyle.collection.fingerprints import Fingerprint, fingerprint
from handstyle.collection.formats import FileFormat
from handstyle.collection.pixels import MOST_PIXELS, Unfit, picture_in, read_file

FEWEST_PICTURES, FEWEST_BYTES = 200, 16 << 20  # with less, other processes have hardly started when all is read
# Of a picture that is read by another process; larger ones are read here, one after the other.
MOST_PIXELS_BESIDE, MOST_BYTES_BESIDE = 16 << 20, 64 << 20
MEMORY_BESIDE = 512 << 20  # bytes, which a process needs for the largest of those pictures


@dataclass(frozen=True, slots=True)
class Shown:
    """What a file shows, as far as it is remembered."""

    file_format: FileFormat
    file_sha256: str
    pixels_sha256: str
    width: int
    height: int
    looks: Fingerprint | None

    def as_json(self) -> list[Any]:
        looks = [self.looks.structure, *self.looks.colour] if self.looks else None
        return [self.file_format, self.file_sha256, self.pixels_sha256, self.width, self.height, looks]

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Raises ValueError or TypeError for what `as_json` does not write."""
        kind, file, pixels, width, height, looks = value
        if kind not in get_args(FileFormat) or not all(len(bytes.fromhex(digest)) == 32 for digest in (file, pixels)):
            raise ValueError("it is no picture that was read")
        if not all(type(number) is int and number > 0 for number in (width, height)):
            raise ValueError("it has no size")
        return cls(kind, file, pixels, width, height, _look(*looks) if looks else None)


def _look(structure: int, red: int, green: int, blue: int) -> Fingerprint:
    bytes((red, green, blue))  # or it is no colour
    structure.to_bytes(8)
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
    """What a file shows; `known` where it is that of these very bytes. Raises Unfit, or TooHeavy."""
    data, kind = read_file(path)
    file_sha256 = digests.of_bytes(data)
    if known is not None and (known.file_format, known.file_sha256) == (kind, file_sha256):
        return known
    picture = picture_in(data, kind, page, file_sha256, most_pixels)
    return Shown(kind, file_sha256, picture.pixels_sha256, *picture.image.size, fingerprint(picture.image))


def look_at_all(
    folder: Path,
    names: Sequence[str],
    page: tuple[int, int, int],
    memory: Memory,
    processes: int | None = None,
) -> Generator[Shown | Unfit]:
    """One answer a name, in their order. `processes` says how many read; else what fits the folder and the machine."""
    number = processes_for(folder, names) if processes is None else processes
    reading = _here(folder, names, page, memory) if number < 2 else _beside(folder, names, page, memory, number)
    with closing(reading):
        for name, shown in zip(names, reading, strict=True):
            if isinstance(shown, Shown):
                memory.keep(name, shown)
            yield shown


def processes_for(folder: Path, names: Sequence[str]) -> int:
    """As many as there are cores and as the memory holds; one where another is not worth its start."""
    if len(names) < FEWEST_PICTURES or not _has_bytes(folder, names, FEWEST_BYTES):
        return 1
    import psutil

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, psutil.virtual_memory().available // MEMORY_BESIDE))


def _has_bytes(folder: Path, names: Sequence[str], wanted: int) -> bool:
    for name in names:
        try:
            wanted -= (folder / name).stat().st_size
        except OSError:
            continue  # which reading will find and tell
        if wanted <= 0:
            return True
    return False


def _here(folder: Path, names: Sequence[str], page: tuple[int, int, int], memory: Memory) -> Generator[Shown | Unfit]:
    for name in names:
        yield _seen(folder, name, page, memory)


def _seen(folder: Path, name: str, page: tuple[int, int, int], memory: Memory) -> Shown | Unfit:
    try:
        return look_at(folder / name, page, memory.recall(name))
    except Unfit as unfit:
        return unfit


def _beside(
    folder: Path, names: Sequence[str], page: tuple[int, int, int], memory: Memory, number: int
) -> Generator[Shown | Unfit]:
    from handstyle.collection.reading_processes import readings

    asked = ((name, memory.recall(name)) for name in names)
    with closing(readings(folder, asked, page, number)) as answers:
        for name, answer in zip(names, answers, strict=True):
            yield _seen(folder, name, page, memory) if answer is None else answer
