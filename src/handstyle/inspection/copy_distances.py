"""How near is a picture to a work: whole, tile by tile, without the paper, cropped, mirrored?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handstyle.inspection.memorisation import SIDE, TILES, reduced
from handstyle.inspection.report import MEASURES

CROP = 0.75  # of a side
PAPER = 0.05  # OKLab distance from the colour of the corners, below which a pixel is empty

Pixels = NDArray[np.float64]


@dataclass(frozen=True)
class Distances:
    """Of one picture to each work; 0 is the same. `tiled` is over mirrored copies and crops of the work, too."""

    tiled: Pixels
    whole: Pixels
    drawn: Pixels  # over what is not paper in the work

    @property
    def by_measure(self) -> Pixels:
        """In the order of MEASURES."""
        return np.stack([self.tiled, self.whole, self.drawn])


class Looked:
    """The works in every form in which a copy is looked for."""

    def __init__(self, works: Sequence[Image.Image]) -> None:
        self.number = len(works)
        plain = np.stack([reduced(work) for work in works])
        self.forms_NVHWC = np.stack([np.stack([reduced(form) for form in forms(work)]) for work in works])
        self.plain_N2HWC = np.stack([plain, plain[:, :, ::-1]], axis=1)
        corners = plain[:, [0, 0, -1, -1], [0, -1, 0, -1]]
        paper = np.median(corners, axis=1)[:, None, None]
        drawn = np.linalg.norm(plain - paper, axis=-1) > PAPER
        drawn[~drawn.any(axis=(1, 2))] = True
        self.drawn_N2HW = np.stack([drawn, drawn[:, :, ::-1]], axis=1)

    def distances(self, picture: Image.Image) -> Distances:
        own = reduced(picture)
        squared = ((self.plain_N2HWC - own) ** 2).sum(axis=-1)
        masked = (squared * self.drawn_N2HW).sum(axis=(2, 3)) / self.drawn_N2HW.sum(axis=(2, 3))
        return Distances(
            tiled=tiled(self.forms_NVHWC, own).min(axis=1),
            whole=np.sqrt(squared.mean(axis=(2, 3))).min(axis=1),
            drawn=np.sqrt(masked).min(axis=1),
        )

    def everywhere(self, pictures: Sequence[Image.Image]) -> Pixels:
        """Of each picture, by each measure, to each work."""
        found = [self.distances(picture).by_measure for picture in pictures]
        return np.stack(found) if found else np.empty((0, len(MEASURES), self.number))


def tiled(forms_NVHWC: Pixels, picture_HWC: Pixels) -> Pixels:
    """`memorisation.tiled_distance` to every form of every work at once."""
    side, (number, variants) = SIDE // TILES, forms_NVHWC.shape[:2]
    squared = ((forms_NVHWC - picture_HWC) ** 2).sum(axis=-1)
    tiles = squared.reshape(number, variants, TILES, side, TILES, side).mean(axis=(3, 5)).reshape(number, variants, -1)
    return np.asarray(np.sqrt(np.sort(tiles, axis=-1)[..., TILES * TILES // 2 :].mean(axis=-1)))


def forms(work: Image.Image) -> list[Image.Image]:
    """As it is, its middle and its four corners, and all of these mirrored."""
    width, height = work.size
    wide, high = round(CROP * width), round(CROP * height)
    places = [(0, 0), (width - wide, 0), (0, height - high), (width - wide, height - high)]
    places.append(((width - wide) // 2, (height - high) // 2))
    plain = [work, *(work.crop((x, y, x + wide, y + high)) for x, y in places)]
    return [*plain, *(form.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for form in plain)]
