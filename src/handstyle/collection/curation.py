"""Which works are there twice?"""

from __future__ import annotations

from collections.abc import Iterable

from handstyle.collection.works import Work


def duplicates(works: Iterable[Work]) -> dict[str, str]:
    """Each work that shows exactly the pixels of an earlier one -> the name of that earlier one."""
    first: dict[str, str] = {}
    return {
        work.name: earlier
        for work in works
        if (earlier := first.setdefault(work.pixels_sha256, work.name)) != work.name
    }
