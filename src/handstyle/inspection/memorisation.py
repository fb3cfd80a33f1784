"""Does a picture copy a work?

Each output is compared with each work, tile by tile, with mirrored copies and crops of it, too (`copy_distances`); the
artist's other drawings are the yardstick, so that looking like the artist does not count as copying.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handstyle.inspection.surface import oklab

SIDE = 32  # pixels; finer detail is not what makes a copy
TILES = 4  # a side
QUANTILE = 0.05


@dataclass(frozen=True)
class Nearest:
    """The nearest work, by its place in the list, and how far it is: 0 is the same picture."""

    work: int
    distance: float


def reduced(image: Image.Image) -> NDArray[np.float64]:
    square = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    return oklab(np.asarray(square))


def tiled_distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Root mean square OKLab difference of the tiles, the upper half of them: empty paper that agrees proves nothing
    (after the tiled distance of Carlini et al. 2023, section 4.2)."""
    side = SIDE // TILES
    squared = ((one - other) ** 2).sum(axis=-1).reshape(TILES, side, TILES, side).mean(axis=(1, 3)).ravel()
    return float(np.sqrt(np.sort(squared)[TILES * TILES // 2 :].mean()))


def finding(
    outputs: Sequence[float], real: Sequence[float], quantile: float = QUANTILE
) -> tuple[float | None, int | None, str]:
    """Threshold, how many outputs lie below it, and the finding in words: counts, nothing more."""
    if not real:
        words = f"{len(outputs)} outputs were compared with the works; without others nothing says what is near."
        return None, None, words
    threshold = float(np.quantile(np.asarray(real), quantile))
    near = int((np.asarray(outputs) < threshold).sum())
    words = (
        f"Of {len(outputs)} outputs, {near} lie nearer to a work of the training than {1 - quantile:.0%} of the "
        f"artist's {len(real)} other drawings do; about {quantile * len(outputs):.0f} would, if nothing were copied."
    )
    return threshold, near, words
