"""How are pictures taken apart and put together, with lengths and checksums that hold?"""

from __future__ import annotations

import struct
import zlib

from tests.hostile.mutations import LONGEST_INPUT


def png_parts(data: bytes) -> list[bytes]:
    """Name and content of each chunk; pixels unpacked."""
    parts, at = [], 8
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        name, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        if name == b"IDAT":
            try:
                name, content = b"idat", zlib.decompressobj().decompress(content, LONGEST_INPUT)
            except zlib.error:
                name = b"IDAT"
        parts.append(name + content)
        at += length + 12
    return parts


def png_of(parts: list[bytes]) -> bytes:
    chunks = [b"\x89PNG\r\n\x1a\n"]
    for part in parts:
        part = b"IDAT" + zlib.compress(part[4:], 1) if part[:4] == b"idat" else part
        chunks.append(struct.pack(">I", max(0, len(part) - 4)) + part + struct.pack(">I", zlib.crc32(part)))
    return b"".join(chunks)


def jpeg_parts(data: bytes) -> list[bytes]:
    """Marker and content of each segment; the last one runs to the end."""
    parts, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        scan = data[at + 1] == 0xDA
        end = (data.find(b"\xff\xc4", at + 2) if scan and b"\xff\xc2" in data else -1) if scan else at + 2 + length
        end = len(data) if end < 0 else end
        parts.append(data[at + 1 : at + 2] + data[at + 4 : end])
        at = end
    return parts


def jpeg_of(parts: list[bytes]) -> bytes:
    segments = [b"\xff\xd8"]
    for part in parts:
        # A scan says the length of its header alone: components, two bytes each, and six.
        length = 6 + 2 * part[1] if part[:1] == b"\xda" and len(part) > 1 else len(part) + 1
        segments.append(b"\xff" + part[:1] + struct.pack(">H", length & 0xFFFF) + part[1:])
    return b"".join(segments)


def webp_parts(data: bytes) -> list[bytes]:
    parts, at = [], 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        parts.append(data[at : at + 4] + data[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
    return parts


def webp_of(parts: list[bytes]) -> bytes:
    body = b"".join(
        part[:4].ljust(4) + struct.pack("<I", len(part[4:])) + part[4:] + b"\0" * (len(part[4:]) % 2) for part in parts
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
