"""May a picture be made from this one, and what does the new one say of it?

A consent speaks of training. What a picture was made from is another question, and nobody has answered it by that: a
work under somebody's consent is edited on their word alone. Of most pictures nothing is known here; then it is for
whoever draws to know, and the new picture's record says that it was so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handstyle.collection.works import Collection, Work
from handstyle.errors import GateClosed, RecordDamaged, RightsMissing, UsageMistake
from handstyle.workspace import House, Workspace

if TYPE_CHECKING:
    from handstyle.diffusion.family import ModelFamily
    from handstyle.generation.edits import Canvas, Prepared
    from handstyle.generation.request import Edit, Margins
    from handstyle.generation.signature import MadeFrom

ASK = (
    "Ask whoever made it. With their word, say whose it is and how they gave it: "
    '--source-permission "by Ada Example, in writing, 2026-11-20".'
)


@dataclass(frozen=True)
class Asked:
    """What somebody wants to be made of which picture."""

    source: Path
    mask: Path | None = None
    margins: Margins | None = None
    strength: float | None = None
    resamples: int | None = None
    permission: str = ""

    @property
    def kind(self) -> str:
        return "inpainting" if self.mask else "outpainting" if self.margins else "variation"


@dataclass(frozen=True)
class Editing:
    """The canvas that is painted on, how it is recorded, and what has to be said of the picture it began as."""

    canvas: Canvas
    edit: Edit
    words: str

    @property
    def settings(self) -> dict[str, Any]:
        width, height = self.canvas.picture.size
        return {"width": width, "height": height, "edit": self.edit}

    def told(self, made: MadeFrom) -> MadeFrom:
        said = " ".join(filter(None, (made.involvement, self.words)))
        return replace(made, involvement=said, painted=self.canvas.mark_here, source=self.edit.source)


def begun(workspace: Workspace, asked: Asked, family: ModelFamily, settings: dict[str, Any]) -> Editing:
    """Raises GateClosed, RightsMissing or UsageMistake. Of `settings` the size is asked for."""
    from handstyle.generation import edits
    from handstyle.generation.request import Edit

    if asked.resamples and asked.kind == "variation":
        raise UsageMistake("a variation has no part that is kept", hint="Leave --resample out, or give a --mask.")
    source, pixels, reserved = edits.read_source(asked.source)
    if reserved and not asked.permission:
        raise GateClosed(f"{asked.source} reserves itself from use by models", faults=reserved, hint=ASK)
    known = _what_is_known(workspace, asked, pixels)
    prepared, mask = _prepared(asked, source, family, settings)
    record = {
        "kind": asked.kind,
        "source": pixels,
        "mask": mask,
        "strength": edits.STRENGTH[asked.kind] if asked.strength is None else asked.strength,
        "resamples": edits.RESAMPLES[asked.kind] if asked.resamples is None else asked.resamples,
        "permission": asked.permission,
    } | ({"margins": asked.margins} if asked.margins else {})
    edit = Edit.read(record, where="what was typed", error=UsageMistake)
    return Editing(edits.canvas(prepared, family, edit.strength, edit.resamples), edit, _words(edit, known))


def _prepared(asked: Asked, source: Any, family: ModelFamily, settings: dict[str, Any]) -> tuple[Prepared, str]:
    """And the digest of the mask, where there is one."""
    from handstyle.generation import edits

    width, height = settings.get("width"), settings.get("height")
    if asked.kind == "variation":
        return edits.variation(source, family, width, height), ""
    if width or height:
        raise UsageMistake(
            f"{asked.kind} leaves a picture in its own size", hint="Leave --width and --height out, or scale it first."
        )
    if asked.mask:
        mask = edits.read_mask(asked.mask)
        return edits.inpainting(source, mask, family), edits.digest_of(mask)
    assert asked.margins is not None, "that makes it an outpainting"
    return edits.outpainting(source, asked.margins, family), ""


def _words(edit: Edit, known: str) -> str:
    which = f"another picture (pixels sha256 {edit.source[:16]}), {known}."
    how = {
        "variation": f"It is a variation of {which}",
        "inpainting": f"A part of it was painted into {which}",
        "outpainting": f"It was painted on beyond the border of {which}",
    }[edit.kind]
    return f"{how} Whoever drew it says of the permission: {edit.permission}" if edit.permission else how


def _what_is_known(workspace: Workspace, asked: Asked, pixels: str) -> str:
    """Raises RightsMissing where it is a work that nobody permitted to be changed."""
    said = []
    for place, collection, work in _works_with(workspace, pixels):
        rights = collection.rights_of(work)
        _require_not_withdrawn(place, collection, work)
        # Who may derive a model from it may derive a picture: no open licence tells the two apart.
        may = rights.basis == "own-work" or (rights.basis == "open-licence" and "train" in rights.permits)
        if not may and not asked.permission:
            raise RightsMissing(
                f"{asked.source} is a work by {rights.author}, and what is permitted of it is training",
                faults=[f"{work.name}: {rights.standing}; it says nothing of pictures that are made from the work"],
                hint=ASK,
            )
        said.append(f"a work by {rights.author}: {rights.standing}")
    return said[0] if said else _drawn_by_a_model(asked.source) or "of which nothing is known here"


def _works_with(workspace: Workspace, pixels: str) -> Iterator[tuple[Workspace, Collection, Work]]:
    """Works of these very pixels, in all workspaces of this computer. A copy that was changed is not recognised."""
    for place in dict.fromkeys([workspace, *map(Workspace, House.here().workspaces())]):
        for folder in place.collections():
            try:
                collection = Collection.load(folder / "collection.json")
            except RecordDamaged:
                continue
            yield from ((place, collection, work) for work in collection.works if work.pixels_sha256 == pixels)


def _require_not_withdrawn(place: Workspace, collection: Collection, work: Work) -> None:
    from handstyle.collection import permission
    from handstyle.publication import logged, taken_back

    house = House.here()
    known = taken_back.known(place, house, logged.keepers_log(house))
    consents = permission.kept(collection, place.collection(collection.digest))
    for one in known.of(collection, consents):
        if one.pixels == work.pixels_sha256:
            raise RightsMissing(
                f"{work.name} may not be used any more: withdrawn by {one.holder} since {one.since}",
                hint="Begin with another picture.",
            )


def _drawn_by_a_model(source: Path) -> str:
    """What the record in a picture's own file says, where it has one that fits."""
    from handstyle.generation.signature import read_signature

    try:
        found = read_signature(source)
    except RecordDamaged:
        return ""
    if not found.fits:
        return ""
    said = f", and says of it: {found.record.involvement}" if found.record.involvement else ""
    return f"which a model drew, as {found.signer} signed{said}".rstrip(".")
