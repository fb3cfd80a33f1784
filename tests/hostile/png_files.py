"""How is a PNG written byte by byte, rightly or wrongly?

Everything is made from the samples themselves, without a library that knows the format, so that what comes out of a
decoder can be compared with what went in.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
# Each of the seven passes of an interlaced picture: first pixel and step, down and across.
ADAM7 = ((0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1))

Samples = NDArray[np.integer]


def chunk(kind: bytes, body: bytes = b"", *, length: int | None = None, crc: int | None = None) -> bytes:
    """One chunk; `length` and `crc` may lie."""
    said = len(body) if length is None else length
    checked = zlib.crc32(kind + body) if crc is None else crc
    return struct.pack(">I", said) + kind + body + struct.pack(">I", checked)


def head(
    width: int,
    height: int,
    depth: int = 8,
    colour: int = RGB,
    compression: int = 0,
    filters: int = 0,
    interlaced: int = 0,
) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, compression, filters, interlaced))


def head_of(samples: Samples, depth: int = 8, colour: int = RGB, interlaced: int = 0) -> bytes:
    return head(samples.shape[1], samples.shape[0], depth, colour, interlaced=interlaced)


def rows(samples: Samples, depth: int = 8, filtered: int = 0) -> bytes:
    """Row by row, each behind the byte that names its filter."""
    flat = samples.reshape(samples.shape[0], -1)
    if depth == 16:
        packed = flat.astype(">u2").view(np.uint8).reshape(samples.shape[0], -1)
    else:
        bits = np.unpackbits(flat.astype(np.uint8)[..., None], axis=-1)[..., 8 - depth :]
        packed = np.packbits(bits.reshape(samples.shape[0], -1), axis=-1)
    return b"".join(bytes([filtered]) + row.tobytes() for row in packed)


def passes(samples: Samples, depth: int = 8) -> bytes:
    parts = [samples[y::dy, x::dx] for y, dy, x, dx in ADAM7]
    return b"".join(rows(part, depth) for part in parts if part.size)


def data(filtered_rows: bytes) -> bytes:
    return chunk(b"IDAT", zlib.compress(filtered_rows))


END = chunk(b"IEND")


def png(*chunks: bytes) -> bytes:
    return SIGNATURE + b"".join(chunks)


def whole(samples: Samples, depth: int = 8, colour: int = RGB, *before: bytes, interlaced: bool = False) -> bytes:
    """A PNG as it should be, with chunks of one's own between its header and its pixels."""
    packed = passes(samples, depth) if interlaced else rows(samples, depth)
    return png(head_of(samples, depth, colour, int(interlaced)), *before, data(packed), END)
