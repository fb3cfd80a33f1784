"""What are the colours and the strokes of a set of pictures?

Plain measurements an artist can read, without a trained network. Pixels are NHWC, 8-bit RGB.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from handstyle.inspection.report import Colour, Surface

LEVELS = 6  # steps a channel when colours are counted
SWATCHES = 8
FLAT, EDGE = 0.012, 0.12  # OKLab lightness a pixel: below is flat, above is an edge
DARK = 0.45  # OKLab lightness under which a thin line counts as an outline


def oklab(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """OKLab of sRGB, a colour space in which distances are about as large as they look (Ottosson 2020)."""
    share = pixels.astype(np.float64) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    cones = linear @ _TO_CONES.T
    return np.asarray(np.cbrt(cones) @ _TO_LAB.T)


_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def surface(images: Sequence[Image.Image], of: Literal["artist", "style", "base"]) -> Surface:
    pixels = [np.asarray(image.convert("RGB")) for image in images]
    strokes = [_strokes(oklab(picture)[..., 0]) for picture in pixels]
    widths = [width for stroke in strokes for width in stroke.widths]
    return Surface(
        of=of,
        palette=palette(pixels),
        number_of_colours=float(np.mean([_colours(picture) for picture in pixels])),
        background_share=float(np.mean([_background(picture) for picture in pixels])),
        outline_share=float(np.mean([stroke.outline_share for stroke in strokes])),
        stroke_width=float(np.median(widths)) if widths else 0.0,
        gradient_share=float(np.mean([stroke.gradient_share for stroke in strokes])),
    )


def palette(pictures: Sequence[NDArray[np.uint8]]) -> tuple[Colour, ...]:
    """The most used colours, paper left out, as the mean of the pixels near each."""
    everything = np.concatenate([picture.reshape(-1, 3) for picture in pictures])
    bins = (everything.astype(int) * LEVELS // 256) @ np.array([LEVELS * LEVELS, LEVELS, 1])
    counts = np.bincount(bins, minlength=LEVELS**3)
    counts[-1] = 0  # paper
    drawn = max(1, int(counts.sum()))
    swatches = []
    for place in np.argsort(counts, kind="stable")[::-1][:SWATCHES]:
        if counts[place]:
            red, green, blue = everything[bins == place].mean(axis=0).round().astype(int)
            swatches.append(Colour(hex=f"#{red:02x}{green:02x}{blue:02x}", share=float(counts[place]) / drawn))
    return tuple(swatches)


def _colours(picture: NDArray[np.uint8]) -> int:
    bins = (picture.reshape(-1, 3).astype(int) * LEVELS // 256) @ np.array([LEVELS * LEVELS, LEVELS, 1])
    return int((np.bincount(bins) >= 0.01 * len(bins)).sum())


def _background(picture: NDArray[np.uint8]) -> float:
    """The share of pixels that look like the corners do."""
    corners = picture[[0, 0, -1, -1], [0, -1, 0, -1]].astype(float)
    paper = np.median(corners, axis=0)
    return float((np.abs(picture - paper).max(axis=-1) < 12).mean())


class _Strokes:
    def __init__(self, widths: list[float], outline_share: float, gradient_share: float) -> None:
        self.widths, self.outline_share, self.gradient_share = widths, outline_share, gradient_share


def _strokes(lightness: NDArray[np.float64]) -> _Strokes:
    """Dark lines thinner than an eighth of the picture, the share of edges that border one, and soft change."""
    slope = np.hypot(ndimage.sobel(lightness, 0), ndimage.sobel(lightness, 1)) / 8
    edges, soft = slope > EDGE, (slope > FLAT) & (slope <= EDGE)
    dark = lightness < DARK
    thickest = max(2, min(lightness.shape) // 8)
    thick = ndimage.binary_opening(dark, iterations=thickest // 2) if dark.any() else dark
    lines = dark & ~ndimage.binary_dilation(thick, iterations=1)
    depth = ndimage.distance_transform_edt(dark)
    ridge = lines & (depth == ndimage.maximum_filter(depth, size=3)) & (depth > 0)
    bordering = ndimage.binary_dilation(lines, iterations=1)
    number_of_edges = int(edges.sum())
    return _Strokes(
        widths=[float(2 * value - 1) for value in depth[ridge]],
        outline_share=float((edges & bordering).sum() / number_of_edges) if number_of_edges else 0.0,
        gradient_share=float(soft.mean()),
    )
