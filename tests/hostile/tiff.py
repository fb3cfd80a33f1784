"""TIFF and what is stored in it: what is shown, what is refused?"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from tests.hostile.case import Case, End, refused, shows
from tests.hostile.pictures import picture
from tests.hostile.samples import GREY, NOISE, SIXTEEN, TRANSLUCENT, eight_bit, grey, on_white, random, turned
from tests.hostile.tiff_files import ASCII, BYTE, FLOAT, LONG, PIXELS_AT, SHORT, SIGNED_LONG, Tags, tags_of, tiff

FILE = "a boat.tif"
RAW, DEFLATED = NOISE.tobytes(), zlib.compress(NOISE.tobytes())
GOOD = tiff(tags_of(NOISE), RAW)
DIRECTORY = PIXELS_AT + len(RAW) + len(RAW) % 2
THIRD = len(RAW) // 3
THIRDS = tuple(PIXELS_AT + THIRD * number for number in range(3))
SAME, DAMAGED = shows(NOISE), refused("is damaged")
MISSING = refused("pixels are missing")


def tagged(name: str, ends: End, data: bytes = RAW, of: Any = NOISE, order: str = "<", **tags: Any) -> Case:
    """A picture with some of its tags changed."""
    return picture(name, tiff(tags_of(of, **tags), data, order), ends, FILE)


CUT = [
    *(
        picture(f"cut {where}", GOOD[:at], DAMAGED, FILE)
        for where, at in {
            "in its head": 6,
            "in its pixels": 60,
            "before its directory": DIRECTORY,
            "in its directory": DIRECTORY + 40,
            "in what its directory refers to": len(GOOD) - 1,
        }.items()
    ),
    *(
        picture(f"its directory at {at}", tiff(tags_of(NOISE), RAW, directory=at), DAMAGED, FILE)
        for at in (0, 1, 10**6, 2**32 - 1)
    ),
    picture("a directory without entries", tiff(tags_of(NOISE), RAW, entries=0), DAMAGED, FILE),
    picture("a directory of 5 entries of 9", tiff(tags_of(NOISE), RAW, entries=5), DAMAGED, FILE),
    picture("a directory that goes in a circle", tiff(tags_of(NOISE), RAW, following=DIRECTORY), SAME, FILE),
    picture("a next directory beyond its end", tiff(tags_of(NOISE), RAW, following=10**7), SAME, FILE),
    picture("junk behind its end", GOOD + b"junk", SAME, FILE),
]

SIZES = [
    *(
        tagged(f"claims {width} x {height} pixels", end, t256=(LONG, width), t257=(LONG, height))
        for width, height, end in [
            (0, 9, DAMAGED),
            (11, 0, DAMAGED),
            (12, 9, MISSING),
            (11, 10, MISSING),
            (65_535, 65_535, refused("million pixels")),
            (2**32 - 1, 2**32 - 1, refused("million pixels")),
        ]
    ),
    tagged("a width below nought", DAMAGED, t256=(SIGNED_LONG, -11)),
    tagged("a width that is a text", DAMAGED, t256=(ASCII, b"11\0")),
    tagged("a width that is no number", DAMAGED, t256=(FLOAT, float("nan"))),
    tagged("no width", DAMAGED, t256=None),
    tagged("no depth", DAMAGED, t258=None),
    tagged("nobody says what nought means", DAMAGED, t262=None),
    tagged("nobody says where its pixels are", DAMAGED, t273=None),
    *(tagged(f"{bits} bits a sample", DAMAGED, t258=(SHORT, (bits,) * 3)) for bits in (0, 3, 12, 64)),
    tagged("samples of different depths", DAMAGED, t258=(SHORT, (8, 8, 16))),
    *(tagged(f"{number} samples a pixel", DAMAGED, t277=(SHORT, number)) for number in (0, 2, 65_535)),
    *(tagged(f"colours of kind {kind}", DAMAGED, photometric=kind) for kind in (0, 3, 5, 9, 34_892, 65_535)),
    tagged("colours as an eye sees them", refused("stores its colours as LAB"), photometric=8),
]

STRIPS = [
    tagged("its pixels beyond its end", DAMAGED, t273=(LONG, 10**6)),
    tagged("its pixels before its beginning", DAMAGED, t273=(SIGNED_LONG, -5)),
    tagged("its pixels in its last bytes", DAMAGED, t273=(LONG, len(GOOD) - 10)),
    tagged("its pixels one byte short", MISSING, t279=(LONG, len(RAW) - 1)),
    tagged("strips of no row", DAMAGED, t278=(LONG, 0)),
    tagged("one strip of one row", MISSING, t278=(LONG, 1)),
    tagged("one strip of two", MISSING, t278=(LONG, 5)),
    tagged("a strip of more rows than there are", SAME, t278=(LONG, 2**32 - 1)),
    tagged("three strips", SAME, t273=(LONG, THIRDS), t279=(LONG, (THIRD,) * 3), t278=(SHORT, 3)),
    tagged("two strips of three", MISSING, t273=(LONG, THIRDS[:2]), t279=(LONG, (THIRD,) * 2), t278=(SHORT, 3)),
    tagged("the last of three strips short", MISSING, t273=(LONG, THIRDS), t279=(LONG, (THIRD, THIRD, 9)),
            t278=(SHORT, 3)),
    tagged("colour by colour", SAME, NOISE.transpose(2, 0, 1).tobytes(), t284=(SHORT, 2), t273=(LONG, THIRDS),
            t279=(LONG, (THIRD,) * 3)),
    tagged("colour by colour, and one is missing", MISSING, NOISE.transpose(2, 0, 1).tobytes(), t284=(SHORT, 2),
            t273=(LONG, THIRDS[:2]), t279=(LONG, (THIRD,) * 2)),
]  # fmt: skip

TILE = np.zeros((16, 16, 3), np.uint8)
TILE[:9, :11] = NOISE


def tiles(width: int, height: int, at: int = PIXELS_AT, size: int = TILE.nbytes) -> dict[str, Any]:
    places = {"t322": (LONG, width), "t323": (LONG, height), "t324": (LONG, at), "t325": (LONG, size)}
    return {"t273": None, "t278": None, "t279": None, **places}


PACKED = [
    tagged("in a tile", SAME, TILE.tobytes(), **tiles(16, 16)),
    tagged("a tile that is not there", MISSING, **tiles(16, 16)),
    tagged("one tile of four", MISSING, TILE.tobytes(), **tiles(8, 8)),
    tagged("a tile of no size", DAMAGED, TILE.tobytes(), **tiles(0, 0)),
    tagged("a tile of 2**62 pixels", DAMAGED, TILE.tobytes(), **tiles(2**31, 2**31)),
    tagged("packed", SAME, DEFLATED, t259=(SHORT, 8), size=len(DEFLATED)),
    tagged("packed, and cut", DAMAGED, DEFLATED[:150], t259=(SHORT, 8), size=150),
    tagged("packed, and a byte wrong", DAMAGED, DEFLATED[:99] + b"\xff" + DEFLATED[100:], t259=(SHORT, 8),
            size=len(DEFLATED)),
    tagged("packed, and half of its pixels", DAMAGED, (half := zlib.compress(RAW[:150])), t259=(SHORT, 8),
            size=len(half)),
    picture("100 MB packed for a hundred pixels",
            lambda: tiff(tags_of(NOISE, t259=(SHORT, 8), size=97_000), zlib.compress(bytes(10**8))), shows(NOISE * 0),
            FILE),
    *(tagged(f"packed by method {method}, it says", DAMAGED, t259=(SHORT, method))
            for method in (0, 2, 5, 6, 7, 9, 34_712, 34_925, 50_000, 65_535)),
    tagged("guessed from what stands left", DAMAGED, DEFLATED, t259=(SHORT, 8), t317=(SHORT, 9), size=len(DEFLATED)),
]  # fmt: skip

COLOUR_MAP = random(3, seed=9).reshape(-1)[:48]
INDEXED = random(1, 16, seed=8)
NIBBLES = np.packbits(np.unpackbits(np.pad(INDEXED, ((0, 0), (0, 1), (0, 0))), axis=2)[..., 4:].reshape(9, -1), axis=1)


def palette(values: Any) -> Tags:
    return tags_of(INDEXED, 4, 3, NIBBLES.nbytes, t320=(SHORT, tuple(int(value) for value in values)))


MEANING = [
    tagged("of a large-endian machine", SAME, order=">"),
    tagged("white is nought", shows(grey(255 - GREY)), GREY.tobytes(), GREY, photometric=0),
    tagged("white is nought, 16 bits", shows(255 - grey(eight_bit(SIXTEEN[..., :1]))),
            SIXTEEN[..., :1].astype("<u2").tobytes(), SIXTEEN[..., :1], bits=16, photometric=0),
    tagged("16 bits", shows(grey(eight_bit(SIXTEEN[..., :1]))), SIXTEEN[..., :1].astype(">u2").tobytes(),
            SIXTEEN[..., :1], ">", bits=16, photometric=1),
    tagged("16 bits of colour", shows(eight_bit(SIXTEEN), 1), SIXTEEN.astype("<u2").tobytes(), SIXTEEN, bits=16),
    tagged("numbers that can be below nought", refused("stores its colours"), GREY.tobytes(), GREY, photometric=1,
            t339=(SHORT, 2)),
    tagged("translucent", shows(on_white(TRANSLUCENT)), TRANSLUCENT.tobytes(), TRANSLUCENT, t338=(SHORT, 2)),
    tagged("a fourth sample that means nothing", shows(TRANSLUCENT[..., :3]), TRANSLUCENT.tobytes(), TRANSLUCENT,
            t338=(SHORT, 0)),
    tagged("bits the other way round", SAME, bytes(int(f"{byte:08b}"[::-1], 2) for byte in RAW), t266=(SHORT, 2)),
    picture("a palette", tiff(palette(COLOUR_MAP.astype(int) * 257), NIBBLES.tobytes()),
            shows(COLOUR_MAP.reshape(3, 16).T[INDEXED[..., 0]]), FILE),
    picture("a palette of an older kind", tiff(palette(COLOUR_MAP), NIBBLES.tobytes()),
            refused("palette of an older kind"), FILE),
    picture("a palette that is too short", tiff(palette(COLOUR_MAP[:12].astype(int) * 257), NIBBLES.tobytes()),
            refused("lacks colours"), FILE),
    *(tagged(f"turned, number {number}", shows(turned(NOISE, number)), t274=(SHORT, number)) for number in range(1, 9)),
    tagged("turned by 9", SAME, t274=(SHORT, 9)),
    tagged("a colour profile that is junk", SAME, t34675=(BYTE, b"junkjunk")),
    tagged("newspaper data that is junk", refused("cut short", code=3), t33723=(BYTE, b"\x1c\2\xff\xff\xff")),
    tagged("EXIF beyond its end", SAME, t34665=(LONG, 10**8)),
    tagged("a place on earth that is itself", SAME, t34853=(LONG, DIRECTORY)),
]  # fmt: skip

CASES: list[Case] = [*CUT, *SIZES, *STRIPS, *PACKED, *MEANING]
