"""Are the chunks of a PNG where they belong, and do they hold all its pixels?

A decoder takes the last of two headers, passes over what it does not know, and leaves black what is not there. In a
PNG every byte of the pixels can be counted, so nothing of that need go unnoticed.

https://www.w3.org/TR/png-3/
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # colour type -> samples a pixel
# Where each of the seven passes of an interlaced PNG begins, and how far it is to its next pixel: x, y, dx, dy.
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
CRITICAL = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
ONCE_BEFORE_PIXELS = frozenset({b"IHDR", b"PLTE", b"tRNS"})
STEP = 1 << 20  # bytes


def fault_in_png(data: bytes) -> str | None:
    """What is wrong with a PNG whose checksums hold."""
    packed, wanted, seen = zlib.decompressobj(), 0, set[bytes]()
    width = height = 0
    for name, content in _chunks(data):
        if (name == b"IHDR") != (not seen):
            return "its header is not its first part, or not its only one"
        if name in ONCE_BEFORE_PIXELS and (name in seen or b"IDAT" in seen):
            return f"its part {name.decode()} is there twice, or too late"
        if name[:1].isupper() and name not in CRITICAL:
            return f"its part {name.decode()} would have to be understood, and is not"
        seen.add(name)
        if name == b"IHDR":
            width, height = struct.unpack(">II", content[:8])
            wanted = _bytes_of_pixels(*struct.unpack(">IIBBBBB", content[:13]))
        elif name == b"fcTL" and b"IDAT" not in seen and struct.unpack(">4I", content[4:20]) != (width, height, 0, 0):
            return "its first picture is only a part of it"
        elif name == b"IDAT" and wanted > 0:
            wanted -= _unpacked(packed, content, wanted)
    return "pixels are missing" if wanted > len(packed.flush()) else None


def depth_of_png(data: bytes) -> int:
    """Bits a sample, out of a header that is where it belongs."""
    return data[24]


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8  # behind the signature
    while at + 8 <= len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        if name == b"IEND":  # what stands behind it is no part of the picture
            return
        yield name, data[at + 8 : at + 8 + length]
        at += length + 12


def _unpacked(packed: zlib._Decompress, content: bytes, most: int) -> int:
    """How many bytes come out, as soon as they are enough."""
    found, pending = 0, content
    while pending and found < most and not packed.eof:
        found += len(packed.decompress(pending, STEP))
        pending = packed.unconsumed_tail
    return found


def _bytes_of_pixels(width: int, height: int, depth: int, colour: int, _: int, __: int, interlaced: int) -> int:
    passes = PASSES if interlaced else ((0, 0, 1, 1),)
    sizes = [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in passes]
    bits = depth * CHANNELS.get(colour, 0)
    # A row begins with the byte that names its filter. A pass without a pixel has no rows.
    return sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in sizes if columns > 0 and rows > 0)
