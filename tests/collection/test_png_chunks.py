"""Is a PNG of which a part is missing or misplaced noticed, and none refused that is whole?"""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from handstyle.collection.png_chunks import fault_in_png

MODES = ["1", "L", "LA", "P", "RGB", "RGBA"]


def noise(mode: str, size: tuple[int, int]) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (*reversed(size), 4), np.uint8)
    return Image.fromarray(pixels).convert("RGB").convert(mode) if mode != "RGBA" else Image.fromarray(pixels)


def saved(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("size", [(8, 8), (9, 11), (31, 17), (100, 8)])
@pytest.mark.parametrize("mode", MODES)
def test_a_whole_png_lacks_nothing(mode: str, size: tuple[int, int]) -> None:
    assert fault_in_png(saved(noise(mode, size))) is None


@pytest.mark.parametrize("mode", MODES)
def test_a_png_that_is_one_row_short_lacks_it(mode: str) -> None:
    whole = saved(noise(mode, (31, 17)))
    longer = whole[:16] + struct.pack(">II", 31, 18) + whole[24:]
    assert fault_in_png(longer) == "pixels are missing"


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (5, 5), (8, 8), (13, 7)])
def test_the_passes_of_an_interlaced_png_are_counted(size: tuple[int, int]) -> None:
    width, height = size
    # Which pixel belongs to which pass, as the specification draws it.
    pattern = ["16462646", "77777777", "56565656", "77777777", "36463646", "77777777", "56565656", "77777777"]
    each = [
        [(x, y) for y in range(height) for x in range(width) if pattern[y % 8][x % 8] == str(n)] for n in range(1, 8)
    ]
    number = sum(len(pixels) * 3 + len({y for _, y in pixels}) for pixels in each)
    for there, fault in ((number, None), (number - 1, "pixels are missing")):
        head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)
        chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(there)))]
        data = b"".join(struct.pack(">I", len(data)) + kind + data + bytes(4) for kind, data in chunks)
        assert fault_in_png(b"\x89PNG\r\n\x1a\n" + data) == fault
