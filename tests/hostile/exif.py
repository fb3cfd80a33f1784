"""How is EXIF written byte by byte, rightly or wrongly?"""

from __future__ import annotations

import struct

Entry = tuple[int, int, int, bytes]  # tag, type, how many, the value or where it stands


def entries(*listed: Entry, following: int = 0, order: str = "<") -> bytes:
    start = b"II*\0" if order == "<" else b"MM\0*"
    body = b"".join(struct.pack(f"{order}HHI", *entry[:3]) + entry[3] for entry in listed)
    return start + struct.pack(f"{order}IH", 8, len(listed)) + body + struct.pack(f"{order}I", following)


def orientation(number: int, order: str = "<") -> bytes:
    return entries((0x112, 3, 1, struct.pack(f"{order}HH", number, 0)), order=order)
