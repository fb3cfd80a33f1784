"""What do attacks on a picture start from?"""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image, ImageDraw

from handstyle.generation.signature import MadeFrom
from handstyle.publication import credentials, model_signature
from handstyle.publication.certificates import credentials_of
from handstyle.publication.marking import Marking

KEY, ANOTHER = (Ed25519PrivateKey.from_private_bytes(letter * 32) for letter in (b"k", b"o"))
MADE = MadeFrom("a base", "b" * 64, ("a" * 64,), ("c" * 64,))

needs_the_extra = pytest.mark.skipif(
    not (os.environ.get("CI") or (credentials.is_installed() and model_signature.is_installed())),
    reason="the extra `publish` is not installed",  # where all must run, that is a failure
)


def drawing(size: int = 256, seed: int = 0) -> Image.Image:
    chance = np.random.default_rng(seed)
    page = Image.new("RGB", (size, size), "#f4ecd8")
    pen = ImageDraw.Draw(page)
    for _ in range(8):
        x, y, a, b = (int(value) for value in chance.integers(0, size, 4))
        colour = tuple(int(level) for level in chance.integers(0, 256, 3))
        pen.ellipse([x - a // 4, y - b // 4, x + a // 4, y + b // 4], fill=colour, outline="black", width=2)
    return page


def picture(size: int = 256, key: Ed25519PrivateKey = KEY, seed: int = 0, *, credential: bool = False) -> bytes:
    """As `generate` writes it."""
    return Marking(key, () if credential else None)(drawing(size, seed), MADE)


def saved(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def certificate(path: Path, key: Ed25519PrivateKey = KEY) -> Path:
    return saved(path, credentials_of(key).root_pem)


def resaved(data: bytes, kind: str = "PNG", quality: int = 85) -> bytes:
    """Pixels only, as a chat or a screenshot keeps them."""
    file = io.BytesIO()
    with Image.open(io.BytesIO(data)) as image:
        Image.frombytes("RGB", image.size, image.convert("RGB").tobytes()).save(file, kind, quality=quality)
    return file.getvalue()


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 8
    while at < len(data):
        length = struct.unpack(">I", data[at : at + 4])[0]
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def png_of(parts: list[tuple[bytes, bytes]]) -> bytes:
    """A PNG of these chunks, with right checksums."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )


def without(data: bytes, *names: bytes) -> bytes:
    return png_of([(name, body) for name, body in chunks(data) if name not in names])


def moved(data: bytes, onto: bytes, *names: bytes) -> bytes:
    """The pixels of one picture with what another carries in these chunks."""
    ours = [part for part in chunks(data) if part[0] in names]
    head, *rest = [part for part in chunks(onto) if part[0] not in names]
    return png_of([head, *ours, *rest])
