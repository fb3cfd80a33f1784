"""What does a picture look like, in 88 bits?

64 bits say where it is lighter and darker in broad strokes, 24 what its mean colour is. A copy that was resized, saved
with loss or made a little lighter has nearly the same; one that was cropped, turned or mirrored has another.

The structure is the perceptual hash of Zauner (2010, "Implementation and Benchmarking of Perceptual Image Hash
Functions", 3.2.1): the signs of the lowest frequencies of the cosine transform, against their median. In whole numbers
all the way, so that every machine finds the same.
"""

from __future__ import annotations

import math
from operator import mul
from typing import NamedTuple

from PIL import Image

SIDE = 8  # frequencies, and pixels, a side
BITS = SIDE * SIDE  # of the structure
PLAIN = 8 * 1000  # thousandths of a level of light; a picture with less contrast has no structure to compare
LUMA = (299, 587, 114)  # thousandths (ITU-R BT.601)

# cos((2x + 1) u pi / 16), in thousandths
WAVES = [[round(1000 * math.cos((2 * x + 1) * u * math.pi / (2 * SIDE))) for x in range(SIDE)] for u in range(SIDE)]
# From low frequencies to high ones, dealt out in turn to the bands of bits by which near pictures are looked up: were
# the low ones together, most pictures would meet in the same few bands.
RISING = sorted(range(BITS), key=lambda place: (sum(divmod(place, SIDE)), place))
ORDER = [RISING[place] for first in range(4) for place in range(first, BITS, 4)]


class Fingerprint(NamedTuple):
    structure: int  # 64 bits
    colour: tuple[int, int, int]  # mean red, green and blue


def fingerprint(image: Image.Image) -> Fingerprint | None:
    """Of an RGB picture; None where it is so plain that it would look like every other plain one."""
    small = image.resize((SIDE, SIDE), Image.Resampling.BOX).tobytes()
    red, green, blue = small[0::3], small[1::3], small[2::3]
    light = [LUMA[0] * r + LUMA[1] * g + LUMA[2] * b for r, g, b in zip(red, green, blue, strict=True)]
    if max(light) - min(light) < PLAIN:
        return None
    strengths = _transformed(light)
    strengths[0] = 0  # the mean: its share of the picture is the colour
    median = sorted(strengths)[BITS // 2]
    structure = 0
    for place in ORDER:
        structure = structure << 1 | (strengths[place] > median)
    return Fingerprint(structure, (sum(red) // BITS, sum(green) // BITS, sum(blue) // BITS))


def _transformed(light: list[int]) -> list[int]:
    """The cosine transform (type II), row by row and then column by column, without its scale."""
    rows = [light[begin : begin + SIDE] for begin in range(0, BITS, SIDE)]
    across = [[sum(map(mul, wave, row)) for row in rows] for wave in WAVES]  # frequency, then row
    return [sum(map(mul, wave, column)) for wave in WAVES for column in across]
