"""How do tensors get to disk and back?

Safetensors only: nothing is unpickled. Written whole or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as as_bytes
from torch import Tensor

from handstyle import records
from handstyle.errors import HandstyleError, RecordDamaged


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> Path:
    """Raises WriteFailed; what stood at `path` is then untouched."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return records.write(path, as_bytes(plain, metadata=dict(metadata or {})))


def read_tensors(path: Path, error: type[HandstyleError] = RecordDamaged) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as fault:
        raise error(f"{path} cannot be read: {fault}", hint="Restore it, or run its stage again.") from fault
