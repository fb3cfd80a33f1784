"""Does a file hold as many pixels as its header promises?

Decoders fill what is missing with black or grey and say nothing. In a PNG every byte can be counted. A JPEG is only
known to need so many bits at least: one that was damaged in its middle can still come out wrong.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # PNG colour type -> samples a pixel
# Where each of the seven passes of an interlaced PNG begins, and how far it is to its next pixel: x, y, dx, dy.
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
BLOCK = 64  # pixels of one channel
# Huffman-coded frames -> bits a block takes at least: a code for its first coefficient and, unless later scans bring
# the others, one for their end.
FEWEST_BITS = {0xC0: 2, 0xC1: 2, 0xC2: 1}
STEP = 1 << 20  # bytes


def lacks_pixels(data: bytes, kind: str) -> bool:
    """Of a PNG or JPEG that decodes; of other formats the decoder itself notices."""
    if kind == "PNG":
        return _png_lacks(data)
    return kind == "JPEG" and _jpeg_lacks(data)


def _png_lacks(data: bytes) -> bool:
    packed = zlib.decompressobj()
    wanted, pending = 0, b""
    for name, content in _chunks(data):
        if name == b"IHDR":
            wanted = _png_bytes(*struct.unpack(">IIBBBBB", content[:13]))
        elif name == b"IDAT" and wanted > 0:
            pending = content
            while pending and wanted > 0 and not packed.eof:
                wanted -= len(packed.decompress(pending, STEP))
                pending = packed.unconsumed_tail
    return wanted > len(packed.flush())


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8  # behind the signature
    while at + 8 <= len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        yield name, data[at + 8 : at + 8 + length]
        at += length + 12


def _png_bytes(width: int, height: int, depth: int, colour: int, _: int, __: int, interlaced: int) -> int:
    passes = PASSES if interlaced else ((0, 0, 1, 1),)
    sizes = [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in passes]
    bits = depth * CHANNELS.get(colour, 0)
    # A row begins with the byte that names its filter. A pass without a pixel has no rows.
    return sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in sizes if columns > 0 and rows > 0)


def _jpeg_lacks(data: bytes) -> bool:
    at = 2
    fewest_bits = 0
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if marker == 0xFF:  # filling
            at += 1
            continue
        if marker in FEWEST_BITS:
            height, width, channels = struct.unpack(">HHB", data[at + 5 : at + 10])
            samples = list(data[at + 11 : at + 10 + 3 * channels : 3])
            fewest_bits = FEWEST_BITS[marker] * _blocks(width, height, samples)
        if marker == 0xDA:
            return (len(data) - at) * 8 < fewest_bits
        at += 2 + length
    return False


def _blocks(width: int, height: int, sampling: list[int]) -> int:
    """Blocks of all channels; each byte of `sampling` says how finely one is kept, across and down."""
    finest = max((byte >> 4 for byte in sampling), default=1), max((byte & 15 for byte in sampling), default=1)
    return sum(
        width * (byte >> 4) // max(1, finest[0]) * (height * (byte & 15) // max(1, finest[1])) // BLOCK
        for byte in sampling
    )
