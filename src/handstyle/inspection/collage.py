"""Could a picture have been put together from pieces of the works?

Each piece of a picture is covered by the most similar piece of any work. Drawings by the same artist that were not
learnt from are covered in the same way: how well says what resemblance alone can do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handstyle.inspection.surface import oklab

SIDE, PIECE, STRIDE = 64, 8, 4  # pixels
FLAT = 0.02  # OKLab deviation below which a piece is plain colour, which anything covers


@dataclass(frozen=True)
class Covered:
    distance: float  # root mean square over pieces that are not flat; 0 where the works hold every piece
    picture: Image.Image  # put together from pieces of the works


class Pieces:
    """All pieces of some works, mirrored ones too."""

    def __init__(self, works: Sequence[Image.Image]) -> None:
        squares = [np.asarray(_square(work)) for work in works]
        both = [form for square in squares for form in (square, square[:, ::-1])]
        self.pixels = np.concatenate([_pieces(form, STRIDE) for form in both])
        self.colours = oklab(self.pixels).reshape(len(self.pixels), -1)
        self.norms = (self.colours**2).sum(axis=1)

    def cover(self, picture: Image.Image) -> Covered:
        pieces = _pieces(np.asarray(_square(picture)), PIECE)
        colours = oklab(pieces)
        flat = colours.std(axis=(1, 2)).max(axis=-1) < FLAT
        wanted = colours.reshape(len(pieces), -1)
        squared = self.norms[None] - 2 * wanted @ self.colours.T + (wanted**2).sum(axis=1)[:, None]
        best = squared.argmin(axis=1)
        far = squared[np.arange(len(best)), best].clip(0) / (PIECE * PIECE)
        counted = far[~flat] if (~flat).any() else far
        across = SIDE // PIECE
        rows = self.pixels[best].reshape(across, across, PIECE, PIECE, 3).transpose(0, 2, 1, 3, 4)
        return Covered(
            float(np.sqrt(counted.mean())), Image.fromarray(np.ascontiguousarray(rows.reshape(SIDE, SIDE, 3)))
        )


def _square(image: Image.Image) -> Image.Image:
    return image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)


def _pieces(square_HWC: NDArray[np.uint8], stride: int) -> NDArray[np.uint8]:
    places = range(0, SIDE - PIECE + 1, stride)
    return np.stack([square_HWC[y : y + PIECE, x : x + PIECE] for y in places for x in places])
