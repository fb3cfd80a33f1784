"""How do tensors get to disk and back?

Safetensors only: nothing is unpickled. Written whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from handstyle import digests, tensor_files
from handstyle.errors import HandstyleError, RecordDamaged

KINDS = {
    **{torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"},
    **{torch.int64: "I64", torch.int32: "I32", torch.uint8: "U8", torch.bool: "BOOL"},
}  # as safetensors names them


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> Path:
    """From where they lie in memory, without a copy. Raises WriteFailed; what stood at `path` is then untouched."""
    return tensor_files.write_tensors(path, plain(tensors), metadata or {})


def plain(tensors: Mapping[str, Tensor]) -> dict[str, tensor_files.Tensor]:
    """The same bytes, for whoever does without torch."""
    return {
        name: tensor_files.Tensor(KINDS[tensor.dtype], tuple(tensor.shape), _bytes_of(tensor))
        for name, tensor in tensors.items()
    }


def read_tensors(path: Path, error: type[HandstyleError] = RecordDamaged) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata. The header is read first: safetensors itself waits for ever at a pipe."""
    try:
        digests.safetensors_header(path)
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except RecordDamaged as damaged:
        raise error(damaged.what, hint="Restore it, or run its stage again.") from damaged
    except (OSError, SafetensorError, ValueError) as fault:
        raise error(f"{path} cannot be read: {fault}", hint="Restore it, or run its stage again.") from fault


def each_tensor(path: Path) -> Iterator[tuple[str, Tensor]]:
    """Read one by one, so that never more than one is in memory. Raises RecordDamaged."""
    header, start = digests.safetensors_header(path)
    kinds = {kind: dtype for dtype, kind in KINDS.items()}
    with path.open("rb") as file:
        for name, entry in header.items():
            if name != "__metadata__":
                begin, end = entry["data_offsets"]
                file.seek(start + begin)
                data = bytearray(file.read(end - begin))
                yield name, torch.frombuffer(data, dtype=kinds[entry["dtype"]]).reshape(entry["shape"])


def digest_of(tensors: Mapping[str, Tensor]) -> str:
    """Of names, types, shapes and bytes. The format has no checksum of its own, and a flipped bit would go unseen."""
    return digests.of_tensors(
        (name, str(tensor.dtype), tuple(tensor.shape), _bytes_of(tensor)) for name, tensor in tensors.items()
    )


def _bytes_of(tensor: Tensor) -> memoryview:
    # numpy knows no bfloat16, and bytes are all that is asked for.
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
