"""Which works are there twice, or nearly?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from handstyle.collection.works import Collection, Work
from handstyle.records import Record

ALIKE = "near-duplicates.json"
MOST_NOTES = 10  # on near-duplicates, and as many on those that were parted


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


def notes_on_parted(alike: Mapping[str, str], collection: Collection) -> Iterator[str]:
    """Works that are kept back though one that looks nearly like them is trained on, as somebody chose."""
    trained: dict[str, str] = {}
    for work in collection.training:
        trained.setdefault(alike.get(work.name, work.name), work.name)
    twins = [(work.name, trained.get(alike.get(work.name, work.name))) for work in collection.withheld]
    parted = [(name, twin) for name, twin in twins if twin is not None]
    for name, twin in parted[:MOST_NOTES]:
        yield f"{name} is kept back and {twin}, which looks nearly like it, is trained on: {name} checks nothing"
    if len(parted) > MOST_NOTES:
        yield f"{len(parted) - MOST_NOTES} more are kept back though one that looks nearly like them is trained on"
