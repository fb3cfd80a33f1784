"""Is an old name left anywhere in a folder, in whatever coding a file may hold it?

Every byte of every file is looked at: as text, with the escapes of JSON, HTML and URLs undone, as 16-bit text, inside
base64 and hexadecimal, in the header of a file of weights and in the text of a picture. Text is compared as
`recognition.py` reads it. In what is no text, such as tensors, digests and signatures, letters fall as they may: there
only the exact letters of a name of six or more count.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import struct
import urllib.parse
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from handstyle import digests
from handstyle.collection.look_alikes import skeleton
from handstyle.publication import recognition

SHORTEST_BY_CHANCE = 6  # letters; a shorter name stands in some megabytes of tensors by chance
SHORTEST_RUN = 7  # letters; a longer name is looked for in a text without spaces
SHORTEST_CODED = 12  # signs of base64 or hexadecimal
SHORTEST_SIGNATURE = 40  # signs of base64
LEAST_CHANGES = 0.45  # of neighbours that are of different kinds: 0.64 in chance base64, under 0.4 in words and paths
DEEPEST = 3  # codings inside codings
MOST_UNPACKED = 16 << 20  # bytes of a compressed text
PNG = b"\x89PNG\r\n\x1a\n"
TEXT_CHUNKS = (b"tEXt", b"iTXt", b"zTXt", b"eXIf")
BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{%d,}={0,2}" % SHORTEST_CODED)
HEX = re.compile(rb"(?<![0-9A-Za-z+/_-])(?:[0-9a-fA-F]{2}){%d,}(?![0-9A-Za-z+/_-])" % (SHORTEST_CODED // 2))
NO_WORDS = re.compile(rf"{recognition.DIGEST}|[A-Za-z0-9+/_-]{{{SHORTEST_SIGNATURE},}}={{0,2}}")
ESCAPED = re.compile(r"(?:\\u[0-9a-fA-F]{4})+|\\x[0-9a-fA-F]{2}")


@dataclass(frozen=True)
class Sought:
    """Names that must be gone, and sentences that may stand: credit, made from the records."""

    names: tuple[str, ...]
    credit: tuple[str, ...] = field(default=())

    def found_in(self, text: str, *, is_text: bool) -> str | None:
        """The first of the names that stands there."""
        if not is_text:
            return self._by_letters(text)
        for spelling in sorted(self._credit(), key=len, reverse=True):
            text = text.replace(spelling, " ")
        pieces = split_by_chance(text)
        if name := self._by_letters(" ".join(piece for piece, by_chance in pieces if by_chance)):
            return name
        text = " ".join(piece for piece, by_chance in pieces if not by_chance)
        run = skeleton(text)
        return next((name for name in self.names if self._stands(name, text, run)), None)

    def _by_letters(self, text: str) -> str | None:
        letters = text.casefold()
        return next((name for name in self.names for way in {name, re.sub(r"\W", "", name)}
                     if len(way) >= SHORTEST_BY_CHANCE and way.casefold() in letters), None)  # fmt: skip

    def _stands(self, name: str, text: str, run: str) -> bool:
        bare = skeleton(name)
        if len(bare) >= SHORTEST_RUN and bare in run:
            return True
        return recognition.phrase_in(name, text) is not None

    def _credit(self) -> set[str]:
        """Only what holds a name at all is taken out of a text before it is looked at."""
        held = [line for line in self.credit if any(skeleton(name) in skeleton(line) for name in self.names)]
        return {way for line in held for way in (line, html.escape(line), re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", line))}


def split_by_chance(text: str) -> list[tuple[str, bool]]:
    """The text in pieces, and of each whether its letters fall as they may: a digest, or a signature in base64."""
    pieces, end = [], 0
    for run in NO_WORDS.finditer(text):
        if _falls_as_it_may(run[0]):
            pieces += [(text[end : run.start()], False), (run[0], True)]
            end = run.end()
    return [*pieces, (text[end:], False)]


def _falls_as_it_may(run: str) -> bool:
    if re.fullmatch(recognition.DIGEST, run):
        return True
    kinds = ["A" if sign.isupper() else "a" if sign.islower() else "0" if sign.isdigit() else "+" for sign in run]
    return sum(kind != other for kind, other in pairwise(kinds)) > LEAST_CHANGES * (len(run) - 1)


def traces(folder: Path, sought: Sought, *, passed_over: Iterable[str] = ()) -> list[tuple[str, str]]:
    """Where -> which name, of every file below `folder`; paths that begin with one of `passed_over` are not opened."""
    passed = tuple(passed_over)
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        where = path.relative_to(folder).as_posix()
        if name := sought.found_in(where, is_text=True):
            found.append((where, f"the file is called {name}"))
        if where.startswith(passed):
            continue
        if name := _in_file(path, sought):
            found.append((where, f"holds {name!r}"))
    return found


def _in_file(path: Path, sought: Sought) -> str | None:
    if path.suffix == ".safetensors":
        _, start = digests.safetensors_header(path)
        data = path.read_bytes()
        return in_bytes(data[8:start], sought) or sought.found_in(_plain(data[start:]), is_text=False)
    return in_bytes(path.read_bytes(), sought)


def in_bytes(data: bytes, sought: Sought, depth: int = 0) -> str | None:
    """The first name in these bytes, also inside what is coded in them."""
    for text, is_text in _texts(data):
        if name := sought.found_in(text, is_text=is_text):
            return name
    if depth < DEEPEST:
        for inner in _inside(data):
            if name := in_bytes(inner, sought, depth + 1):
                return name
    return None


def _texts(data: bytes) -> Iterator[tuple[str, bool]]:
    if data.startswith(PNG):
        yield _plain(data), False
        return
    try:
        text = BASE64.sub(lambda run: run[0] if len(run[0]) < 400 else b" ", data).decode("utf-8")
        is_text = all(sign.isprintable() or sign.isspace() for sign in text[:4096])
    except UnicodeDecodeError:
        text, is_text = _plain(data), False
    yield text, is_text
    plainer = urllib.parse.unquote(html.unescape(ESCAPED.sub(_unescaped, text)))
    if plainer != text:
        yield plainer, is_text
    if b"\0" in data:  # text of 16 or 32 bits
        yield _plain(data.replace(b"\0", b"")), False


def _inside(data: bytes) -> Iterator[bytes]:
    if data.startswith(PNG):
        yield from _texts_in_png(data)
        return
    for run in BASE64.finditer(data):
        for coded in {run[0].rstrip(b"="), run[0].rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))}:
            try:
                yield base64.b64decode(coded[: len(coded) // 4 * 4] + _rest(coded), validate=True)
            except (binascii.Error, ValueError):
                continue
    for run in HEX.finditer(data):
        yield bytes.fromhex(run[0].decode())


def _rest(coded: bytes) -> bytes:
    rest = coded[len(coded) // 4 * 4 :]
    return b"" if len(rest) < 2 else rest + b"=" * (4 - len(rest))


def _texts_in_png(data: bytes) -> Iterator[bytes]:
    at = len(PNG)
    while at + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        content = data[at + 8 : at + 8 + length]
        if kind in TEXT_CHUNKS:
            yield content.replace(b"\0", b" ")
            for start in (place + 1 for place, byte in enumerate(content[:256]) if byte == 0):
                try:
                    yield zlib.decompressobj().decompress(content[start + 1 :], MOST_UNPACKED)
                    yield zlib.decompressobj().decompress(content[start:], MOST_UNPACKED)
                except zlib.error:
                    continue
        at += length + 12
    yield data[at:]  # what stands behind the picture


def _unescaped(escape: re.Match[str]) -> str:
    codes = re.findall(r"\\[ux]([0-9a-fA-F]+)", escape[0])
    units = b"".join(int(code, 16).to_bytes(2, "big") for code in codes)
    return units.decode("utf-16-be", "replace")


def _plain(data: bytes) -> str:
    return data.decode("latin-1")
