"""What is the identity of a file, of pixels, of tensors, of a record?

Always the SHA-256 of its content, in lower-case hex. Nothing here needs torch or numpy, so a release can be
checked on any machine.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import rfc8785

from handstyle.errors import RecordDamaged

CHUNK = 1 << 20  # bytes
LONGEST_HEADER = 100_000_000  # bytes, the limit of the safetensors format itself


def of_bytes(data: bytes | memoryview) -> str:
    return hashlib.sha256(data).hexdigest()


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


def of_pixels(width: int, height: int, rgb: bytes) -> str:
    """Of decoded 8-bit RGB, row by row; the size goes in first, so that 2x8 is not 4x4."""
    digest = hashlib.sha256(f"rgb8 {width}x{height}\n".encode())
    digest.update(rgb)
    return digest.hexdigest()


def of_tensors(tensors: Iterable[tuple[str, str, tuple[int, ...], bytes | memoryview]]) -> str:
    """Of (name, safetensors type name, shape, little-endian bytes), whatever their order and their file."""
    digest = hashlib.sha256()
    for name, kind, shape, data in sorted(tensors, key=lambda tensor: tensor[0]):
        digest.update(canonical([name, kind, list(shape)]))
        digest.update(hashlib.sha256(data).digest())
    return digest.hexdigest()


def safetensors_header(path: Path) -> tuple[dict[str, Any], int]:
    """The header of a safetensors file and where its data starts (8-byte length, then JSON).

    Raises RecordDamaged when the file is not a whole safetensors file.
    """
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > LONGEST_HEADER:
                raise ValueError("its header is too long")
            header = json.loads(file.read(length))
            size = file.seek(0, 2)
        end = max((entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"), default=0)
        if 8 + length + end != size:
            raise ValueError(f"it should have {8 + length + end} bytes and has {size}")
    except (ValueError, struct.error, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RecordDamaged(
            f"{path} is not a whole safetensors file: {error}", hint="Fetch or write it again."
        ) from error
    return header, 8 + length


def of_tensor_file(path: Path) -> str:
    """`of_tensors` of a safetensors file; its metadata does not count, so a rename does not change it."""
    header, start = safetensors_header(path)
    entries: Mapping[str, Any] = {name: entry for name, entry in header.items() if name != "__metadata__"}
    if not entries:
        return of_tensors([])
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        view = memoryview(data)
        try:
            return of_tensors(
                (name, entry["dtype"], tuple(entry["shape"]), view[start + begin : start + end])
                for name, entry in entries.items()
                for begin, end in [entry["data_offsets"]]
            )
        finally:
            view.release()
