"""Which pixels are the cases drawn from, and how do they look turned, or on a page?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]

WIDTH, HEIGHT = 11, 9  # no multiple of anything, so that rows and passes end in odd places


def random(channels: int, below: int = 256, seed: int = 0) -> Pixels:
    kind = np.uint16 if below > 256 else np.uint8
    return np.random.default_rng(seed).integers(0, below, (HEIGHT, WIDTH, channels), kind)


NOISE = random(3, seed=3)
TRANSLUCENT = random(4, seed=4)
GREY = random(1, seed=5)
SIXTEEN = random(3, below=65536, seed=6)

# Lossy formats keep what changes slowly.
_ROWS, _COLUMNS = np.mgrid[0:48, 0:64]
SMOOTH = np.stack([_COLUMNS * 4, _ROWS * 5, np.full_like(_ROWS, 128)], axis=2).astype(np.uint8)


def grey(samples: Pixels) -> Pixels:
    """As RGB."""
    return np.repeat(samples, 3, axis=2)


def eight_bit(samples: Pixels) -> Pixels:
    """65535 becomes 255, to the nearest."""
    return np.round(samples / 257)


def turned(pixels: Pixels, orientation: int) -> Pixels:
    """What EXIF says by these numbers: where the first row and the first column lie (EXIF 2.32, tag 0x0112)."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels[::-1] if orientation in (3, 4, 7, 8) else pixels


def on_white(rgba: Pixels) -> Pixels:
    colour, alpha = rgba[..., :3].astype(float), rgba[..., 3:] / 255
    return np.round(colour * alpha + 255 * (1 - alpha))
