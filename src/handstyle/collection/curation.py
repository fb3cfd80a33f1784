"""Which works are there twice, or nearly?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from handstyle.collection.works import Work
from handstyle.records import Record

ALIKE = "near-duplicates.json"
MOST_NOTES = 10  # on near-duplicates


class Alike(Record):
    """What is said beside a collection: each work that looks nearly like an earlier one, and that one."""

    works: dict[str, str]


def duplicates(works: Iterable[Work]) -> dict[str, str]:
    """Each work that shows exactly the pixels of an earlier one -> the name of that earlier one."""
    first: dict[str, str] = {}
    return {
        work.name: earlier
        for work in works
        if (earlier := first.setdefault(work.pixels_sha256, work.name)) != work.name
    }


def notes_on(alike: Mapping[str, str], path: Path) -> Iterator[str]:
    for name, earlier in islice(alike.items(), MOST_NOTES):
        yield f"{name} looks nearly like {earlier}"
    if len(alike) > MOST_NOTES:
        yield f"{len(alike) - MOST_NOTES} more look nearly like an earlier one; {path} names them all"
