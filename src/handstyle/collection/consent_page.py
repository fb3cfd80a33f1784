"""How does a consent look to a person who has never seen a terminal?

One file that can be opened, mailed and printed. In its frame stand the words that are signed, all of them and nothing
else; around it, how to answer. Pictures and file names are there to recognise the works by, outside the frame.
"""

from __future__ import annotations

import base64
import io
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from handstyle.collection.consent import Consent
from handstyle.collection.consent_words import Passage

PAGES = Path(__file__).parent / "pages"
THUMBNAIL = 240  # pixels of its longer side
WIDTH = 88  # letters in a line of plain text
GROUP = 8  # digits of a digest that are read in one go


class Recognisable(NamedTuple):
    """What helps a person to see which work is meant."""

    name: str
    picture: str = ""  # a data URI


def page(consent: Consent, works: Mapping[str, Recognisable] | None = None, *, file: str = "") -> str:
    """`works` is keyed by the digest of the pixels; `file` is what the consent is called where it is mailed along."""
    environment = Environment(
        loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    predicate, works = consent.statement.predicate, works or {}
    shown = [works.get(subject.of.pixels) for subject in consent.statement.subject]
    return environment.get_template("consent.html.jinja").render(
        stylesheet=Markup((PAGES / "consent.css").read_text(encoding="utf-8")),
        title=predicate.words[0].heading,
        passages=predicate.words,
        keeper=predicate.keeper,
        contact=predicate.contact,
        holders=predicate.holders,
        signed=consent.signed,
        keys_known=all(holder.key for holder in predicate.holders),
        digest=consent.digest,
        groups=[consent.digest[start : start + GROUP] for start in range(0, len(consent.digest), GROUP)],
        works=[(place, work) for place, work in enumerate(shown, 1) if work is not None],
        file=file,
    )


def thumbnail(image: Image.Image) -> str:
    small = image.convert("RGB")
    small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    small.save(data, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()


def _wrapped(line: str, behind: int) -> list[str]:
    """For a sheet of paper: every further line of a paragraph is indented, and digests stay whole."""
    return textwrap.wrap(line, WIDTH, subsequent_indent=" " * behind, break_long_words=False, break_on_hyphens=False)


def plain(passages: Sequence[Passage]) -> str:
    """The same words for a terminal or a letter."""
    lines: list[str] = []
    for passage in passages:
        lines += [passage.heading, "-" * len(passage.heading)]
        for line in passage.lines:
            lines += _wrapped(line, behind=2)
        for answer in passage.answers:
            more = f". {answer.more}" if answer.more else ""
            lines += _wrapped(f"[{answer.answer.upper():>3}] {answer.use}{more}", behind=6)
        lines.append("")
    return "\n".join(lines)
