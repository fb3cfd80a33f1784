"""How does what was found of a picture and the works that shaped it become one page?"""

from __future__ import annotations

from pathlib import Path

from handstyle.inspection.influence import Influence
from handstyle.inspection.one_file import document, loaded

SHOWN = 6  # works beside the picture; the others are in the table


def page(found: Influence, pictures: Path) -> str:
    """For those at home: it shows works that may not be shown in public. Raises RecordDamaged for missing pictures."""
    files = [found.picture.file, *(one.picture.file for one in found.works)]
    return document(
        "influence.html.jinja",
        loaded(files, pictures, "handstyle influence"),
        style="doctor.css",
        found=found,
        shown=found.works[:SHOWN],
        by_trainings=found.order_is_by == "trainings",
        known=[score for score in found.scores if score.agreement],
    )
