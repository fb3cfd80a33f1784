"""Does a release say of its base what can be shown, and nothing better?

A class other than unknown needs a ground that everybody can see: a digest that is known, or a signed statement on this
very base that goes along. Whose word counts is for whoever verifies to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from pathlib import Path

from handstyle.diffusion import base_provenance
from handstyle.diffusion.base_provenance import FILE, BaseProvenance
from handstyle.errors import RecordDamaged
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.publication import card
from handstyle.publication.provenance import ENVELOPE, Statement

CARD, STYLE = "README.md", "style.json"
LARGEST_CARD = 4 << 20  # bytes

Fault = tuple[str, str]  # where, words


def faults(folder: Path, statement: Statement, style: TrainedStyle) -> Iterator[Fault]:
    said, listed = statement.lineage.base_provenance, {file.path for file in statement.files}
    envelope = base_provenance.envelope_in(folder) if FILE in listed else None
    if said.base != statement.lineage.base:
        yield ENVELOPE, "speaks of the works behind another base than the style was trained on"
    signer = _signer(envelope)
    shown = base_provenance.provenance_of(statement.lineage.base, envelope, "", frozenset({signer} if signer else ()))
    if said.made_from != "unknown" and (said.made_from, said.because) != (shown.made_from, shown.because):
        yield ENVELOPE, f"says of its base that it was {said.made_from}, and nothing in the release shows it"
    if style.origin and said.made_from != "unknown":
        yield ENVELOPE, f"says that it was {said.made_from}, and the style goes on from a file that nobody knows"
    with (folder / CARD).open("rb") as file:
        text = file.read(LARGEST_CARD).decode("utf-8", "replace")
    if card.plain(said.words) not in text:
        yield CARD, "does not say what the base was made from in the words of the signed statement"


def seen(folder: Path, statement: Statement, trusted: Set[str]) -> BaseProvenance:
    """What the one who verifies knows of the base: another's word counts only if they named that person."""
    envelope = base_provenance.envelope_in(folder)
    found = base_provenance.provenance_of(statement.lineage.base, envelope, "", trusted)
    origin = TrainedStyle.load(folder / STYLE).origin
    return base_provenance.changed_by_another_tool(found, origin) if origin else found


def _signer(envelope: bytes | None) -> str | None:
    try:
        return base_provenance.opened(envelope)[1] if envelope is not None else None
    except RecordDamaged:
        return None
