"""How is a record with a very long list written without a second copy of it?

Piece by piece, and byte for byte what `records` and `digests` would write at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from handstyle import digests

Flat = Mapping[str, str | int]  # what the list holds: no number with a point, nothing nested


def canonical_pieces(record: Mapping[str, Any], key: str, items: Iterable[Flat]) -> Iterator[bytes]:
    """`digests.canonical` of the record with `items` at `key`, whose own names are ASCII, as the items' are."""
    for place, name in enumerate(sorted(record)):
        yield (b"," if place else b"{") + digests.canonical(name) + b":"
        if name != key:
            yield digests.canonical(record[name])
            continue
        yield b"["
        for number, item in enumerate(items):
            # Texts and whole numbers are spelled as in RFC 8785, 3.2.2, and ASCII names sort as in 3.2.3.
            text = json.dumps(item, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
            yield (b"," if number else b"") + text.encode()
        yield b"]"
    yield b"}"


def pieces(record: Mapping[str, Any], key: str, items: Iterable[Flat]) -> Iterator[bytes]:
    """What `Record.save` writes of the record with `items` at `key`, where now an empty list stands."""
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    # No text in JSON holds a line break, so nothing else looks like this.
    before, empty, after = text.partition(f"\n  {json.dumps(key)}: []")
    yield f"{before}{empty[:-1]}".encode()
    number = 0
    for number, item in enumerate(items, 1):
        lines = json.dumps(item, ensure_ascii=False, separators=(",\n      ", ": "))[1:-1]
        yield f"{',' if number > 1 else ''}\n    {{\n      {lines}\n    }}".encode()
    yield f"{chr(10) + '  ' if number else ''}]{after}".encode()
