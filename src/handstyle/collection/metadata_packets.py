"""Where in a picture's bytes do its metadata stand?

XMP, IPTC, EXIF, comments and content credentials, wherever PNG, JPEG, WebP and TIFF keep them, and XMP or credentials
that stand anywhere else. Nothing is interpreted here but lengths.

ISO 10918-1; https://www.w3.org/TR/png-3/; Adobe XMP specification, part 3; C2PA 2.2, A.3.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections import defaultdict
from collections.abc import Iterator
from typing import Literal, NamedTuple

from handstyle.collection import tiff_tags
from handstyle.collection.formats import FileFormat

LARGEST = 64 << 20  # bytes of a text once it is unpacked
LARGEST_XMP = 16 << 20  # bytes
MOST_STRAYS = 64

Kind = Literal["xmp", "iptc", "text", "credentials", "damaged"]

END_OF_BITS = re.compile(rb"\xff+[\x01-\xcf\xd8-\xfe]")  # of a JPEG
WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
SCAN, END, COMMENT, APP1, APP11, APP13 = 0xDA, 0xD9, 0xFE, 0xE1, 0xEB, 0xED
XMP_HEAD, EXTENDED_HEAD = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
EXTENDED = re.compile(rb"""HasExtendedXMP\s*(?:=\s*["']|>\s*)([0-9A-Fa-f]{32})""")
RESOURCES_HEAD = b"Photoshop 3.0\0"
IPTC_RESOURCE, XMP_RESOURCE, EXIF_RESOURCE = 0x0404, 0x0424, 0x0422
# A JUMBF description box whose type is `c2pa`: ISO 19566-5, C2PA 2.2 section 11.1.
CREDENTIALS = b"jumdc2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71"
PACKET = re.compile(
    rb"<(?P<name>(?:[A-Za-z_][\w.-]{0,40}:)?(?:xmpmeta(?=[\s>])|RDF(?=\s[^>]{0,999}22-rdf-syntax-ns#)))"
)


class Packet(NamedTuple):
    kind: Kind
    where: str  # in the file, for people
    data: bytes  # of `damaged`: why, in words
    key: str = ""  # of a text: what it is called


class _Damaged(Exception):
    """Why something that is there cannot be read."""


def packets_in(data: bytes, kind: FileFormat) -> list[Packet]:
    read = {"PNG": _in_png, "JPEG": _in_jpeg, "WebP": _in_webp, "TIFF": _in_tiff}[kind]
    found = list(read(data))
    known = [packet.data for packet in found if packet.kind == "xmp"]
    if not any(packet.kind == "credentials" for packet in found) and CREDENTIALS in data:
        found.append(Packet("credentials", "content credentials outside of their place", b""))
    return found + list(_strays(data, known))


def _strays(data: bytes, known: list[bytes]) -> Iterator[Packet]:
    """XMP that stands where no reader of this format looks for it: some programs find it all the same."""
    at = 0
    for _ in range(MOST_STRAYS):
        match = PACKET.search(data, at)
        if match is None:
            return
        stop = data.find(b"</" + match["name"], match.end(), match.end() + LARGEST_XMP)
        end = data.find(b">", stop) + 1 if stop >= 0 else 0
        packet = data[match.start() : end or match.end() + 200]
        at = max(end, match.end())
        if not any(packet in other for other in known):
            yield Packet("xmp", "XMP outside of its place", packet)


# JPEG


def _in_jpeg(data: bytes) -> Iterator[Packet]:
    extended: dict[bytes, list[tuple[int, bytes]]] = defaultdict(list)
    resources: list[bytes] = []
    wanted: set[bytes] = set()
    for name, content in _segments(data):
        if name == APP1 and content.startswith(XMP_HEAD):
            packet = content[len(XMP_HEAD) :]
            wanted.update(EXTENDED.findall(packet))
            yield Packet("xmp", "XMP", packet)
        elif name == APP1 and content.startswith(EXTENDED_HEAD) and len(content) >= len(EXTENDED_HEAD) + 40:
            head = len(EXTENDED_HEAD)
            offset = int.from_bytes(content[head + 36 : head + 40])
            extended[content[head : head + 32]].append((offset, content[head + 40 :]))
        elif name == APP1 and content.startswith(b"Exif\0"):
            yield from _exif(content[6:])
        elif name == APP13 and content.startswith(RESOURCES_HEAD):
            resources.append(content[len(RESOURCES_HEAD) :])
        elif name == APP11 and content[:2] == b"JP" and content[12:16] == b"jumb":
            yield Packet("credentials", "JUMBF in APP11", b"")
        elif name == COMMENT:
            yield Packet("text", "JPEG comment", content, "comment")
    yield from _resources(b"".join(resources), "APP13")
    for identifier in sorted(wanted | set(extended)):
        pieces = sorted(extended.get(identifier, ()))
        ends = [0, *(offset + len(piece) for offset, piece in pieces)]
        if not pieces or [offset for offset, _ in pieces] != ends[:-1]:
            yield _damaged("XMP", "its second part is not there, or not whole")
        else:
            yield Packet("xmp", "second part of the XMP", b"".join(piece for _, piece in pieces))


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        name = data[at + 1]
        if name == 0xFF:  # padding
            at += 1
            continue
        at += 2
        if name == END:
            return
        if name in WITHOUT_LENGTH:
            continue
        length = int.from_bytes(data[at : at + 2])
        yield name, data[at + 2 : at + length]
        at += length
        if name == SCAN:
            end = END_OF_BITS.search(data, at)
            if end is None:
                return
            at = end.start()


def _resources(data: bytes, where: str) -> Iterator[Packet]:
    """Photoshop's image resources: `8BIM`, number, name, length, content; each part padded to two bytes."""
    at = 0
    while at + 12 <= len(data):
        if data[at : at + 4] not in (b"8BIM", b"PHUT", b"MeSa", b"AgHg", b"DCSR"):
            yield _damaged(f"image resources in {where}", "they are not laid out as they must be")
            return
        number = int.from_bytes(data[at + 4 : at + 6])
        at += 6 + (data[at + 6] + 2) // 2 * 2
        length = int.from_bytes(data[at : at + 4])
        content = data[at + 4 : at + 4 + length]
        if len(content) < length or at + 4 > len(data):
            yield _damaged(f"image resources in {where}", "they are cut short")
            return
        if number == IPTC_RESOURCE:
            yield Packet("iptc", f"IPTC in {where}", content)
        elif number == XMP_RESOURCE:
            yield Packet("xmp", f"XMP in {where}", content)
        elif number == EXIF_RESOURCE:
            yield from _exif(content)
        at += 4 + (length + 1) // 2 * 2
    if data[at:].strip(b"\0"):
        yield _damaged(f"image resources in {where}", "they are cut short")


# PNG


def _in_png(data: bytes) -> Iterator[Packet]:
    at = 8
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        content = data[at + 8 : at + 8 + length]
        at += length + 12
        if name in (b"tEXt", b"zTXt", b"iTXt"):
            yield from _png_text(name.decode(), content)
        elif name == b"eXIf":
            yield from _exif(content.removeprefix(b"Exif\0\0"))
        elif name == b"caBX":
            yield Packet("credentials", "caBX chunk", b"")
        elif name == b"IEND":
            return


def _png_text(chunk: str, content: bytes) -> Iterator[Packet]:
    key, _, rest = content.partition(b"\0")
    word = key.decode("latin-1")
    where = f"{chunk} chunk {word!r:.90}"
    try:
        if chunk == "zTXt":
            rest = _unpacked(rest[1:])
        elif chunk == "iTXt":
            packed, (_, _, rest) = rest[:1] == b"\1", _three(rest[2:])
            rest = _unpacked(rest) if packed else rest
        if word == "XML:com.adobe.xmp":
            yield Packet("xmp", "XMP", rest)
        elif word.startswith("Raw profile type "):
            yield from _raw_profile(word.removeprefix("Raw profile type ").strip().lower(), rest)
        else:
            text = rest if chunk == "iTXt" else rest.decode("latin-1").encode()
            yield Packet("text", where, text, word)
    except _Damaged as damaged:
        yield _damaged(where, str(damaged))


def _three(rest: bytes) -> tuple[bytes, bytes, bytes]:
    """Language, the key in that language, and the text."""
    parts = rest.split(b"\0", 2)
    if len(parts) < 3:
        raise _Damaged("it is cut short")
    return parts[0], parts[1], parts[2]


def _unpacked(packed: bytes) -> bytes:
    unpacking = zlib.decompressobj()
    try:
        data = unpacking.decompress(packed, LARGEST)
    except zlib.error as error:
        raise _Damaged("it cannot be unpacked") from error
    if not unpacking.eof:
        raise _Damaged("it is cut short, or larger than it may be")
    return data


def _raw_profile(name: str, text: bytes) -> Iterator[Packet]:
    """How ImageMagick keeps other metadata in a PNG: a name, a length, and hexadecimal digits."""
    try:
        _, _, rest = text.lstrip().partition(b"\n")
        content = bytes.fromhex(b"".join(rest.split()[1:]).decode("ascii"))
    except ValueError:
        raise _Damaged("its digits cannot be read") from None
    if name in ("exif", "app1"):
        is_xmp = content.startswith(XMP_HEAD)
        yield from (
            [Packet("xmp", "XMP", content[len(XMP_HEAD) :])] if is_xmp else _exif(content.removeprefix(b"Exif\0\0"))
        )
    elif name == "xmp":
        yield Packet("xmp", "XMP", content.removeprefix(XMP_HEAD))
    elif name in ("iptc", "8bim"):
        if content.startswith((b"8BIM", RESOURCES_HEAD)):
            yield from _resources(content.removeprefix(RESOURCES_HEAD), "a raw profile")
        else:
            yield Packet("iptc", "IPTC in a raw profile", content)


# WebP and TIFF


def _in_webp(data: bytes) -> Iterator[Packet]:
    at = 12
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        content = data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
        if name == b"XMP ":
            yield Packet("xmp", "XMP", content)
        elif name == b"EXIF":
            yield from _exif(content.removeprefix(b"Exif\0\0"))
        elif name == b"C2PA":
            yield Packet("credentials", "C2PA chunk", b"")


def _in_tiff(data: bytes) -> Iterator[Packet]:
    yield from _tags(data, "TIFF")


def _exif(data: bytes) -> Iterator[Packet]:
    yield from _tags(data, "EXIF")


TEXTS = {
    tiff_tags.DESCRIPTION: "ImageDescription", tiff_tags.SOFTWARE: "Software", tiff_tags.ARTIST: "Artist",
    tiff_tags.COPYRIGHT: "Copyright", tiff_tags.USER_COMMENT: "UserComment", tiff_tags.XP_COMMENT: "XPComment",
    tiff_tags.XP_KEYWORDS: "XPKeywords", tiff_tags.XP_SUBJECT: "XPSubject",
}  # fmt: skip


def _tags(data: bytes, where: str) -> Iterator[Packet]:
    for tag in tiff_tags.tags_in(data):
        number, value = tag.number, tag.value
        name = TEXTS.get(number, f"tag {number}")
        if number == tiff_tags.C2PA:
            yield Packet("credentials", f"tag {number} of the {where}", b"")
        elif value is None:
            yield _damaged(f"{where} {name}", "its value lies outside of the file")
        elif number == tiff_tags.XMP:
            yield Packet("xmp", f"XMP in the {where}", value)
        elif number == tiff_tags.IPTC:
            yield Packet("iptc", f"IPTC in the {where}", value)
        elif number == tiff_tags.RESOURCES:
            yield from _resources(value, f"the {where}")
        elif name in ("XPComment", "XPKeywords", "XPSubject"):
            yield Packet("text", f"{where} {name}", value.decode("utf-16-le", "replace").encode(), name)
        elif name == "UserComment":
            yield Packet("text", f"{where} {name}", _comment(value), name)
        else:
            yield Packet("text", f"{where} {name}", value, name)


def _comment(value: bytes) -> bytes:
    """Its first eight bytes name the code of its letters."""
    if value.startswith(b"UNICODE\0"):
        return max((value[8:].decode(code, "ignore") for code in ("utf-16-le", "utf-16-be")),
                   key=lambda text: sum(letter.isascii() for letter in text)).encode("utf-8", "replace")  # fmt: skip
    return value[8:] if value[:8] in (b"ASCII\0\0\0", b"JIS\0\0\0\0\0", bytes(8)) else value


def _damaged(where: str, why: str) -> Packet:
    return Packet("damaged", where, why.encode())
