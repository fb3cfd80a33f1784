"""Is a picture of which a part is missing noticed, and none refused that is whole?"""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from handstyle.collection.completeness import MISSING, fault_in

KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "in several scans": {"progressive": True},
    "with codes of its own": {"optimize": True},
    "with every colour": {"subsampling": 0},
    "at its worst": {"quality": 1},
    "at its best": {"quality": 100},
    "with restarts": {"restart_marker_blocks": 2},
}


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def jpeg(image: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def fault(data: bytes) -> str | None:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return fault_in(data, image)


@pytest.mark.parametrize("options", KINDS.values(), ids=list(KINDS))
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_whole_jpeg_lacks_nothing(mode: str, options: dict[str, Any]) -> None:
    for size in ((8, 8), (9, 31), (17, 33), (140, 9)):
        for picture in (noise(*size), *(Image.new("RGB", size, colour) for colour in ("white", "black", (1, 2, 3)))):
            assert fault(jpeg(picture.convert(mode), **options)) is None


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("options", KINDS.values(), ids=list(KINDS))
def test_a_jpeg_that_was_cut_and_closed_again_lacks_pixels(options: dict[str, Any], share: float) -> None:
    whole = jpeg(noise(48, 40), **options)
    pixels = whole.rindex(b"\xff\xda") + 14
    cut = pixels + int(share * (len(whole) - 2 - pixels))
    assert fault(whole[:cut].rstrip(b"\xff") + b"\xff\xd9") == MISSING


def test_a_jpeg_that_says_it_is_higher_than_its_pixels_could_fill_is_noticed() -> None:
    whole = jpeg(noise(32, 16))
    frame = whole.index(b"\xff\xc0")
    assert fault(whole[: frame + 5] + struct.pack(">H", 900) + whole[frame + 7 :]) == MISSING


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"strip_size": 100}, {"compression": "jpeg"}])
@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "I;16", "YCbCr"])
def test_a_whole_tiff_lacks_nothing(mode: str, options: dict[str, Any]) -> None:
    if options.get("compression") == "jpeg" and mode not in ("L", "RGB"):
        pytest.skip("JPEG keeps none of these")
    file = io.BytesIO()
    noise(31, 17).convert("L" if mode == "I;16" else mode).convert(mode).save(file, "TIFF", **options)
    assert fault(file.getvalue()) is None
