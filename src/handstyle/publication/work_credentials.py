"""Which works carry a credential of their own, and may it go along with the model's?

It may where the permission includes `show-works`: it can name its author, its title and the tools. It must fit the file
and be signed, by whomever. The thumbnails in it are redacted (C2PA 2.2), so that no work is shown in a model's
credential or in a picture's.
"""

from __future__ import annotations

import importlib.util
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handstyle import digests
from handstyle.collection.content_credentials import MIME, SETTINGS
from handstyle.collection.pixels import LARGEST_FILE
from handstyle.collection.works import Collection
from handstyle.records import read_whole

LARGEST = 1 << 20  # bytes of one work's; a larger one stays at home
THUMBNAIL = "/c2pa.thumbnail"


@dataclass(frozen=True)
class WorkCredential:
    """A work's file, which carries one that holds."""

    mime: str
    data: bytes
    thumbnails: tuple[str, ...]  # where they stand in it
    told: str  # what it says, as JSON


def carried(collections: Iterable[tuple[Collection, Path]]) -> dict[str, WorkCredential]:
    """By the digest of the work's file, of the works that were trained on; each collection with the folder of its
    originals. One that is gone, has changed or does not hold is left out."""
    if importlib.util.find_spec("c2pa") is None:
        return {}
    return {
        work.file_sha256: found
        for collection, folder in collections
        for work in collection.training
        if "show-works" in collection.rights_of(work).permits
        if (found := _credential(folder / work.name, work.file_sha256, MIME[work.file_format])) is not None
    }


def _credential(path: Path, sha256: str, mime: str) -> WorkCredential | None:
    import c2pa

    try:
        data = read_whole(path, LARGEST_FILE)
        if not 0 < size_of_store(data) <= LARGEST or digests.of_bytes(data) != sha256:
            return None
        with c2pa.Context.from_dict(SETTINGS) as context:
            reader = c2pa.Reader.try_create(mime, io.BytesIO(data), context=context)
            if reader is None:
                return None
            with reader:
                text, state = reader.json(), reader.get_validation_state()
        if state not in ("Valid", "Trusted"):
            return None
        return WorkCredential(mime, data, tuple(sorted(set(thumbnails_in(json.loads(text))))), text)
    except (c2pa.C2paError, OSError, ValueError, RecursionError):
        return None


def thumbnails_in(said: Any) -> Iterator[str]:
    """Where pictures of what was signed stand in a store, as it is told in JSON."""
    waiting = [said.get("manifests") if isinstance(said, dict) else None]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            shown = value.get("thumbnail")
            if isinstance(shown, Mapping) and THUMBNAIL in str(shown.get("identifier")):
                yield str(shown["identifier"])
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def size_of_store(data: bytes) -> int:
    """Of the credentials in a picture, in bytes, before a library is let at them. 0 where there are none.

    PNG: chunks `caBX`; others: from the first mark of a JUMBF box of C2PA to the end, which is at least as much
    (C2PA 2.2, A.3).
    """
    if data.startswith(b"\x89PNG"):
        at, size = 8, 0
        while at + 8 <= len(data):
            length = int.from_bytes(data[at : at + 4])
            size += length if data[at + 4 : at + 8] == b"caBX" else 0
            at += 12 + length
        return size
    begin = data.find(b"jumb")
    return len(data) - begin if begin >= 0 and b"c2pa" in data[begin:] else 0
