"""How are safetensors read and written to the byte, without a library that computes with them?

The safetensors library writes its metadata in an order that changes from run to run; here the same tensors
always become the same file.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import shutil
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from handstyle import digests
from handstyle.errors import RecordDamaged
from handstyle.records import write_with

ALIGNMENT = 8  # bytes; the data starts at a multiple of it, as the format asks


class Tensor(NamedTuple):
    kind: str  # the type as safetensors names it: F32, BF16, ...
    shape: tuple[int, ...]
    data: bytes | memoryview


def scalar(value: float) -> Tensor:
    return Tensor("F32", (), struct.pack("<f", value))


def digest(tensors: Mapping[str, Tensor]) -> str:
    return digests.of_tensors((name, *tensor) for name, tensor in tensors.items())


@contextmanager
def tensors_in(path: Path) -> Iterator[dict[str, Tensor]]:
    """The tensors of a file, mapped and not read; they are gone after the `with`. Raises RecordDamaged."""
    header, start = digests.safetensors_header(path)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        whole = memoryview(mapped)
        views: list[memoryview] = [whole]
        tensors: dict[str, Tensor] = {}
        try:
            for name, entry in header.items():
                if name != "__metadata__":
                    begin, end = entry["data_offsets"]
                    views.append(whole[start + begin : start + end])
                    tensors[name] = Tensor(str(entry["dtype"]), tuple(map(int, entry["shape"])), views[-1])
        except (KeyError, TypeError, ValueError) as error:
            _release(views)
            raise RecordDamaged(f"{path} is not a whole safetensors file: {error}") from error
        try:
            yield tensors
        finally:
            _release(views)


def metadata_of(path: Path) -> dict[str, str]:
    header, _ = digests.safetensors_header(path)
    return dict(header.get("__metadata__", {}))


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Path:
    """Tensors by name, metadata by key: the same input is the same file."""
    header: dict[str, object] = {"__metadata__": dict(sorted(metadata.items()))}
    offset = 0
    for name, tensor in sorted(tensors.items()):
        header[name] = {
            "dtype": tensor.kind,
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + len(tensor.data)],
        }
        offset += len(tensor.data)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % ALIGNMENT)

    def fill(beside: Path) -> None:
        with beside.open("wb") as file:
            file.write(struct.pack("<Q", len(text)))
            file.write(text)
            for _, tensor in sorted(tensors.items()):
                file.write(tensor.data)

    return write_with(path, fill)


def write_with_metadata(path: Path, original: Path, metadata: Mapping[str, str]) -> Path:
    """Another header before the same bytes: every tensor is where and what it was."""
    header, start = digests.safetensors_header(original)
    tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
    entries = {"__metadata__": dict(sorted(metadata.items())), **tensors}
    head = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    head += b" " * (-len(head) % ALIGNMENT)

    def fill(beside: Path) -> None:
        with original.open("rb") as whole, beside.open("wb") as file:
            file.write(struct.pack("<Q", len(head)))
            file.write(head)
            whole.seek(start)
            shutil.copyfileobj(whole, file, digests.CHUNK)

    return write_with(path, fill)


def data_digest(tensors: Mapping[str, Tensor]) -> str:
    """Of the data of a file that `write_tensors` wrote, which is what ModelSpec calls `hash_sha256`."""
    whole = hashlib.sha256()
    for _, tensor in sorted(tensors.items()):
        whole.update(tensor.data)
    return whole.hexdigest()


def _release(views: list[memoryview]) -> None:
    for view in reversed(views):
        view.release()
