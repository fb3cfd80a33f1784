"""WebP and what is stored in it: what is shown, what is refused?"""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from PIL import Image
from tests.hostile import exif
from tests.hostile.case import Case, refused, shows
from tests.hostile.pictures import picture
from tests.hostile.samples import NOISE, SMOOTH, TRANSLUCENT, on_white, turned

FILE = "a boat.webp"


def webp(pixels: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", **options)
    return file.getvalue()


def part(name: bytes, body: bytes, length: int | None = None) -> bytes:
    return name + struct.pack("<I", len(body) if length is None else length) + body + b"\0" * (len(body) % 2)


def riff(*parts: bytes, length: int | None = None) -> bytes:
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body) if length is None else length) + body


def three(number: int) -> bytes:
    return number.to_bytes(3, "little")


def extended(flags: int, width: int = 11, height: int = 9) -> bytes:
    return part(b"VP8X", bytes([flags, 0, 0, 0]) + three(width - 1) + three(height - 1))


def frame(x: int, y: int, width: int = 11, height: int = 9) -> bytes:
    place = three(x // 2) + three(y // 2) + three(width - 1) + three(height - 1)
    return part(b"ANMF", place + bytes(4) + PIXELS)


def placed(x: int, y: int, width: int, height: int) -> Any:
    page = np.full((height, width, 3), 255)
    page[y : y + 9, x : x + 11] = NOISE
    return page


def content(data: bytes) -> bytes:
    return data[20 : 20 + int.from_bytes(data[16:20], "little")]


GOOD, LOSSY = webp(NOISE, lossless=True, exact=True), webp(SMOOTH, quality=95)
LOSSLESS_BITS, LOSSY_BITS = content(GOOD), content(LOSSY)
PIXELS = part(b"VP8L", LOSSLESS_BITS)
MOVES = part(b"ANIM", bytes(6))
WITH_ALPHA = webp(np.concatenate([SMOOTH, SMOOTH[..., :1]], 2), quality=95)
ALPHA = WITH_ALPHA.index(b"ALPH") + 8
SAME, DAMAGED = shows(NOISE), refused("is damaged")

CASES: list[Case] = [
    picture("cut within its signature", GOOD[:11], refused("is not a picture"), FILE),
    picture("cut behind its signature", GOOD[:12], DAMAGED, FILE),
    picture("cut in the length of its pixels", GOOD[:18], DAMAGED, FILE),
    picture("cut in its pixels", GOOD[:60], DAMAGED, FILE),
    picture("lacks its last byte", GOOD[:-1], DAMAGED, FILE),
    picture("its bits end early, and all lengths say so", riff(part(b"VP8L", LOSSLESS_BITS[:-40])), DAMAGED, FILE),
    picture("with loss, its bits end early, and all lengths say so", riff(part(b"VP8 ", LOSSY_BITS[:-10])), DAMAGED,
            FILE),
    picture("a length of nought", riff(PIXELS, length=0), DAMAGED, FILE),
    picture("a length too small", riff(PIXELS, length=40), DAMAGED, FILE),
    picture("a length up to the end of the world", riff(PIXELS, length=2**32 - 10), DAMAGED, FILE),
    picture("a part longer than the file", riff(part(b"VP8L", LOSSLESS_BITS, length=2**32 - 1)), DAMAGED, FILE),
    picture("a part shorter than its pixels", riff(part(b"VP8L", LOSSLESS_BITS, length=30)), DAMAGED, FILE),
    picture("another signature of its bits", riff(part(b"VP8L", b"\0" + LOSSLESS_BITS[1:])), DAMAGED, FILE),
    picture("a picture that needs an earlier one", riff(part(b"VP8 ", bytes([LOSSY_BITS[0] | 1]) + LOSSY_BITS[1:])),
            DAMAGED, FILE),
    picture("no size", riff(part(b"VP8 ", LOSSY_BITS[:6] + bytes(4) + LOSSY_BITS[10:])), DAMAGED, FILE),
    picture("twice the size", riff(part(b"VP8 ", LOSSY_BITS[:6] + struct.pack("<HH", 128, 96) + LOSSY_BITS[10:])),
            DAMAGED, FILE),
    picture("a canvas larger than its picture", riff(extended(0, 50, 50), PIXELS), DAMAGED, FILE),
    picture("a canvas smaller than its picture", riff(extended(0, 8, 8), PIXELS), DAMAGED, FILE),
    picture("a canvas of 2**48 pixels", riff(extended(0, 1 << 24, 1 << 24), PIXELS), refused("million pixels"), FILE),
    picture("two pictures", riff(extended(0), PIXELS, PIXELS), DAMAGED, FILE),
    picture("moving", riff(extended(2), MOVES, frame(0, 0), frame(0, 0)), SAME, FILE),
    picture("moving, without a frame", riff(extended(2), MOVES), DAMAGED, FILE),
    picture("moving, and its frame does not fit", riff(extended(2), MOVES, frame(4, 4)), DAMAGED, FILE),
    picture("moving, and its first picture does not fill it", riff(extended(2, 21, 19), MOVES, frame(4, 6)),
            shows(placed(4, 6, 21, 19)), FILE),
    picture("moving, and its frame says another size", riff(extended(2, 40, 40), MOVES, frame(0, 0, 40, 40)),
            shows(placed(0, 0, 40, 40)), FILE),
    picture("translucent", webp(TRANSLUCENT, lossless=True, exact=True), shows(on_white(TRANSLUCENT)), FILE),
    picture("its transparency is junk", WITH_ALPHA[:ALPHA] + b"\xff" * 20 + WITH_ALPHA[ALPHA + 20 :], DAMAGED, FILE),
    picture("junk behind its end", GOOD + b"junk" * 100, SAME, FILE),
    picture("a part nobody knows", riff(extended(0), part(b"ABCD", b"12"), PIXELS), SAME, FILE),
    picture("turned", riff(extended(8), PIXELS, part(b"EXIF", exif.orientation(6))), shows(turned(NOISE, 6)), FILE),
    picture("EXIF that is none", riff(extended(8), PIXELS, part(b"EXIF", b"junk")), SAME, FILE),
    picture("a colour profile that is junk", riff(extended(0x20), part(b"ICCP", b"junk"), PIXELS), SAME, FILE),
    picture("metadata that is junk", riff(extended(4), PIXELS, part(b"XMP ", b"\xff\0")),
            refused("it cannot be read", code=3), FILE),
]  # fmt: skip
