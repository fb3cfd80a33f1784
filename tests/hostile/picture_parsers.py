"""Which parsers read pictures, and what lies in and beside them?"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tests.hostile import mutations, picture_parts
from tests.hostile.bench import (
    Bench,
    Maker,
    in_folder,
    mutating,
    named,
    of_cases,
    of_one_file,
    parted,
)
from tests.hostile.mutations import Chance, Mutation, bytewise, partwise

from handstyle import digests

if TYPE_CHECKING:
    from handstyle.collection.formats import FileFormat


def _picture(kind: str, mutate: Mutation) -> Maker:
    def make(folder: Path) -> Bench:
        from tests.hostile import jpeg, other_formats, png, tiff, webp

        cases = {"png": png, "jpeg": jpeg, "webp": webp, "tiff": tiff, "other-formats": other_formats}[kind].CASES
        return of_one_file("a boat", [data for data in of_cases(cases) if data], _seen, mutate)(folder)

    return make


def _seen(path: Path) -> object:
    from handstyle.collection.pixels import decode

    image = decode(path)
    assert image.mode == "RGB" and min(image.size) >= 8
    return None


def png_text(folder: Path) -> Bench:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from PIL import Image

    from handstyle.generation.request import GenerationRequest
    from handstyle.generation.signature import MadeFrom, Signed, read_signature, signed_png

    request = GenerationRequest(prompt="a boat, à la mer", seed=7, width=8, height=8)
    image = Image.fromarray(np.zeros((8, 8, 3), np.uint8))
    made = MadeFrom("small", "b" * 64, collections=("c" * 64,), request=request)
    whole = signed_png(image, made, Ed25519PrivateKey.from_private_bytes(b"k" * 32))

    def read(path: Path) -> object:
        assert isinstance(read_signature(path), Signed)
        return None

    return of_one_file("a boat.png", [whole], read, partwise(picture_parts.png_parts, picture_parts.png_of))(folder)


# What stands in and beside pictures against training


def metadata(folder: Path) -> Bench:
    """XMP, IPTC, EXIF, comments and content credentials, in all formats: read as what they reserve."""
    from tests.collection import reserved_files as made

    from handstyle.collection import overrides
    from handstyle.collection.embedded_reservations import readings_in
    from handstyle.collection.rights import own_work

    given = folder / "given"
    given.mkdir()
    packet = made.xmp("<tdm:reservation>1</tdm:reservation><dc:rights>(c) Kim</dc:rights>", 'plus:DataMining="x"')
    exif = {"Copyright": "(c) Ada", "Software": "Glaze", "ImageDescription": "noai", "Artist": "Ada"}
    notices = made.iptc((1, 90, b"\x1b%G"), (2, 116, "© Kim".encode()), (2, 40, b"no AI training"), (2, 25, b"noai"))
    plain = {"PNG": picture_parts.png_parts, "JPEG": picture_parts.jpeg_parts, "WebP": picture_parts.webp_parts}
    whole = {"PNG": picture_parts.png_of, "JPEG": picture_parts.jpeg_of, "WebP": picture_parts.webp_of}
    kinds: tuple[FileFormat, ...] = ("PNG", "JPEG", "WebP", "TIFF")
    carrying = [
        *((kind, made.with_xmp(kind, packet)) for kind in kinds),
        *((kind, made.with_exif(kind, **exif)) for kind in kinds),
        ("PNG", made.with_chunk(b"tEXt", b"Copyright\0\xa9 Kim", b"iTXt", b"noai\0\0\0\0\0yes", b"caBX", made.jumbf())),
        ("PNG", made.with_chunk(b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(b"\niptc\n 2\n1c02"))),
        ("JPEG", made.with_iptc(notices)),
        ("JPEG", made.with_segment((0xFE, b"(c) Kim"), (0xEB, b"JP\0\1" + bytes(4) + made.jumbf()))),
    ]
    rights = own_work("Ada")

    def read() -> object:
        kind, data = parted((given / "picture").read_bytes())
        found = readings_in(data, kind)  # type: ignore[arg-type]
        assert all(refusal.words and refusal.next_step for refusal in overrides.refusals(found, rights))
        return f"read: {' '.join(sorted({f'{reading.signal} {reading.says}' for reading in found}))}"

    def of(kind: str) -> Mutation:
        return partwise(plain[kind], whole[kind]) if kind in plain else bytewise

    examples = [named(kind, data) for kind, data in carrying]
    return Bench(examples, (given / "picture").write_bytes, read, given, mutating(of))


def notes(folder: Path) -> Bench:
    """What lies beside pictures: robots.txt, tdmrep.json, RSL, ai.txt, an .xmp; and our own reservations.toml."""
    from tests.collection.reserved_files import plus
    from tests.hostile.png import GOOD

    from handstyle.collection.notes_beside import Notes

    given = folder / "given"
    given.mkdir()
    (given / "boat.png").write_bytes(GOOD)
    licence = (
        '<rsl xmlns="https://rslstandard.org/rsl"><content url="https://ada.example/*.png" server="https://a.example">'
        '<license><prohibits type="usage">train-ai</prohibits><payment type="purchase"/></license></content></rsl>'
    )
    files = {
        "robots.txt": "User-agent: GPTBot\nDisallow: /\nContent-Usage: /boat* train-ai=n\nLicense: https://a.example\n",
        "ai.txt": "User-Agent: *\nDisallow: *.png\nAllow: /\n",
        "tdmrep.json": '[{"location": "/b*.png", "tdm-reservation": 1, "tdm-policy": "https://ada.example/p"}]',
        "license.xml": licence,
        "noai": "please",
        "reservations.toml": '[[reserved]]\nworks = ["boat.png"]\nsignal = "noai"\nsays = "no"\n',
        "boat.xmp": plus("DMI-PROHIBITED").decode(),
    }
    _, put, restore = in_folder({}, given)

    def read() -> object:
        found = Notes(given).of("boat.png", "PNG")
        return f"read: {' '.join(sorted({f'{reading.signal} {reading.says}' for reading in found}))}"

    kinds = {".json": mutations.jsonwise, ".toml": mutations.tomlwise, ".txt": partwise(mutations.lines_of, b"".join)}
    examples = [named(name, text.encode()) for name, text in files.items()]
    return Bench(examples, put, read, given, mutating(lambda name: kinds.get(Path(name).suffix, bytewise)), restore)


def journal(folder: Path) -> Bench:
    """What was read before of a folder, damaged: the collection is the same as without it."""
    from tests.hostile.png import GOOD

    from handstyle.collection.intake import gather
    from handstyle.collection.journal import _entry
    from handstyle.collection.rights import own_work
    from handstyle.collection.rights_plan import for_all

    given = folder / "given"
    given.mkdir()
    (given / "boat.png").write_bytes(GOOD)
    kept, rights = folder / "reading.journal", for_all(own_work("Ada"))
    alone = gather(given, rights=rights, validation=None)
    gather(given, rights=rights, validation=None, kept_in=kept)

    whole = kept.read_bytes()
    lines = set(whole.splitlines(keepends=True))

    def read() -> object:
        given_to_it = kept.read_bytes()
        further = [line for line in given_to_it.splitlines(keepends=True) if line not in lines]
        found = gather(given, rights=rights, validation=None, kept_in=kept)
        # Who writes a line with its digest can say what they like of a picture; `load_work` finds it out.
        assert found == alone or any(map(_entry, further))
        return f"read: {'recalled' if kept.read_bytes() == given_to_it else 'forgotten'}"

    def line(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
        """Half of the time what a line says, under a digest that fits it."""
        if chance.random() < 0.5 or not (lines := data.splitlines()):
            return partwise(mutations.lines_of, b"".join)(data, chance, others)
        text = mutations.jsonwise(lines[-1][17:], chance, [lines[-1][17:]])
        return b"\n".join([*lines[:-1], digests.of_bytes(text)[:16].encode() + b" " + text, b""])

    return Bench([whole], kept.write_bytes, read, given, line)


pictures: dict[str, Maker] = {
    "png": _picture("png", partwise(picture_parts.png_parts, picture_parts.png_of)),
    "jpeg": _picture("jpeg", partwise(picture_parts.jpeg_parts, picture_parts.jpeg_of)),
    "webp": _picture("webp", partwise(picture_parts.webp_parts, picture_parts.webp_of)),
    "tiff": _picture("tiff", bytewise),
    "other-formats": _picture("other-formats", bytewise),
}
