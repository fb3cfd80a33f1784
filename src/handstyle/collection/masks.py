"""Which part of a work counts, and how much: what does a picture beside it say, or its own transparency?"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from handstyle.collection.intake import load_picture
from handstyle.collection.pixels import Unfit, read_picture
from handstyle.collection.reading_masks import BLACK
from handstyle.collection.works import Work
from handstyle.errors import WorkChanged


def load_mask(folder: Path, work: Work) -> Image.Image:
    """The mask beside a work, in greys, proven to be the one that was collected. Raises WorkChanged."""
    assert work.mask is not None, "the caller knows"
    path = folder / work.mask.name
    hint = f"Put back the mask that was collected, or collect {folder} again."
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise WorkChanged(f"{path} leads out of {folder}", work=work.name, hint=hint)
        picture = read_picture(path, BLACK)
    except (Unfit, OSError, RuntimeError, ValueError) as error:
        raise WorkChanged(f"{path} {error}", work=work.name, hint=hint) from error
    if picture.pixels_sha256 != work.mask.pixels_sha256:
        raise WorkChanged(f"{path} is not the mask that was collected", work=work.name, hint=hint)
    return picture.image.convert("L")


def load_alpha(folder: Path, work: Work, background: str) -> Image.Image | None:
    """How much a work hides of the page it was laid on; None where it does everywhere. Raises WorkChanged."""
    return load_picture(folder, work, background).alpha
