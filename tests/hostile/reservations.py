"""What reserves pictures from training, damaged or set as a trap: does it still stand, and is it told?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.hostile.case import Case, End, Ended, Place, Words, refused
from tests.hostile.pictures import collecting
from tests.hostile.png import GOOD
from tests.hostile.png_files import END, chunk, data, head_of, png, rows
from tests.hostile.samples import NOISE

RSL = '<rsl xmlns="https://rslstandard.org/rsl">'
BOMB = '<!DOCTYPE rsl [<!ENTITY a "no"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><rsl>&b;</rsl>'
NO_AI = '<license><prohibits type="usage">train-ai</prohibits></license>'


def beside(title: str, ends: End, **notes: str | bytes) -> Case:
    """One picture, and notes: an underscore in a name stands for the dot."""

    def make(place: Place) -> Words:
        place.write("boat.png", GOOD)
        for name, content in notes.items():
            place.write(name.replace("_", "."), content)
        return collecting(place)

    return Case(f"beside it: {title}", make, ends)


def inside(title: str, ends: End, *chunks: bytes) -> Case:
    def make(place: Place) -> Words:
        place.write("boat.png", png(head_of(NOISE), *chunks, data(rows(NOISE)), END))
        return collecting(place)

    return Case(f"inside it: {title}", make, ends)


def xmp(packet: str) -> bytes:
    return chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet.encode())


def taken(ended: Ended) -> None:
    assert ended.code == 0, ended.words


def remembered(title: str, change: Callable[[Path], object]) -> Case:
    """The folder was read before, and what is remembered of it is damaged: it is read again."""

    def make(place: Place) -> Words:
        from tests.hostile.case import typed

        place.write("boat.png", GOOD)
        words = collecting(place)
        code, _, error = typed(words)
        assert code == 0, error
        for path in place.workspace.glob("reading/*.jsonl"):
            change(path)
        return words

    return Case(f"remembered: {title}", make, taken, ("reading/*", "current.json", "*.lock"))


NOT_READABLE = refused("cannot be read", 3)
CASES: list[Case] = [
    # Found by fuzzing: what cannot be an address stopped the command.
    beside("a licence for an address that is none", refused("train-ai", 3),
            license_xml=f'{RSL}<content url="http://[a">{NO_AI}</content></rsl>'),
    beside("a licence with entities in entities", NOT_READABLE, license_xml=BOMB),
    beside("a licence of ten thousand elements in one another", NOT_READABLE, license_xml=RSL + "<a>" * 10_000),
    beside("rules of lists without an end", NOT_READABLE, tdmrep_json="[" * 100_000),
    beside("rules with a key twice", NOT_READABLE, tdmrep_json='{"tdm-reservation": 0, "tdm-reservation": 1}'),
    beside("orders to robots in UTF-16", NOT_READABLE, robots_txt="User-agent: *".encode("utf-16")),
    beside("our own file with a key of 10,000 parts", NOT_READABLE, reservations_toml="a" + ".a" * 10_000 + " = 1"),
    beside("XMP that is none", NOT_READABLE, boat_xmp="<x"),
    beside("credentials that are none", refused("C2PA", 3), boat_c2pa=b"\0" * 100),
    inside("XMP with entities in entities", NOT_READABLE, xmp(BOMB)),
    inside("XMP of ten thousand elements in one another", NOT_READABLE, xmp("<a>" * 10_000)),
    inside("RSL for an address that is none", refused("train-ai", 3),
            xmp(f'{RSL}<content url="http://[a">{NO_AI}</content></rsl>')),
    inside("a text that cannot be unpacked", refused("unpacked", 3),
            chunk(b"zTXt", b"Comment\0\0junk")),
    remembered("as it was", lambda path: None),
    remembered("cut", lambda path: path.write_bytes(path.read_bytes()[:-9])),
    remembered("a byte wrong", lambda path: path.write_bytes(path.read_bytes().replace(b"boat", b"goat", 1))),
    remembered("NUL", lambda path: path.write_bytes(bytes(1000))),
    remembered("nothing", lambda path: path.write_bytes(b"")),
]  # fmt: skip
