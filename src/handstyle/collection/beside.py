"""Under which permission may a folder beside the works be used: class images, further drawings?

It is collected as the works were, so the same is asked of it: every picture by one permission that is in force.
"""

from __future__ import annotations

from pathlib import Path

from handstyle.collection import intake
from handstyle.collection.imports import Wanted, folder_of
from handstyle.collection.intake import Gathered
from handstyle.collection.rights_plan import RIGHTS_FILE, RightsPlan
from handstyle.errors import RightsMissing


def collect_beside(
    folder: Path, rights: RightsPlan, *, background: str = "white", instead: str = "", wanted: Wanted = "works"
) -> Gathered:
    """Raises RightsMissing, with a way on for a command that takes no permission; `instead` is another."""
    try:
        return intake.gather(folder, rights=rights, background=background, validation=None, wanted=wanted)
    except RightsMissing as missing:
        raise RightsMissing(
            missing.what,
            faults=missing.faults,
            hint=f"Say in {folder_of(folder) / RIGHTS_FILE} whose they are and what was permitted, or put the signed "
            f"consent there: docs/collect.md shows how{instead}.",
        ) from missing
