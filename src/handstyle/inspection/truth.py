"""How much of the way from the base to what the artist really drew has a style gone, measure by measure?

Two parts, kept apart: the surface, which is how a drawing is done, and decisions, which are what was to be drawn. The
end of the way is the real drawing as the base's own autoencoder gives it back: no model on this base can come nearer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handstyle.finetuning.gain import bootstrap_mean, bootstrap_share
from handstyle.inspection import decisions, likeness
from handstyle.inspection.likeness import Seen
from handstyle.inspection.report import Closeness
from handstyle.inspection.surface import oklab

Pictures = Sequence[Sequence[Image.Image]]  # prompt x seed
COLOUR_SIDE, DIRECTIONS = 32, 32


def colours(image: Image.Image) -> NDArray[np.float64]:
    """Direction x pixel, each row in order: what the sliced Wasserstein distance compares (Rabin et al. 2012)."""
    square = image.convert("RGB").resize((COLOUR_SIDE, COLOUR_SIDE), Image.Resampling.BOX)
    directions_3D = np.random.default_rng(0).normal(size=(3, DIRECTIONS))
    directions_3D /= np.linalg.norm(directions_3D, axis=0)
    return np.sort(oklab(np.asarray(square)).reshape(-1, 3) @ directions_3D, axis=0).T


def _between_colours(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.abs(one - other).mean())


Part = Literal["surface", "decisions", "vision models"]
# Part, name, what is looked at in a picture, and the distance between what was seen in two.
MEASURES: tuple[tuple[Part, str, Callable[[Image.Image], object], Callable[..., float]], ...] = (
    ("surface", "colour", colours, _between_colours),
    ("surface", "stroke", likeness.strokes, likeness.distance),
    ("decisions", "silhouette", decisions.decided, decisions.silhouette),
    ("decisions", "pose", decisions.decided, decisions.pose),
    ("decisions", "composition", decisions.decided, decisions.composition),
    ("decisions", "what is left out", decisions.decided, decisions.left_out),
)


def closeness(
    base: Pictures, style: Pictures, given_back: Sequence[Image.Image], truth: Sequence[Image.Image], seen: Seen
) -> tuple[Closeness, ...]:
    """`given_back` are the real drawings through the autoencoder. Distances are means over a prompt's seeds."""
    found = []
    for part, name, look, between in MEASURES:

        def far(pictures: Pictures, look=look, between=between) -> NDArray[np.float64]:  # type: ignore[no-untyped-def]
            pairs = zip(pictures, truth, strict=True)
            return np.array(
                [np.mean([between(seen.of(look, one), seen.of(look, real)) for one in row]) for row, real in pairs]
            )

        base_N, style_N, end_N = far(base), far(style), far([[image] for image in given_back])
        found.append(way(part, name, base_N, style_N, end_N))
    return tuple(found)


def way(
    part: Part, name: str, base_N: NDArray[np.float64], style_N: NDArray[np.float64], end_N: NDArray[np.float64]
) -> Closeness:
    """From distances to the real drawings, one a prompt. Where the base may be there already, no share is told."""
    whole = bootstrap_mean(base_N - end_N)
    return Closeness(
        part=part,
        measure=name,
        base=float(base_N.mean()),
        style=float(style_N.mean()),
        given_back=float(end_N.mean()),
        nearer=bootstrap_mean(base_N - style_N),
        share=bootstrap_share(base_N - style_N, base_N - end_N) if whole.is_above_zero else None,
    )
