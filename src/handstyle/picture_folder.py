"""How does a picture that was drawn come to lie in a folder: marked, counted, with sheet and meters beside it?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from handstyle import digests
from handstyle.generation.meters import Meter
from handstyle.workspace import Workspace, next_name, slug

if TYPE_CHECKING:
    from handstyle.diffusion.family import ModelFamily
    from handstyle.generation.generate import Picture, Worn
    from handstyle.generation.signature import MadeFrom
    from handstyle.publication.marking import Marking


def keep_picture(
    workspace: Workspace, folder: Path, picture: Picture, mark: Marking, made: MadeFrom, worn: Sequence[Worn]
) -> str:
    """Marked, and counted before it is written: there is no picture by a style that is not counted."""
    from handstyle.generation import ledger
    from handstyle.records import write

    request = picture.request
    data = mark(picture.image, made.drawn_for(request))
    if worn:
        ledger.add(workspace.ledger, "made", [item.style.tensors for item in worn], 1, digests.of_bytes(data))
    name = next_name(folder, f"{slug(request.prompt)[:40]}-{request.seed}", ".png")
    return str(write(folder / name, data))


def keep_sheet(
    folder: Path, drawn: Sequence[Picture], prompts: Sequence[str], seeds: Sequence[int], mark: Marking, made: MadeFrom
) -> str:
    from handstyle.generation import previews
    from handstyle.records import write

    images = [picture.image for picture in drawn]
    rows = [images[start : start + len(seeds)] for start in range(0, len(images), len(seeds))]
    paper = previews.sheet(rows, prompts, [str(seed) for seed in seeds])
    return str(write(folder / next_name(folder, "sheet", ".png"), mark(paper, made.as_sheet)))


def keep_meters(
    folder: Path, drawn: Sequence[Picture], worn: Sequence[Worn], family: ModelFamily
) -> tuple[tuple[Meter, ...], tuple[str, ...]]:
    """Beside the pictures, and what is to be said of it."""
    from handstyle.generation.generate import steered
    from handstyle.generation.meters import NONE, Meters, meters

    measured = any(picture.steered is not None for picture in drawn)
    own = [(picture.request.prompt, picture.steered) for picture in drawn]
    found = meters(own, steered([picture.request for picture in drawn], family)) if measured else ()
    if not found:
        return (), (NONE,)
    told = Meters(styles=tuple(item.style.tensors for item in worn), base=family.digest, prompts=found)
    path = told.save(folder / next_name(folder, "prompt-meters", ".json"))
    return found, (*(one.words for one in found), f"The numbers are in {path}.")
