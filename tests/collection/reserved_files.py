"""Pictures whose bytes carry reservations, written as other programs write them: what the tests of reservations use."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

from PIL import Image, TiffImagePlugin

from handstyle.collection.embedded_reservations import readings_in
from handstyle.collection.formats import FileFormat
from handstyle.collection.reservation_values import Reading

VOCABULARY = "http://ns.useplus.org/ldf/vocab/"
SPACES = (
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/" '
    'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:tdm="http://www.w3.org/ns/tdmrep/" '
    'xmlns:dcterms="http://purl.org/dc/terms/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
    'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#" '
    'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:rsl="https://rslstandard.org/rsl" xmlns:my="urn:mine"'
)


def xmp(inside: str = "", attributes: str = "") -> bytes:
    """A packet as Adobe's programs write it."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        f'{SPACES}><rdf:Description rdf:about="" {attributes}>{inside}</rdf:Description></rdf:RDF></x:xmpmeta>'
        f'{" " * 200}<?xpacket end="w"?>'
    ).encode()


def plus(value: str) -> bytes:
    return xmp(attributes=f'plus:DataMining="{VOCABULARY}{value}"')


def picture() -> Image.Image:
    return Image.new("RGB", (24, 16), "red")


def saved(kind: FileFormat, **options: object) -> bytes:
    file = io.BytesIO()
    picture().save(file, kind.upper(), **options)  # type: ignore[arg-type]
    return file.getvalue()


def with_xmp(kind: FileFormat, packet: bytes) -> bytes:
    if kind == "PNG":
        return with_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)
    if kind == "TIFF":
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[700], tags.tagtype[700] = packet, 1
        return saved(kind, tiffinfo=tags)
    return saved(kind, xmp=packet)


def with_chunk(*parts: bytes) -> bytes:
    """A PNG with a chunk before its pixels: name, content, name, content..."""
    data = saved("PNG")
    made = b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in zip(parts[::2], parts[1::2], strict=True)
    )
    return data[:33] + made + data[33:]


def with_segment(*parts: tuple[int, bytes]) -> bytes:
    """A JPEG with segments behind its first two bytes."""
    data = saved("JPEG")
    made = b"".join(bytes([0xFF, name]) + struct.pack(">H", len(content) + 2) + content for name, content in parts)
    return data[:2] + made + data[2:]


def iptc(*sets: tuple[int, int, bytes]) -> bytes:
    return b"".join(b"\x1c" + bytes([record, number]) + struct.pack(">H", len(text)) + text
                    for record, number, text in sets)  # fmt: skip


def resource(number: int, content: bytes) -> bytes:
    return (
        b"8BIM"
        + struct.pack(">H", number)
        + b"\0\0"
        + struct.pack(">I", len(content))
        + content
        + bytes(len(content) % 2)
    )


def with_iptc(content: bytes) -> bytes:
    return with_segment((0xED, b"Photoshop 3.0\0" + resource(0x0404, content)))


def with_exif(kind: FileFormat, **tags: str) -> bytes:
    numbers = {"Copyright": 33432, "Software": 305, "ImageDescription": 270, "Artist": 315}
    exif = Image.Exif()
    for name, value in tags.items():
        exif[numbers[name]] = value
    return saved(kind, exif=exif)


def jumbf(box: bytes = b"jumd") -> bytes:
    """The beginning of a C2PA manifest store, which holds no manifest."""
    description = b"c2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71\x03c2pa\0"
    inner = struct.pack(">I", len(description) + 8) + box + description
    return struct.pack(">I", len(inner) + 8) + b"jumb" + inner


def readings(data: bytes, kind: FileFormat = "PNG") -> tuple[Reading, ...]:
    return readings_in(data, kind)


Carrier = Callable[[bytes], tuple[bytes, FileFormat]]
