"""How is an input that was right made wrong: byte by byte, part by part, branch by branch?

A format is taken apart where a reader takes it apart, one thing in it is changed, and it is put together again with
lengths and checksums that hold: what is merely torn is refused at the door, and never sees the rooms behind.
"""

from __future__ import annotations

import json
import random
import re
import struct
from collections.abc import Callable, Sequence
from typing import Any

import tomli_w

from handstyle.records import toml_in
from handstyle.tensor_files import ALIGNMENT

LONGEST_INPUT = 1 << 20  # bytes; what only length does is in the corpus
Chance = random.Random
Mutation = Callable[[bytes, Chance, Sequence[bytes]], bytes]  # an input, and others of its kind to take parts from

NUMBERS = (0, 1, 2, 7, 8, 127, 128, 255, 256, 32767, 65535, 65536, 10**6, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**53)
WORDS = (
    *(
        "",
        " ",
        "\0",
        "\n",
        "\ud800",
        "\u202e",
        "\ufeff",
        "e\u0301",
        "ﬁ",
        "a" * 5000,
        "../../x",
        "/",
        "C:\\x",
        "*",
        "[",
        "%s",
    ),
    *("{caption}", "{", "none", "null", "true", "NaN", "1e999", "9" * 400, "2026-02-30", "{{7*7}}", "<script>", "--"),
)
LEAVES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        -1,
        -0.0,
        0.5,
        1e308,
        1e-320,
        float("inf"),
        float("nan"),
        10**30,
        -(2**63),
        [],
        {},
        [[]],
        [{}],
    ),
    *NUMBERS,
    *WORDS,
)
PIECES = (
    *(b"\0", b"\xff", b"\xff\xd8", b"\xff\xda", b"IEND", b"\r\n", b'"', b"'", b"{", b"}", b"[", b"]", b",", b"=", b"#"),
    *(b'"""', b"\\u0000", b"\\ud800", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"-1", b"1e999", b"[" * 3000, b'{"a":' * 3000),
    *(b" AND ", b" OR ", b" WITH ", b"(" * 60, b"a.", b"\xc0\x80"),
)


def bytewise(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
    """A few changes of the kinds that fuzzers have found worth their while."""
    for _ in range(chance.choice((1, 1, 1, 2, 4, 8))):
        data = chance.choice(_BYTEWISE)(data, chance, others)[:LONGEST_INPUT]
    return data


def _at(data: bytes, chance: Chance) -> int:
    """Headers stand in front, so every second change is there."""
    return chance.randrange(1 + (min(len(data), 512) if chance.random() < 0.5 else len(data)))


def _span(data: bytes, chance: Chance) -> tuple[int, int]:
    begin = _at(data, chance)
    return begin, min(len(data), begin + chance.choice((1, 2, 4, 16, 64, 1000)))


def _flipped(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    at = _at(data, chance)
    return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :] if at < len(data) else data


def _numbered(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    at, size, number = _at(data, chance), chance.choice((1, 2, 4, 8)), chance.choice(NUMBERS)
    order = chance.choice(("little", "big"))
    return data[:at] + (number % (1 << 8 * size)).to_bytes(size, order) + data[at + size :]


def _digits(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    if not (found := list(re.finditer(rb"-?\d+(\.\d+)?", data[: 1 << 14]))):
        return data
    number, spelled = chance.choice(found), str(chance.choice((*NUMBERS, -1, 0.5, "1e999", "9" * 5000, "00", "0x1f")))
    return data[: number.start()] + spelled.encode() + data[number.end() :]


def _without(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    begin, end = _span(data, chance)
    return data[:begin] + data[end:]


def _cut(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    return data[: _at(data, chance)]


def _repeated(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    begin, end = _span(data, chance)
    return data[:begin] + data[begin:end] * chance.choice((2, 3, 100, 3000)) + data[end:]


def _put(data: bytes, chance: Chance, _: Sequence[bytes]) -> bytes:
    at = _at(data, chance)
    return data[:at] + chance.choice((*PIECES, chance.randbytes(8))) + data[at:]


def _spliced(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
    other = chance.choice(others)
    begin, end = _span(other, chance)
    if chance.random() < 0.3:
        return data[: _at(data, chance)] + other[begin:]
    at = _at(data, chance)
    return data[:at] + other[begin:end] + data[at + chance.choice((0, end - begin)) :]


_BYTEWISE = (_flipped, _numbered, _numbered, _digits, _without, _cut, _repeated, _put, _spliced)


def partwise(apart: Callable[[bytes], list[bytes]], together: Callable[[list[bytes]], bytes]) -> Mutation:
    """Parts of a file are left out, repeated, moved, taken from another file, or changed within."""

    def mutate(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
        if chance.random() < 0.25:
            return bytewise(data, chance, others)
        parts = apart(data)
        for _ in range(chance.choice((1, 1, 2, 4))):
            place = chance.randrange(len(parts)) if parts else 0
            match chance.randrange(6) if parts else 4:
                case 0:
                    del parts[place]
                case 1:
                    parts[place:place] = [parts[place]] * chance.choice((1, 2, 100))
                case 2:
                    parts.insert(chance.randrange(len(parts)), parts.pop(place))
                case 4:
                    parts[place:place] = chance.sample(found := apart(chance.choice(others)), min(1, len(found)))
                case _:
                    parts[place] = bytewise(parts[place], chance, parts)
        return together(parts)[:LONGEST_INPUT]

    return mutate


def lines_of(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True)


def words_of(data: bytes) -> list[bytes]:
    return re.findall(rb"[()]|[^\s()]+", data)


def branchwise(value: Any, chance: Chance, others: Sequence[Any]) -> Any:
    """A tree with a few branches cut, grafted, renamed, or with other leaves."""
    value = _copy(value)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        places = list(_places(value))
        if not places:
            return _copy(chance.choice(LEAVES))
        table, key = chance.choice(places)
        match chance.randrange(8):
            case 0:
                del table[key]
            case 1 | 2 | 3:
                table[key] = _copy(chance.choice(LEAVES))
            case 4:
                grafts = list(_places(chance.choice(others))) or places
                table[key] = _copy((graft := chance.choice(grafts))[0][graft[1]])
            case 5:
                table[key] = _deeper(table[key], chance)
            case 6 if isinstance(table, dict):
                other = chance.choice([*table, "more", "__class__", "a.b", *WORDS])
                table[other] = _copy(table[key]) if chance.random() < 0.5 else table.pop(key)
            case _:
                table[key] = _copy(_other(table[key], chance))
    return value


def _copy(value: Any) -> Any:
    """Nothing of it is anything else's too: a branch that came to hang on itself would never end."""
    return json.loads(json.dumps(value))


def _places(value: Any) -> Any:
    waiting = [value]
    while waiting:
        table = waiting.pop()
        inner = table.items() if isinstance(table, dict) else enumerate(table) if isinstance(table, list) else ()
        for key, branch in inner:
            yield table, key
            waiting.append(branch)


def _deeper(value: Any, chance: Chance) -> Any:
    for _ in range(chance.choice((1, 2, 150))):
        value = [value] if chance.random() < 0.5 else {"a": value}
    return value


def _other(value: Any, chance: Chance) -> Any:
    """Near what it was: most checks are at the edges."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float) and abs(value) < 1e300:
        return chance.choice((value + 1, value - 1, -value, value * 1000, float(value), str(value), value / 3))
    if isinstance(value, str):
        at = chance.randrange(len(value) + 1)
        return chance.choice((value[:at], value[:at] + chance.choice(WORDS) + value[at:], value.upper(), f" {value}"))
    if isinstance(value, list) and value:
        return chance.choice((value + value[:1], value * 40, value[::-1], value[1:], dict(enumerate(map(str, value)))))
    return chance.choice(LEAVES)


def jsonwise(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
    trees = [tree for tree in map(_tree, (data, *others[:3])) if tree is not None]
    if not trees or chance.random() < 0.25:
        return bytewise(data, chance, others)
    return json.dumps(branchwise(trees[0], chance, trees), ensure_ascii=chance.random() < 0.9).encode(
        "utf-8", "surrogatepass"
    )[:LONGEST_INPUT]


def _tree(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def tomlwise(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
    if chance.random() < 0.4:
        return bytewise(data, chance, others)
    try:
        tree = json.loads(json.dumps(toml_in(data.decode()), default=str))
        return tomli_w.dumps(branchwise(tree, chance, [tree])).encode()[:LONGEST_INPUT]
    except (ValueError, TypeError, AttributeError, RecursionError):  # torn already, or what TOML has no word for
        return bytewise(data, chance, others)


def tensorwise(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
    """A safetensors file whose header has another tree, and the length of that."""
    length = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + length]
    if chance.random() < 0.3:
        return bytewise(data, chance, others)
    text = jsonwise(header, chance, [header])
    text += b" " * (-len(text) % ALIGNMENT) if chance.random() < 0.7 else b""
    return struct.pack("<Q", len(text)) + text + data[8 + length :]
