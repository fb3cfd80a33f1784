"""What do the files of a folder show, read by one process or by several?

Small folders are read here, larger ones by a few processes beside; either way in order, with the same answers.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path

from handstyle.collection.pixels import Unfit
from handstyle.collection.reading import Memory, Shown, look_at

FEWEST_PICTURES, FEWEST_BYTES = 200, 16 << 20  # with less, other processes have hardly started when all is read
MEMORY_BESIDE = 512 << 20  # bytes, for the largest picture that another process reads (docs/collect.md)


def look_at_all(
    folder: Path,
    names: Sequence[str],
    page: tuple[int, int, int],
    memory: Memory,
    processes: int | None = None,
) -> Generator[Shown | Unfit]:
    """One answer a name, in their order. `processes` says how many read; else what fits the folder and the machine."""
    number = processes_for(folder, names) if processes is None else processes
    return _here(folder, names, page, memory) if number < 2 else _beside(folder, names, page, memory, number)


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
