"""How is a TIFF written byte by byte, rightly or wrongly?"""

from __future__ import annotations

import struct
from typing import Any

from tests.hostile.samples import Pixels

BYTE, ASCII, SHORT, LONG, RATIONAL, SIGNED_LONG, FLOAT = 1, 2, 3, 4, 5, 9, 11
LETTERS = {BYTE: "B", SHORT: "H", LONG: "I", SIGNED_LONG: "i", FLOAT: "f"}
PIXELS_AT = 8  # right behind the head

Tags = dict[int, tuple[int, Any]]  # tag -> type of number, values


def tags_of(samples: Pixels, bits: int = 8, photometric: int = 2, size: int | None = None, **changes: Any) -> Tags:
    """Those of one strip; `t273=(LONG, 8)` changes a tag, and None leaves it out."""
    height, width, channels = samples.shape
    tags: Tags = {
        256: (SHORT, width),
        257: (SHORT, height),
        258: (SHORT, (bits,) * channels),
        259: (SHORT, 1),
        262: (SHORT, photometric),
        273: (LONG, PIXELS_AT),
        277: (SHORT, channels),
        278: (SHORT, height),
        279: (LONG, samples.nbytes if size is None else size),
    }
    for name, change in changes.items():
        tags.pop(int(name[1:]), None)
        if change is not None:
            tags[int(name[1:])] = change
    return tags


def tiff(
    tags: Tags,
    pixels: bytes,
    order: str = "<",
    directory: int | None = None,
    entries: int | None = None,
    following: int = 0,
) -> bytes:
    """The pixels, then the directory of tags; where it lies, what it holds and what follows it may be lies."""
    at = PIXELS_AT + len(pixels) + len(pixels) % 2
    listed, besides = b"", b""
    for tag, (kind, given) in sorted(tags.items()):
        values = given if isinstance(given, tuple | bytes) else (given,)
        raw = values if isinstance(values, bytes) else struct.pack(f"{order}{len(values)}{LETTERS[kind]}", *values)
        if len(raw) > 4:
            raw, besides = struct.pack(f"{order}I", at + 6 + 12 * len(tags) + len(besides)), besides + raw
        listed += struct.pack(f"{order}HHI", tag, kind, len(values)) + raw.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", at if directory is None else directory)
    number = struct.pack(f"{order}H", len(tags) if entries is None else entries)
    return (
        head.ljust(PIXELS_AT)
        + pixels.ljust(at - PIXELS_AT, b"\0")
        + number
        + listed
        + struct.pack(f"{order}I", following)
        + besides
    )
