"""Does a file hold as many pixels as its header promises?

Decoders fill what is missing with black or grey, or read on into what is no pixel, and say nothing. A JPEG that lost
bits is found out, one in which bits were changed is not always.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from math import ceil
from typing import Any

from PIL import Image, ImageChops
from PIL.ImageFile import ImageFile

from handstyle.collection.png_chunks import fault_in_png

MISSING = "pixels are missing"

MARKER = re.compile(rb"\xff+([\x01-\xfe])")  # of a JPEG
RESTART = re.compile(rb"\xff+[\xd0-\xd7]")
END_OF_BITS = re.compile(rb"\xff+[\x01-\xcf\xd8-\xfe]")
SCAN, END = 0xDA, 0xD9
MOST_SCANS = 100  # usual are ten; each may redraw every pixel, and can be eleven bytes long
WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # those three hold tables
FRAMES_OF_BITS = frozenset({0xC0, 0xC1, 0xC2})  # of Huffman codes: every one of their bits can be asked for
MORE = b"\xa5\x5a\xb4\x4b" * 32  # bytes that are neither all alike nor a marker
BAND = 1024  # rows

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, PLANES = 256, 257, 258, 259, 262, 277, 284  # tags of a TIFF
STRIPS, TILES = (273, 279), (324, 325)  # where they begin, and how long they are
ROWS_PER_STRIP, TILE_WIDTH, TILE_HEIGHT = 278, 322, 323
UNCOMPRESSED, YCBCR, SEPARATE = 1, 6, 2


def fault_in(data: bytes, image: ImageFile) -> str | None:
    """Why a file that has been decoded is not whole, in words. In a WebP the decoder itself notices."""
    if image.format == "PNG":
        return fault_in_png(data)
    if image.format == "TIFF":
        return MISSING if _tiff_lacks(data, image.tag_v2) else None  # type: ignore[attr-defined]
    return None if image.format == "WEBP" else _fault_in_jpeg(data, image)


def _fault_in_jpeg(data: bytes, image: ImageFile) -> str | None:
    frame, longer = _with_more_bits(data)
    if frame not in FRAMES_OF_BITS:
        return "it is coded in a way that hardly any program reads"
    with Image.open(io.BytesIO(longer), formats=["JPEG"]) as other:
        other.load()
        bands = ((0, top, image.width, min(top + BAND, image.height)) for top in range(0, image.height, BAND))
        return MISSING if any(_differ(image.crop(band), other.crop(band)) for band in bands) else None


def _differ(one: Image.Image, other: Image.Image) -> bool:
    return ImageChops.difference(one, other).getbbox() is not None


def refuse_many_scans(data: bytes) -> None:
    """Raises ValueError before a JPEG is decoded that would keep the decoder busy for hours."""
    if sum(name == SCAN for name, _, _ in _segments(data)) > MOST_SCANS:
        raise ValueError(f"it is coded in more than {MOST_SCANS} passes over its pixels")


def _with_more_bits(data: bytes) -> tuple[int, bytes]:
    """The kind of frame, and the same JPEG with bits of ours wherever its own end.

    A decoder that has all it needs passes over them. One that lacks bits takes ours, and draws something else.
    """
    frame, parts, copied = 0, [], 0
    for name, at, stop in _segments(data):
        if name in FRAMES:
            frame = name
        if name == SCAN:
            parts += [data[copied:at], RESTART.sub(lambda restart: MORE + restart[0], data[at:stop]), MORE]
            copied = stop
    return frame, b"".join([*parts, data[copied:]])


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """The segments of a JPEG up to its end: the marker, and from where to where bits stand behind it, in a scan."""
    at = 2
    while (marker := MARKER.search(data, at)) and marker[1][0] != END:
        name, at = marker[1][0], marker.end()
        if name not in WITHOUT_LENGTH:
            at += int.from_bytes(data[at : at + 2])
        begin = at
        if name == SCAN:
            end = END_OF_BITS.search(data, at)
            at = end.start() if end else len(data)
        yield name, begin, at


def _tiff_lacks(data: bytes, tags: Mapping[int, Any]) -> bool:
    width, height, tiled = tags[WIDTH], tags[HEIGHT], TILE_WIDTH in tags
    across, down = (tags[TILE_WIDTH], tags[TILE_HEIGHT]) if tiled else (width, tags.get(ROWS_PER_STRIP, height))
    planes = tags.get(SAMPLES, 1) if tags.get(PLANES) == SEPARATE else 1
    in_a_plane = ceil(width / across) * ceil(height / down)
    begins = tags[TILES[0] if tiled else STRIPS[0]]
    if len(begins) < planes * in_a_plane:
        return True
    if tags.get(COMPRESSION, UNCOMPRESSED) != UNCOMPRESSED or tags.get(PHOTOMETRIC) == YCBCR:
        return False  # their length says nothing, and the decoder itself notices
    bits = tags.get(BITS, (1,))
    row = ceil(across * (sum(bits) if len(bits) > 1 else bits[0] * tags.get(SAMPLES, 1)) / planes / 8)
    lengths = tags.get(TILES[1] if tiled else STRIPS[1], [len(data)] * len(begins))
    for part, (begin, length) in enumerate(zip(begins, lengths, strict=False)):
        rows = down if tiled else min(down, height - part % in_a_plane * down)
        if min(length, len(data) - begin) < rows * row:
            return True
    return False
