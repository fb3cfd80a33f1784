"""Is the style's picture nearer to what the artist really drew than the base's?

The distance looks at strokes and edges: which colours meet, how sharply, how often, wherever they do. It and the seeds
were fixed before the example was trained, see docs/decisions/0002-distance-to-the-real-drawing.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from math import comb
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handstyle.inspection.report import Competitor, NearerToTruth
from handstyle.inspection.surface import oklab

DISTANCE = "sliced Wasserstein distance of OKLab gradients at three scales"
SEEDS = (1, 2)  # two more make the interval a twelfth narrower, and drawing twice as long (docs/decisions/0002)
SCALES, PROJECTIONS = (1, 2, 4), 64
SIDE = 64  # pixels at which pictures are compared
PROJECTION_SEED = 0

Look = TypeVar("Look")
Strokes = list[NDArray[np.float64]]  # a scale: PROJECTIONS x number of pixels, each row sorted


def strokes(image: Image.Image) -> Strokes:
    """The colour gradients of a picture seen along fixed random directions, each direction sorted: what the sliced
    Wasserstein distance compares (Rabin et al. 2012)."""
    square = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    colours_HWC = oklab(np.asarray(square))
    seen = (_gradients(_reduced(colours_HWC, scale)) @ _directions() for scale in SCALES)
    return [np.sort(np.ascontiguousarray(one.T), axis=1) for one in seen]  # rows side by side are sorted faster


def _reduced(colours_HWC: NDArray[np.float64], scale: int) -> NDArray[np.float64]:
    side = SIDE // scale
    return np.asarray(colours_HWC.reshape(side, scale, side, scale, 3).mean(axis=(1, 3)))


def _gradients(colours_HWC: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pixel x (three channels to the right, three downwards)."""
    corner_HWC = colours_HWC[:-1, :-1]
    both_HWC = np.concatenate([colours_HWC[:-1, 1:] - corner_HWC, colours_HWC[1:, :-1] - corner_HWC], axis=-1)
    return np.asarray(both_HWC.reshape(-1, 6))


@cache
def _directions() -> NDArray[np.float64]:
    directions = np.random.default_rng(PROJECTION_SEED).normal(size=(6, PROJECTIONS))
    return np.asarray(directions / np.linalg.norm(directions, axis=0))


def distance(one: Strokes, other: Strokes) -> float:
    """Mean over scales, directions and pixels; 0 for the same picture, however its strokes are arranged."""
    return float(np.mean([np.abs(a - b).mean() for a, b in zip(one, other, strict=True)]))


class Seen:
    """Each picture is looked at once in each way."""

    def __init__(self) -> None:
        self._kept: dict[tuple[object, int], tuple[Image.Image, object]] = {}  # the picture, so that its number stays

    def of(self, look: Callable[[Image.Image], Look], image: Image.Image) -> Look:
        key = (look, id(image))
        if key not in self._kept:
            self._kept[key] = image, look(image)
        return cast(Look, self._kept[key][1])


def mean_distances(
    pictures: Sequence[Sequence[Image.Image]], real: Sequence[Strokes], seen: Seen | None = None
) -> NDArray[np.float64]:
    """One a prompt: the mean over its seeds. `pictures` are prompt x seed."""
    seen = seen or Seen()
    return np.array(
        [
            np.mean([distance(seen.of(strokes, picture), truth) for picture in of_prompt])
            for of_prompt, truth in zip(pictures, real, strict=True)
        ]
    )


def nearer_to_truth(
    base: NDArray[np.float64],
    style: NDArray[np.float64],
    competitors: dict[str, NDArray[np.float64]],
    *,
    seeds: Sequence[int],
    base_prompt: str,
) -> NearerToTruth:
    """Counts prompts. The distance is admissible when no competitor, which draws nothing, beats the base on more than
    half of them."""
    beaten = tuple(Competitor(name=name, beats_base=int((far < base).sum())) for name, far in competitors.items())
    return NearerToTruth(
        distance=DISTANCE,
        prompts=len(base),
        nearer=int((style < base).sum()),
        ties=int((style == base).sum()),
        seeds=tuple(seeds),
        base_prompt=base_prompt,
        competitors=beaten,
        admissible=all(competitor.beats_base <= len(base) // 2 for competitor in beaten),
        mean_distance_base=float(base.mean()),
        mean_distance_style=float(style.mean()),
    )


def sign_test(many: int, prompts: int) -> float:
    """Two-sided p of the exact sign test (Conover 1999, section 3.4): how often as many of the prompts or more fall to
    one side where either side is as likely. Ties stay among the prompts and count for neither side: leaving them out
    would claim more."""
    tail = sum(comb(prompts, found) for found in range(many, prompts + 1))
    return min(1.0, 2 * tail / (1 << prompts))
