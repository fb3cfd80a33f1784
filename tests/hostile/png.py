"""PNG, APNG and what is stored in them: what is shown, what is refused?"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from tests.hostile import exif
from tests.hostile.case import Case, refused, shows
from tests.hostile.pictures import picture
from tests.hostile.png_files import END, GREY_ALPHA, PALETTE, RGB, RGBA, chunk, data, head, head_of, png, rows, whole
from tests.hostile.png_files import GREY as GREY_TYPE
from tests.hostile.samples import GREY, NOISE, SIXTEEN, TRANSLUCENT, eight_bit, grey, on_white, random, turned

HEAD, PACKED = head_of(NOISE), zlib.compress(rows(NOISE))
PIXELS = chunk(b"IDAT", PACKED)
GOOD = whole(NOISE)
TEXT = chunk(b"tEXt", b"Title\0a boat")
SAME = shows(NOISE)
DAMAGED, SENSELESS = refused("is damaged or cut short"), refused("its PNG header makes no sense")


def split(packed: bytes, size: int) -> bytes:
    return b"".join(chunk(b"IDAT", packed[at : at + size]) for at in range(0, len(packed), size))


CUT = [
    picture("cut behind its signature", GOOD[:8], refused("damaged")),
    picture("cut in its header", GOOD[:20], refused("damaged")),
    picture("cut behind its header", GOOD[:33], refused("damaged")),
    picture("cut in the length of its pixels", GOOD[:35], refused("damaged")),
    picture("cut in its pixels", GOOD[:120], DAMAGED),
    picture("cut behind its pixels", GOOD[:-12], DAMAGED),
    picture("cut in its last chunk", GOOD[:-6], DAMAGED),
    picture("without the checksum of its last chunk", GOOD[:-4], SAME),
    picture("its packed pixels end early, all checksums right", png(HEAD, chunk(b"IDAT", PACKED[:-40]), END), DAMAGED),
    picture("its packed pixels lack only their own checksum", png(HEAD, chunk(b"IDAT", PACKED[:-4]), END), SAME),
    picture("one row short", png(HEAD, data(rows(NOISE[:-1])), END), refused("pixels are missing")),
    picture(
        "a text where its pixels should go on",
        png(HEAD, chunk(b"IDAT", PACKED[:50]), TEXT, chunk(b"IDAT", PACKED[50:]), END),
        DAMAGED,
    ),
    picture("without pixels", png(HEAD, END), DAMAGED),
]

CHECKSUMS = [
    picture("wrong checksum of the header", png(chunk(b"IHDR", HEAD[8:21], crc=1), PIXELS, END), refused("damaged")),
    picture("wrong checksum of the pixels", png(HEAD, chunk(b"IDAT", PACKED, crc=1), END), DAMAGED),
    picture("wrong checksum of a text", png(HEAD, chunk(b"tEXt", b"a\0b", crc=1), PIXELS, END), refused("damaged")),
    picture("wrong checksum within the packed pixels", png(HEAD, chunk(b"IDAT", PACKED[:-4] + b"abcd"), END), DAMAGED),
    picture("a length up to the end of the world", png(HEAD, chunk(b"tEXt", b"a", length=2**31 - 1), PIXELS), DAMAGED),
    picture("a length beyond it", png(HEAD, chunk(b"IDAT", PACKED, length=2**32 - 1), END), DAMAGED),
    picture("a length that is one too much", png(HEAD, chunk(b"IDAT", PACKED, length=len(PACKED) + 1), END), DAMAGED),
]

HEADERS = [
    *(
        picture(f"claims {width} x {height} pixels", png(head(width, height), PIXELS, END), refused(words))
        for width, height, words in [
            (0, 9, "damaged"),
            (11, 0, "damaged"),
            (1, 9, "both sides need at least 8"),
            (12, 9, "damaged"),
            (11, 10, "pixels are missing"),
            (13_000, 13_000, "damaged"),
            (60_000, 60_000, "million pixels"),
            (2**31 - 1, 8, "million pixels"),
            (2**32 - 1, 2**32 - 1, "million pixels"),
        ]
    ),
    *(
        picture(
            f"claims {depth} bits of colour type {colour}",
            png(head(11, 9, depth, colour), PIXELS, END),
            refused("damaged"),
        )
        for depth, colour in [(0, 2), (3, 2), (4, 2), (32, 2), (16, 3), (8, 1), (8, 5), (8, 7)]
    ),
    picture("filtered by an unknown method", png(head(11, 9, filters=1), PIXELS, END), refused("damaged")),
    picture("a row with an unknown filter", png(HEAD, data(rows(NOISE, filtered=5)), END), DAMAGED),
    picture("packed without a head", png(HEAD, chunk(b"IDAT", PACKED[2:-4]), END), DAMAGED),
    picture("packed with a dictionary nobody has", png(HEAD, chunk(b"IDAT", b"\x78\xbb" + PACKED[2:]), END), DAMAGED),
    picture("a header that is too short", png(chunk(b"IHDR", HEAD[8:20]), PIXELS, END), refused("damaged")),
    picture("two headers that differ", png(HEAD, head(9, 11), PIXELS, END), refused("damaged")),
    picture("another header behind the pixels", png(HEAD, PIXELS, head(11, 12), END), refused("damaged")),
    picture("no header", png(PIXELS, END), refused("damaged")),
    picture("a chunk without a name", png(HEAD, chunk(b"\0\0\0\0"), PIXELS, END), refused("damaged")),
    picture("a chunk that must be understood and is not", png(HEAD, chunk(b"ABCD"), PIXELS, END), refused("damaged")),
    picture("made for one maker's telephones", png(chunk(b"CgBI", bytes(4)), HEAD, PIXELS, END), refused("damaged")),
    picture("says it is interlaced and is not", png(head_of(NOISE, interlaced=1), PIXELS, END), DAMAGED),
    picture("sent as a text, so that its line ends changed", GOOD.replace(b"\r\n", b"\n"), refused("is not a picture")),
    picture("behind a mark of order of bytes", b"\xef\xbb\xbf" + GOOD, refused("is not a picture")),
]

UNUSUAL = [
    picture("its pixels in a hundred chunks", png(HEAD, split(PACKED, 3), END), SAME),
    picture("empty chunks among its pixels", png(HEAD, chunk(b"IDAT"), PIXELS, chunk(b"IDAT"), END), SAME),
    picture("more rows than it says", png(HEAD, data(rows(NOISE) + bytes(500)), END), SAME),
    picture("junk behind its packed pixels", png(HEAD, chunk(b"IDAT", PACKED + b"junk"), END), SAME),
    picture("junk behind its end", GOOD + b"junk" * 1000, SAME),
    picture("another picture behind its end", GOOD + whole(255 - NOISE), SAME),
    picture("an archive behind its end", GOOD + b"PK\3\4" + bytes(100), SAME),
    picture("a page with a script behind its end", GOOD + b"<html><script>alert(1)</script>", SAME),
    *(
        picture(f"interlaced, {depth} bits", whole(random(1, 2**depth), depth, GREY_TYPE, interlaced=True),
                shows(grey(random(1, 2**depth).astype(int) * 255 // (2**depth - 1))))
        for depth in (1, 2, 4, 8)
    ),
    picture("interlaced, 16 bits", whole(SIXTEEN[..., :1], 16, GREY_TYPE, interlaced=True),
            shows(grey(eight_bit(SIXTEEN[..., :1])))),
    picture("interlaced, and its last pass is missing",
            png(head_of(NOISE, interlaced=1), data(rows(NOISE[::2, ::2])), END), DAMAGED),
    picture("16 bits of colour", whole(SIXTEEN, 16), shows(eight_bit(SIXTEEN), within=1)),
    picture("grey and translucent", whole(TRANSLUCENT[..., :2], 8, GREY_ALPHA),
            shows(on_white(np.concatenate([grey(TRANSLUCENT[..., :1]), TRANSLUCENT[..., 1:2]], 2)))),
]  # fmt: skip

INDEXED = random(1, 4, seed=7)
COLOURS = np.arange(12, dtype=np.uint8).reshape(4, 3) * 20
PALETTE_OF_4 = chunk(b"PLTE", COLOURS.tobytes())
PAINTED = COLOURS[INDEXED[..., 0]]


def indexed(*before: bytes, after: bytes = b"") -> bytes:
    return png(head_of(INDEXED, 8, PALETTE), *before, data(rows(INDEXED)), after, END)


LACKS_COLOURS = refused("lacks colours")
PALETTES = [
    picture("a palette", indexed(PALETTE_OF_4), shows(PAINTED)),
    picture("no palette", indexed(), refused("damaged")),
    picture("an empty palette", indexed(chunk(b"PLTE")), LACKS_COLOURS),
    picture("fewer colours than its pixels name", indexed(chunk(b"PLTE", COLOURS[:3].tobytes())), LACKS_COLOURS),
    picture("a third of a colour too few", indexed(chunk(b"PLTE", COLOURS.tobytes()[:10])), refused("damaged")),
    picture("a palette of 300 colours", indexed(chunk(b"PLTE", bytes(900))), refused("damaged")),
    picture("two palettes", indexed(PALETTE_OF_4, chunk(b"PLTE", bytes(12))), refused("damaged")),
    picture("a palette behind the pixels", indexed(after=PALETTE_OF_4), refused("damaged")),
    picture("a palette for a grey picture", whole(GREY, 8, GREY_TYPE, PALETTE_OF_4), shows(grey(GREY))),
]


def with_shade(depth: int, samples: np.ndarray, shade: tuple[int, ...], colour: int = GREY_TYPE) -> bytes:
    return whole(samples, depth, colour, chunk(b"tRNS", struct.pack(f">{len(shade)}H", *shade)))


def cleared(samples: np.ndarray, shade: int, most: int) -> np.ndarray:
    """White where the shade was, which stands for nothing."""
    return grey(np.where(samples == shade, 255, samples.astype(int) * 255 // most))


TRANSPARENCY = [
    *(
        picture(f"a transparent shade of {depth} bits", with_shade(depth, random(1, 2**depth), (1,)),
                shows(cleared(random(1, 2**depth), 1, 2**depth - 1)))
        for depth in (1, 2, 4, 8)
    ),
    picture("a transparent shade of half a number", whole(GREY, 8, GREY_TYPE, chunk(b"tRNS", b"\0")), DAMAGED),
    picture("a transparent colour of five bytes", whole(NOISE, 8, RGB, chunk(b"tRNS", b"12345")), DAMAGED),
    picture("a transparent colour of 16 bits", with_shade(16, SIXTEEN, (1, 2, 3), RGB), refused("a transparent")),
    picture("a transparent shade of 16 bits", with_shade(16, SIXTEEN[..., :1], (1,)), refused("a transparent")),
    picture("transparency twice over", with_shade(8, TRANSLUCENT, (1, 2, 3), RGBA), shows(on_white(TRANSLUCENT))),
    picture("more transparency than colours", indexed(PALETTE_OF_4, chunk(b"tRNS", b"\xff" * 8)), shows(PAINTED)),
    picture("more transparency than there can be", indexed(PALETTE_OF_4, chunk(b"tRNS", b"\xff" * 300)), DAMAGED),
    picture("nothing of its palette is transparent", indexed(PALETTE_OF_4, chunk(b"tRNS")), shows(PAINTED)),
]  # fmt: skip


def frames(number: int) -> bytes:
    return chunk(b"acTL", struct.pack(">II", number, 0))


def frame(order: int, width: int = 11, height: int = 9, x: int = 0, y: int = 0) -> bytes:
    return chunk(b"fcTL", struct.pack(">IIIIIHHBB", order, width, height, x, y, 1, 10, 0, 0))


SECOND = frame(1) + chunk(b"fdAT", struct.pack(">I", 2) + zlib.compress(rows(255 - NOISE)))
ANIMATIONS = [
    picture("moving", png(HEAD, frames(2), frame(0), PIXELS, SECOND, END), SAME),
    picture("moving only behind its first picture", png(HEAD, frames(1), PIXELS, frame(0), END), SAME),
    picture("two thousand million frames", png(HEAD, frames(2**31), frame(0), PIXELS, END), SAME),
    picture("no frames", png(HEAD, frames(0), frame(0), PIXELS, END), SAME),
    picture("half a word about its frames", png(HEAD, chunk(b"acTL", b"half"), PIXELS, END), DAMAGED),
    picture(
        "a first frame that is a part of it",
        png(HEAD, frames(2), frame(0, 5, 5), PIXELS, SECOND, END),
        refused("damaged"),
    ),
    picture("its rows for a part of it", png(HEAD, frame(0, 11, 4, 0, 5), PIXELS, END), refused("damaged")),
    picture(
        "a frame larger than itself", png(HEAD, frames(2), frame(0, 2**31, 2**31), PIXELS, END), refused("damaged")
    ),
    picture("a frame of no size", png(HEAD, frames(2), frame(0, 0, 0), PIXELS, END), refused("damaged")),
    picture("frames in no order", png(HEAD, frames(2), frame(5), PIXELS, END), refused("damaged")),
    picture("its first picture among the frames", png(HEAD, frames(2), frame(0), SECOND[38:], END), refused("damaged")),
]


def profile(packed: bytes) -> bytes:
    return chunk(b"iCCP", b"p\0\0" + packed)


def bomb(kind: bytes, before: bytes) -> bytes:
    return whole(NOISE, 8, RGB, chunk(kind, before + zlib.compress(bytes(100 << 20))))


BESIDES = [
    picture("a colour profile that is junk", whole(NOISE, 8, RGB, profile(zlib.compress(b"junk"))), SAME),
    picture("a colour profile that cannot be unpacked", whole(NOISE, 8, RGB, profile(b"junk")), SAME),
    picture("a colour profile without a name", whole(NOISE, 8, RGB, chunk(b"iCCP", b"p")), refused("damaged")),
    picture("a colour profile that unpacks to 100 MB", lambda: bomb(b"iCCP", b"p\0\0"), DAMAGED),
    picture("a text that unpacks to 100 MB", lambda: bomb(b"zTXt", b"a\0\0"), DAMAGED),
    picture("a text in all languages that unpacks to 100 MB", lambda: bomb(b"iTXt", b"a\0\1\0\0\0"), DAMAGED),
    picture("80 MB of texts", lambda: whole(NOISE, 8, RGB, *[chunk(b"tEXt", b"a\0" + bytes(1 << 20))] * 80), DAMAGED),
    picture("half a gamma", whole(NOISE, 8, RGB, chunk(b"gAMA", b"\0")), DAMAGED),
    picture("half a resolution", whole(NOISE, 8, RGB, chunk(b"pHYs", b"\0")), DAMAGED),
    picture(
        "metadata with a declaration of entities",
        whole(NOISE, 8, RGB, chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<!DOCTYPE a [<!ENTITY b 'c'>]><x>&b;</x>")),
        refused("declares types or entities", code=3),
    ),
]

TURNED = [
    *(
        picture(f"turned, number {number}", whole(NOISE, 8, RGB, chunk(b"eXIf", exif.orientation(number))),
                shows(turned(NOISE, number)))
        for number in range(1, 9)
    ),
    *(
        picture(f"EXIF {name}", whole(NOISE, 8, RGB, chunk(b"eXIf", content)), shows(pixels))
        for name, content, pixels in [
            ("that turns by 0", exif.orientation(0), NOISE),
            ("that turns by 9", exif.orientation(9), NOISE),
            ("of a large-endian machine", exif.orientation(6, ">"), turned(NOISE, 6)),
            ("in another type of number", exif.entries((0x112, 4, 1, struct.pack("<I", 6))), turned(NOISE, 6)),
            ("that turns by a text", exif.entries((0x112, 2, 2, b"6\0\0\0")), NOISE),
            ("that turns by not a number", exif.entries((0x112, 11, 1, struct.pack("<f", float("nan")))), NOISE),
            ("that turns by 4 thousand million numbers", exif.entries((0x112, 3, 2**32 - 1, bytes(4))), NOISE),
            ("that goes in a circle", exif.entries((0x112, 3, 1, b"\6\0\0\0"), following=8), turned(NOISE, 6)),
            ("that holds itself", exif.entries((0x112, 3, 1, b"\6\0\0\0"), (0x8769, 4, 1, b"\x08\0\0\0")),
                    turned(NOISE, 6)),
            ("with entries of unknown types", exif.entries((0x112, 3, 1, b"\6\0\0\0"), (0x9000, 99, 9, b"abcd")),
                    turned(NOISE, 6)),
            ("with fractions of nothing", exif.entries((0x112, 3, 1, b"\6\0\0\0"), (0x11A, 5, 1, b"\0\0\0\0")),
                    turned(NOISE, 6)),
            ("beyond its end", b"II*\0\xff\xff\0\0", NOISE),
            ("of 65535 entries", b"II*\0\x08\0\0\0\xff\xff", NOISE),
            ("of three bytes", b"II*", NOISE),
            ("of nothing", b"", NOISE),
            ("that is none", b"hello world, this is no EXIF", NOISE),
        ]
    ),
    picture("turned by the text of another program",
            whole(NOISE, 8, RGB, chunk(b"iTXt", b'XML:com.adobe.xmp\0\0\0\0\0<x xmlns:tiff="t" '
                                                b'tiff:Orientation="6"/>')),
            shows(turned(NOISE, 6))),
    picture("metadata that are no XML",
            whole(NOISE, 8, RGB, chunk(b"iTXt", b'XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation="6"/>')),
            refused("it is no well-formed XML", code=3)),
]  # fmt: skip

CASES: list[Case] = [
    *(*CUT, *CHECKSUMS, *HEADERS, *UNUSUAL, *PALETTES, *TRANSPARENCY, *ANIMATIONS, *BESIDES, *TURNED),
]
