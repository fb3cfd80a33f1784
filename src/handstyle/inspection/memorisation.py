"""Does a picture copy a work?

Each output is compared with each work by three measures, with mirrored copies and crops of it, too (`copy_distances`);
the artist's other drawings are the yardstick, so that looking like the artist does not count as copying. An output that
is but another drawing takes each rank among them alike: that is all the statistics there are here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handstyle.inspection.surface import oklab

SIDE = 32  # pixels; finer detail is not what makes a copy
TILES = 4  # a side
QUANTILE = 0.05
# The least chance among so many is 1 in 321: over the 32 works of a usual set together, just under a tenth.
SINGLE = 320


Far = NDArray[np.float64]  # of pictures, by each measure, to the nearest work


@dataclass(frozen=True)
class Found:
    """`chances` are of outputs, `near` is how many are below the tail; None and empty where nothing can be told."""

    chances: tuple[float, ...]
    near: int | None
    near_of_base: int | None
    words: str


def reduced(image: Image.Image) -> NDArray[np.float64]:
    square = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    return oklab(np.asarray(square))


def tiled_distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Root mean square OKLab difference of the tiles, the upper half of them: empty paper that agrees proves nothing
    (after the tiled distance of Carlini et al. 2023, section 4.2)."""
    side = SIDE // TILES
    squared = ((one - other) ** 2).sum(axis=-1).reshape(TILES, side, TILES, side).mean(axis=(1, 3)).ravel()
    return float(np.sqrt(np.sort(squared)[TILES * TILES // 2 :].mean()))


def fewest(quantile: float = QUANTILE) -> int:
    """Drawings that a tail asks for: one more drawing is nearer than all m others once in m + 1 times, by chance."""
    return math.ceil(1 / quantile - 1e-9) - 1


def chances(outputs_KM: Far, real_NM: Far) -> NDArray[np.float64]:
    """How often one of the artist's own other drawings would be as near as each output, by what tells most of it.

    The output is ranked among the drawings measure by measure; its best rank is then ranked among theirs, which pays
    for having looked several times (Westfall and Young 1993, "Resampling-Based Multiple Testing", single-step minP).
    Exact for an output that is exchangeable with the drawings (Vovk, Gammerman and Shafer 2005, section 2.2).
    """
    return np.array([_chance(np.concatenate([real_NM, output_M[None]])) for output_M in outputs_KM])


def _chance(pool_PM: Far) -> float:
    """Of the last one."""
    ranks_PM = np.stack([np.searchsorted(np.sort(column), column, "right") for column in pool_PM.T], axis=1)
    best_P = ranks_PM.min(axis=1)
    return float((best_P <= best_P[-1]).mean())


def telling(outputs_KM: Far, real_NM: Far) -> list[int]:
    """Which measure ranks each output nearest among the drawings; the first of those that do so alike."""
    return [int(np.argmin([(real_NM[:, m] <= far).sum() for m, far in enumerate(far_M)])) for far_M in outputs_KM]


def finding(outputs_KM: Far, real_NM: Far, base_KM: Far | None = None, quantile: float = QUANTILE) -> Found:
    """What may be said of so many outputs with so many drawings to compare with: counts, nothing more."""
    outputs, real = len(outputs_KM), len(real_NM)
    if not real:
        words = f"{outputs} outputs were compared with the works; without others nothing says what is near."
        return Found((), None, None, words)
    found = chances(outputs_KM, real_NM)
    if real < fewest(quantile):
        words = (
            f"Whether any of {outputs} outputs lies unusually near to a work of the training cannot be told: the "
            f"artist's {_other(real)} are too few, as of such drawings themselves one in {real + 1} is nearer than all "
            f"others. It takes at least {fewest(quantile)}."
        )
        return Found(tuple(found), None, None, words)
    near = int((found <= quantile).sum())
    words = (
        f"Of {outputs} outputs, {near} lie nearer to a work of the training than {1 - quantile:.0%} of the "
        f"artist's {_other(real)} do; about {quantile * outputs:.0f} would, if nothing were copied."
    )
    near_of_base = None
    if base_KM is not None and len(base_KM):
        near_of_base = int((chances(base_KM, real_NM) <= quantile).sum())
        words += f" Of {len(base_KM)} pictures by the base, which learnt from none of the works, {near_of_base} do."
    if real < SINGLE:
        words += f" Of any single work this is no finding: that takes {SINGLE} drawings."
    return Found(tuple(found), near, near_of_base, words)


def _other(real: int) -> str:
    return f"{real} other drawing{'' if real == 1 else 's'}"
