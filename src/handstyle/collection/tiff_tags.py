"""What do the tags of a TIFF, or of an EXIF block, hold that concerns rights?

Folders of tags are followed as far as they go, each once, and only the values of the tags named here are read. A block
that is no TIFF at all says nothing; a tag whose value lies outside of the file is there and cannot be read.

TIFF 6.0; CIPA DC-008 (EXIF); BigTIFF.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

DESCRIPTION, SOFTWARE, ARTIST, XMP, COPYRIGHT, IPTC, RESOURCES = 270, 305, 315, 700, 33432, 33723, 34377
USER_COMMENT, XP_COMMENT, XP_AUTHOR, XP_KEYWORDS, XP_SUBJECT, C2PA = 37510, 40092, 40093, 40094, 40095, 52545
WANTED = frozenset({DESCRIPTION, SOFTWARE, ARTIST, XMP, COPYRIGHT, IPTC, RESOURCES, USER_COMMENT, XP_COMMENT,
                    XP_KEYWORDS, XP_SUBJECT, C2PA})  # fmt: skip
SUB_FOLDERS, EXIF_FOLDER, INTEROPERABILITY = 330, 34665, 40965
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}  # bytes
MOST_FOLDERS = 256


class Tag(NamedTuple):
    number: int
    kind: int  # type of its values; 2 is ASCII
    value: bytes | None  # None: it lies outside of the file


class _Layout(NamedTuple):
    order: str
    many: str  # of the tags in a folder
    entry: str  # tag, type, number of values; the value, or where it stands, follows
    pointer: str


def tags_in(data: bytes) -> Iterator[Tag]:
    layout = _layout(data)
    if layout is None:
        return
    width = struct.calcsize(layout.pointer)
    waiting, seen = [_number(data, layout.pointer, 8 if width == 8 else 4)], set[int]()
    while waiting:
        at = waiting.pop()
        if at is None or at in seen or len(seen) >= MOST_FOLDERS or at <= 0:
            continue
        seen.add(at)
        number = _number(data, layout.many, at) or 0
        first, step = at + struct.calcsize(layout.many), struct.calcsize(layout.entry) + width
        for place in range(first, first + number * step, step):
            if place + step > len(data):
                break
            tag, kind, many = struct.unpack_from(layout.entry, data, place)
            if tag in WANTED:
                yield Tag(tag, kind, _value(data, layout, place, kind, many))
            elif tag in (SUB_FOLDERS, EXIF_FOLDER):
                value = _value(data, layout, place, kind, min(many, MOST_FOLDERS)) or b""
                size = SIZES.get(kind, 4)
                pointer = layout.order + {4: "I", 8: "Q"}.get(size, "I")
                waiting += [_number(value, pointer, start) for start in range(0, len(value) - size + 1, size)]
        waiting.append(_number(data, layout.pointer, first + number * step))


def _layout(data: bytes) -> _Layout | None:
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        return None
    version = struct.unpack_from(f"{order}H", data, 2)[0]
    if version == 43:
        return _Layout(order, f"{order}Q", f"{order}HHQ", f"{order}Q")
    return _Layout(order, f"{order}H", f"{order}HHI", f"{order}I") if version == 42 else None


def _number(data: bytes, kind: str, at: int) -> int | None:
    return int(struct.unpack_from(kind, data, at)[0]) if 0 <= at <= len(data) - struct.calcsize(kind) else None


def _value(data: bytes, layout: _Layout, place: int, kind: int, many: int) -> bytes | None:
    width = struct.calcsize(layout.pointer)
    inline = place + struct.calcsize(layout.entry)
    size = SIZES.get(kind, 1) * many
    at = inline if size <= width else _number(data, layout.pointer, inline)
    return None if at is None or at + size > len(data) else data[at : at + size]
