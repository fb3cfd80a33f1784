"""What is the identity of a file, of pixels, of tensors, of a record?

Always the SHA-256 of its content, in lower-case hex. Nothing here needs torch or numpy, so a release can be
checked on any machine.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import rfc8785

from handstyle.errors import RecordDamaged

CHUNK = 1 << 20  # bytes
LONGEST_HEADER = 16 << 20  # bytes; the format allows 100 MB, which would take a reader gigabytes and half a minute
MOST_AXES = 64  # as many as numpy and torch can address; to multiply very many large ones takes hours
BITS = {
    **{"BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16},
    **{"U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64},
}  # of one number of each type that safetensors names and we read


def of_bytes(data: bytes | memoryview) -> str:
    return hashlib.sha256(data).hexdigest()


def of_pieces(pieces: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def of_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def canonical(value: Any) -> bytes:
    """JSON as bytes that everybody writes alike (RFC 8785)."""
    return rfc8785.dumps(value)


def of_json(value: Any) -> str:
    return of_bytes(canonical(value))


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The `object_pairs_hook` of JSON in which no key stands twice: one reader would take the first, one the last."""
    table: dict[str, Any] = {}
    for key, value in pairs:
        if key in table:
            raise ValueError(f"{key!r:.80} stands in it twice")
        table[key] = value
    return table


def of_pixels(width: int, height: int, rgb: bytes) -> str:
    """Of decoded 8-bit RGB, row by row; the size goes in first, so that 2x8 is not 4x4."""
    digest = hashlib.sha256(f"rgb8 {width}x{height}\n".encode())
    digest.update(rgb)
    return digest.hexdigest()


def of_tensors(tensors: Iterable[tuple[str, str, tuple[int, ...], bytes | memoryview]]) -> str:
    """Of (name, safetensors type name, shape, little-endian bytes), whatever their order and their file."""
    return _of_digests((name, kind, shape, hashlib.sha256(data).digest()) for name, kind, shape, data in tensors)


def _of_digests(tensors: Iterable[tuple[str, str, tuple[int, ...], bytes]]) -> str:
    digest = hashlib.sha256()
    for name, kind, shape, of_data in sorted(tensors):
        digest.update(canonical([name, kind, list(shape)]))
        digest.update(of_data)
    return digest.hexdigest()


def safetensors_header(path: Path) -> tuple[dict[str, Any], int]:
    """The header of a safetensors file and where its data starts (8-byte length, then JSON).

    Raises RecordDamaged when the file is not a whole safetensors file, in which every byte belongs to one tensor.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValueError("it is not an ordinary file")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(LONGEST_HEADER, size - 8):
                raise ValueError("its header is longer than it can be")
            header = json.loads(file.read(length).decode("utf-8"), object_pairs_hook=once)
        if not isinstance(header, dict):
            raise ValueError("its header is not a table")
        _check_metadata(header.get("__metadata__", {}))
        end = _end_of_tensors({name: entry for name, entry in header.items() if name != "__metadata__"})
        if 8 + length + end != size:
            raise ValueError(f"it should have {8 + length + end} bytes and has {size}")
    except (OSError, ValueError, struct.error, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RecordDamaged(
            f"{path} is not a whole safetensors file: {error}", hint="Fetch or write it again."
        ) from error
    return header, 8 + length


def _check_metadata(metadata: object) -> None:
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("its metadata is not a table of texts")


def _end_of_tensors(entries: Mapping[str, Any]) -> int:
    """Where the last tensor ends; each begins where the one before it ends, and is as long as its shape says."""
    at = 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1]["data_offsets"]):
        name.encode("utf-8")  # half a letter is no name
        shape, (begin, end) = entry["shape"], entry["data_offsets"]
        if not all(type(number) is int and 0 <= number < 2**53 for number in (*shape, begin, end)):
            raise ValueError(f"{name!r:.80} has a shape or a place that is none")
        if len(shape) > MOST_AXES:
            raise ValueError(f"{name!r:.80} has more than {MOST_AXES} axes")
        if entry["dtype"] not in BITS:
            raise ValueError(f"{name!r:.80} has numbers of the unknown type {entry['dtype']!r:.20}")
        if begin != at or (end - begin) * 8 != math.prod(shape) * BITS[entry["dtype"]]:
            raise ValueError(f"{name!r:.80} does not lie where and as long as its shape says")
        at = end
    return at


def of_tensor_file(path: Path) -> str:
    """`of_tensors` of a safetensors file; its metadata does not count, so a rename does not change it.

    Read piece by piece: pages of a mapped file count as memory of the process, and a checkpoint has gigabytes of them.
    """
    return of_tensor_files([path])


def of_tensor_files(paths: Sequence[Path]) -> str:
    """The same for tensors that lie in several files: what it would be if they lay in one."""
    return _of_digests(found for path in paths for found in _of_each_tensor(path))


def _of_each_tensor(path: Path) -> Iterator[tuple[str, str, tuple[int, ...], bytes]]:
    header, start = safetensors_header(path)
    with path.open("rb") as file:
        for name, entry in header.items():
            if name != "__metadata__":
                begin, end = entry["data_offsets"]
                yield name, entry["dtype"], tuple(entry["shape"]), _of_span(file, start + begin, start + end)


def _of_span(file: BinaryIO, begin: int, end: int) -> bytes:
    file.seek(begin)
    digest = hashlib.sha256()
    for at in range(begin, end, CHUNK):
        digest.update(file.read(min(CHUNK, end - at)))
    return digest.digest()
