"""JPEG and what is stored in it: what is shown, what is refused?"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image
from tests.hostile import exif
from tests.hostile.case import Case, refused, shows
from tests.hostile.pictures import picture
from tests.hostile.samples import SMOOTH, grey, turned

DQT, SOF, DHT, SOS, DRI, EOI = 0xDB, 0xC0, 0xC4, 0xDA, 0xDD, b"\xff\xd9"
NEAR = 8  # levels that compression at this quality may move a pixel


def jpeg(pixels: Any = SMOOTH, mode: str | None = None, **options: Any) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(pixels, mode) if mode else Image.fromarray(pixels)
    image.save(file, "JPEG", **{"quality": 95, "subsampling": 0, **options})
    return file.getvalue()


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, begin and end of each part up to the first scan; its coded pixels count as its own."""
    at = 2
    while True:
        marker = data[at + 1]
        end = len(data) if marker == SOS else at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        yield marker, at, end
        if marker == SOS:
            return
        at = end


GOOD = jpeg()
AT = {marker: begin for marker, begin, _ in segments(GOOD)}
CODED = AT[SOS] + 14  # where the pixels begin
HALF = CODED + (len(GOOD) - CODED) // 2


def put(at: int, what: bytes) -> bytes:
    return GOOD[:at] + what + GOOD[at:]


def over(at: int, what: bytes) -> bytes:
    return GOOD[:at] + what + GOOD[at + len(what) :]


def many_passes() -> bytes:
    """The last pass of a small picture over and over, on a page of 4000 x 4000 pixels."""
    small = jpeg(SMOOTH[:8, :8, 0], progressive=True)
    frame, last = small.index(b"\xff\xc2"), small.rindex(b"\xff\xda")
    page = small[: frame + 5] + struct.pack(">HH", 4000, 4000) + small[frame + 9 : -2]
    return page + small[last:-2] * 10_000 + EOI


def with_segment(marker: int, body: bytes) -> bytes:
    return put(2, segment(marker, body))


def without(marker: int, data: bytes = GOOD) -> bytes:
    return data[:2] + b"".join(data[begin:end] for name, begin, end in segments(data) if name != marker)


def size(width: int, height: int) -> bytes:
    return over(AT[SOF] + 5, struct.pack(">HH", height, width))


SAME = shows(SMOOTH, NEAR)
DAMAGED, SENSELESS, MISSING = refused("is damaged or cut short"), refused("is damaged"), refused("pixels are missing")

RESTARTS = jpeg(restart_marker_blocks=4)
CUT = [
    picture("cut behind its first two bytes", GOOD[:2], refused("is not a picture"), "a boat.jpg"),
    picture("cut behind its first three bytes", GOOD[:3], SENSELESS, "a boat.jpg"),
    *(
        picture(f"cut in part {name}", GOOD[: at + 3], SENSELESS, "a boat.jpg")
        for name, at in {"DQT": AT[DQT], "SOF": AT[SOF], "DHT": AT[DHT], "SOS": AT[SOS]}.items()
    ),
    picture("cut before its first pixel", GOOD[:CODED], DAMAGED, "a boat.jpg"),
    picture("cut in the middle", GOOD[:HALF], DAMAGED, "a boat.jpg"),
    picture("cut before its end", GOOD[:-2], DAMAGED, "a boat.jpg"),
    picture("cut within its end", GOOD[:-1], DAMAGED, "a boat.jpg"),
    picture("cut in the middle, and closed again", GOOD[:HALF] + EOI, MISSING, "a boat.jpg"),
    picture("cut a little before its end, and closed again", GOOD[:-22] + EOI, MISSING, "a boat.jpg"),
    picture("an end in the middle", put(HALF, EOI), MISSING, "a boat.jpg"),
    picture("a beginning in the middle", put(HALF, b"\xff\xd8"), DAMAGED, "a boat.jpg"),
    picture("a restart in the middle", put(HALF, b"\xff\xd0"), MISSING, "a boat.jpg"),
    picture("in several scans, and the last is cut", jpeg(progressive=True)[:-100] + EOI, MISSING, "a boat.jpg"),
    picture("in several scans, and one is cut out of its middle",
            jpeg(progressive=True)[:700] + jpeg(progressive=True)[760:], DAMAGED, "a boat.jpg"),
    picture("with restarts, and the part before one is short",
            (lambda data, at: data[: at - 8] + data[at:])(RESTARTS, RESTARTS.rindex(b"\xff\xd0")), MISSING,
                    "a boat.jpg"),
]  # fmt: skip

HEADERS = [
    *(
        picture(f"claims {width} x {height} pixels", size(width, height), end, "a boat.jpg")
        for width, height, end in [
            (0, 48, SENSELESS),
            (64, 0, SENSELESS),
            (64, 4, refused("both sides need at least 8")),
            (64, 49, MISSING),
            (65, 48, MISSING),
            (640, 480, MISSING),
            (65_535, 65_535, refused("million pixels")),
        ]
    ),
    *(
        picture(f"claims {number} channels", over(AT[SOF] + 9, bytes([number])), SENSELESS, "a boat.jpg")
        for number in (0, 1, 2, 4, 5, 255)
    ),
    *(
        picture(f"claims {sampling:#04x} samples", over(AT[SOF] + 11, bytes([sampling])), SENSELESS, "a boat.jpg")
        for sampling in (0x00, 0x10, 0x01, 0x55)
    ),
    *(
        picture(f"its frame is {marker:#x}", over(AT[SOF] + 1, bytes([marker])), SENSELESS, "a boat.jpg")
        for marker in (0xC2, 0xC3, 0xC5, 0xC9, 0xCB)
    ),
    picture("12 bits a sample", over(AT[SOF] + 4, b"\x0c"), SENSELESS, "a boat.jpg"),
    picture("no tables of quantities", without(DQT), DAMAGED, "a boat.jpg"),
    picture("no frame", without(SOF), SENSELESS, "a boat.jpg"),
    picture("two frames", put(AT[SOF], GOOD[AT[SOF] : AT[SOF] + 19]), DAMAGED, "a boat.jpg"),
    picture("a table of quantities with number 9", over(AT[DQT] + 4, b"\x09"), DAMAGED, "a boat.jpg"),
    picture("a table of codes that overflows", over(AT[DHT] + 5, b"\xff" * 16), DAMAGED, "a boat.jpg"),
    # Found beside fuzzing: a megabyte can ask for hours.
    picture(
        "ten thousand passes over 16 million pixels", many_passes, refused("in more than 100 passes"), "a boat.jpg"
    ),
    picture("a scan of nothing", over(AT[SOS] + 4, b"\0"), DAMAGED, "a boat.jpg"),
    picture("a scan of a channel that is not there", over(AT[SOS] + 5, b"\x09"), DAMAGED, "a boat.jpg"),
    picture("a scan without a length", over(AT[SOS] + 2, b"\0\0"), DAMAGED, "a boat.jpg"),
    picture("half a restart interval", put(AT[SOS], segment(DRI, b"")), DAMAGED, "a boat.jpg"),
    picture("two beginnings", b"\xff\xd8" + GOOD, DAMAGED, "a boat.jpg"),
]

UNUSUAL = [
    picture("junk behind its end", GOOD + b"junk" * 1000, SAME, "a boat.jpg"),
    picture("another picture behind its end", GOOD + jpeg(255 - SMOOTH), SAME, "a boat.jpg"),
    picture("an archive behind its end", GOOD + b"PK\3\4" + bytes(100), SAME, "a boat.jpg"),
    picture("a script in its comment", with_segment(0xFE, b"<script>alert(1)</script>"), SAME, "a boat.jpg"),
    picture("a comment of nothing but NUL", with_segment(0xFE, bytes(60_000)), SAME, "a boat.jpg"),
    picture("filled up between its parts", put(2, b"\xff" * 50), SAME, "a boat.jpg"),
    picture("junk between its parts", put(AT[SOF], b"junk"), SAME, "a boat.jpg"),
    picture("without the usual head", without(0xE0), SAME, "a boat.jpg"),
    picture("without its tables of codes, as some cameras write it", without(DHT), SAME, "a boat.jpg"),
    picture("in several scans", jpeg(progressive=True), SAME, "a boat.jpg"),
    picture("with restarts", jpeg(restart_marker_blocks=1), SAME, "a boat.jpg"),
    picture("grey", jpeg(SMOOTH[..., 0]), shows(grey(SMOOTH[..., :1]), NEAR), "a boat.jpg"),
    picture("stored as red, green and blue", jpeg(keep_rgb=True), SAME, "a boat.jpg"),
    picture("named PNG", GOOD, SAME, "a boat.png"),
]

INKS = np.concatenate([255 - SMOOTH, np.zeros((*SMOOTH.shape[:2], 1), np.uint8)], axis=2)
FOUR_INKS = jpeg(INKS, "CMYK")
COLOUR = [
    picture("four inks, kept the other way round as Photoshop does", FOUR_INKS, SAME, "a boat.jpg"),
    picture("four inks, and nobody says which way round", without(0xEE, FOUR_INKS), SAME, "a boat.jpg"),
    picture("four inks, turned into brightness and colour",
            FOUR_INKS.replace(b"Adobe\0d\0\0\0\0\0", b"Adobe\0d\0\0\0\0\2"),
            shows(SMOOTH, 255), "a boat.jpg"),
]  # fmt: skip


def with_exif(content: bytes) -> bytes:
    return with_segment(0xE1, b"Exif\0\0" + content)


PROFILE = b"ICC_PROFILE\0"
BESIDES = [
    *(
        picture(f"turned, number {number}", with_exif(exif.orientation(number)), shows(turned(SMOOTH, number), NEAR),
                "a boat.jpg")
        for number in range(1, 9)
    ),
    picture("EXIF of nothing", with_exif(b""), SAME, "a boat.jpg"),
    picture("EXIF that is none", with_exif(b"junkjunkjunk"), SAME, "a boat.jpg"),
    picture("EXIF that goes in a circle", with_exif(exif.entries((0x112, 3, 1, b"\6\0\0\0"), following=8)),
            shows(turned(SMOOTH, 6), NEAR), "a boat.jpg"),
    picture("a size of a part below its least", put(2, b"\xff\xe1\0\0"), SAME, "a boat.jpg"),
    picture("newspaper data that is junk",
            with_segment(0xED, b"Photoshop 3.0\x008BIM\4\4\0\0\xff\xff\xff\xff" + b"x" * 50),
            refused("cut short", code=3), "a boat.jpg"),
    picture("newspaper data cut off", with_segment(0xED, b"Photoshop 3.0\x008BIM"), refused("cut short", code=3),
            "a boat.jpg"),
    picture("the second of two parts of a colour profile", with_segment(0xE2, PROFILE + b"\2\2abc"), SAME,
            "a boat.jpg"),
    picture("part nought of nought of a colour profile", with_segment(0xE2, PROFILE + b"\0\0abc"), SAME, "a boat.jpg"),
    picture("a colour profile of nothing", with_segment(0xE2, PROFILE), SENSELESS, "a boat.jpg"),
    picture("more pictures that are not there", with_segment(0xE2, b"MPF\0II*\0\x08\0\0\0\0\0\0\0\0\0"), SAME,
            "a boat.jpg"),
    picture("half a word of Photoshop", with_segment(0xEE, b"Adobe"), SENSELESS, "a boat.jpg"),
    picture("a resolution of nought", with_segment(0xE0, b"JFIF\0\1\1\1\0\0\0\0\0\0"), SAME, "a boat.jpg"),
]  # fmt: skip

CASES: list[Case] = [*CUT, *HEADERS, *UNUSUAL, *COLOUR, *BESIDES]
