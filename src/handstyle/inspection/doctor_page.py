"""How does what the doctor found become one page?"""

from __future__ import annotations

from pathlib import Path

from handstyle.inspection.doctor import KINDS, Checked, Kind
from handstyle.inspection.harm import Harm
from handstyle.inspection.one_file import document, loaded

TITLES: dict[Kind, tuple[str, str]] = {
    "near-duplicate": ("Nearly alike", "One of two is enough. What is there twice is learnt by heart first."),
    "mirrored copy": ("Mirrored copies", "The same drawing the other way round."),
    "too small": ("Too small", "They are enlarged for the training. Look for a larger original."),
    "cropped": ("Badly cropped", "The frame is what training sees. Crop the drawing yourself, or leave it out."),
    "unlike the others": ("Unlike the others", "Another technique, a slip? Or what makes the set rich: only you know."),
    "caption": ("Words that may not fit", "A caption says what is shown and not how it is drawn."),
}  # fmt: skip


def page(found: Checked, pictures: Path) -> str:
    """For those at home: it shows works that may not be shown in public. Raises RecordDamaged for missing pictures."""
    images = loaded((one.picture.file for one in found.seen), pictures, "handstyle doctor")
    groups = [
        {"kind": kind, "title": TITLES[kind][0], "why": TITLES[kind][1], "findings": of_kind}
        for kind in KINDS
        if (of_kind := [finding for finding in found.findings if finding.kind == kind])
    ]
    return document(
        "doctor.html.jinja",
        images,
        style="doctor.css",
        found=found,
        groups=groups,
        seen={one.name: one for one in found.seen},
        without=without_line(found.without),
        line=lambda name: without_line([name]),
    )


def without_line(names: list[str] | tuple[str, ...]) -> str:
    """What is added to `handstyle collect`, as a shell reads it."""
    import shlex

    return " ".join(f"--without {shlex.quote(name)}" for name in names)


def harm_page(found: Harm, pictures: Path) -> str:
    """After the training: the works whose groups did harm."""
    images = loaded((one.picture.file for one in found.works), pictures, "handstyle doctor --influence")
    return document(
        "harm.html.jinja",
        images,
        style="doctor.css",
        found=found,
        suspects=[one for one in found.works if one.is_suspect],
        without=without_line(found.suspects),
        line=lambda name: without_line([name]),
    )
