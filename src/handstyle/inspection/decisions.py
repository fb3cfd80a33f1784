"""What did whoever drew a picture decide, before any colour: silhouette, pose, composition, and what is left out?

Plain measurements of what is drawn against its paper, without a trained network. They know nothing of what the parts of
a drawing mean: two silhouettes are alike when they cover the same places.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from handstyle.inspection.surface import oklab

SIDE = 64  # pixels at which pictures are compared
PAPER = 12  # levels of 255 by which a pixel differs from the corners before it counts as drawn
REGION = 0.004  # of what is drawn: a smaller patch of one colour is no detail that was decided on
STEPS = (6, 4, 4)  # lightness and the two opponent colours, when patches of one colour are told apart


@dataclass(frozen=True)
class Decided:
    """What is seen in one picture."""

    drawn_HW: NDArray[np.bool_]  # against the paper
    fitted_HW: NDArray[np.bool_]  # the same, cut to what is drawn and stretched to the square
    box: NDArray[np.float64]  # middle (down, right), height and width of what is drawn, as shares of the side
    stance: NDArray[np.float64]  # which way it is drawn out, and how far, as a point of the unit disc
    patches: int  # of one colour each


def decided(image: Image.Image) -> Decided:
    square = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    pixels_HWC = np.asarray(square)
    drawn_HW = _drawn(pixels_HWC)
    rows, columns = np.nonzero(drawn_HW)
    if not len(rows):
        nothing = np.zeros((SIDE, SIDE), bool)
        return Decided(nothing, nothing, np.array([0.5, 0.5, 0, 0]), np.zeros(2), 0)
    top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
    cut = Image.fromarray(drawn_HW[top:bottom, left:right].astype(np.uint8) * 255)
    fitted_HW = np.asarray(cut.resize((SIDE, SIDE), Image.Resampling.BOX)) > 127
    box = np.array([top + bottom, left + right, 2 * (bottom - top), 2 * (right - left)]) / (2 * SIDE)
    return Decided(drawn_HW, fitted_HW, box, _stance(rows, columns), _patches(pixels_HWC, drawn_HW))


def _drawn(pixels_HWC: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """What is enclosed by what is drawn counts as drawn, too: a face in outline has the silhouette of a face."""
    corners = pixels_HWC[[0, 0, -1, -1], [0, -1, 0, -1]].astype(float)
    differs = np.abs(pixels_HWC - np.median(corners, axis=0)).max(axis=-1) > PAPER
    return np.asarray(ndimage.binary_fill_holes(differs))


def _stance(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float64]:
    """From the second moments (Hu 1962, section V): at the angle twice that of the longer axis, so that a stick looks
    the same from either end, and as far from the middle as it is longer than wide."""
    down, right = rows - rows.mean(), columns - columns.mean()
    along, across, slant = (right**2).mean(), (down**2).mean(), (down * right).mean()
    return np.asarray(np.array([along - across, 2 * slant]) / max(along + across, 1e-9))


def _patches(pixels_HWC: NDArray[np.uint8], drawn_HW: NDArray[np.bool_]) -> int:
    lab = oklab(pixels_HWC)
    steps = np.array(STEPS)
    shares = np.stack([lab[..., 0], lab[..., 1] + 0.4, lab[..., 2] + 0.4], axis=-1) / (1.0, 0.8, 0.8)
    colours = (np.clip(shares, 0, 0.999) * steps).astype(int) @ np.array([STEPS[1] * STEPS[2], STEPS[2], 1])
    least, number = REGION * drawn_HW.sum(), 0
    for colour in np.unique(colours[drawn_HW]):
        labels, _ = ndimage.label(drawn_HW & (colours == colour))
        number += int((np.bincount(labels.ravel())[1:] >= max(least, 2)).sum())
    return number


def silhouette(one: Decided, other: Decided) -> float:
    """One minus the share of both that is in each, where and however large they stand."""
    either = (one.fitted_HW | other.fitted_HW).sum()
    return float(1 - (one.fitted_HW & other.fitted_HW).sum() / either) if either else 0.0


def composition(one: Decided, other: Decided) -> float:
    """Where on the page, and how much of it."""
    return float(np.abs(one.box - other.box).mean())


def pose(one: Decided, other: Decided) -> float:
    return float(np.linalg.norm(one.stance - other.stance) / 2)


def left_out(one: Decided, other: Decided) -> float:
    """By how many doublings the numbers of patches differ."""
    return float(abs(np.log2(1 + one.patches) - np.log2(1 + other.patches)))
