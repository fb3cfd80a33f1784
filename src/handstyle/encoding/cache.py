"""Where do encoded works lie, so that none is encoded twice and none is mistaken for another?

Each entry is keyed by everything that decides its content: pixels, crop and autoencoder for latents; words,
tokenizer and encoder for texts; the precision for both. Never by a position in a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from handstyle import digests
from handstyle.diffusion.checkpoints import digest_of, read_tensors, write_tensors
from handstyle.encoding.crops import Crop
from handstyle.errors import RecordDamaged
from handstyle.records import LONGEST_WRITE, PART, remove_abandoned

Shape = tuple[int, ...]


def latent_key(pixels_sha256: str, crop: Crop, autoencoder: str, precision: str) -> str:
    return digests.of_json(
        {"pixels": pixels_sha256, "crop": crop.as_json(), "autoencoder": autoencoder, "precision": precision}
    )


def text_key(text: str, encoder: str, precision: str) -> str:
    return digests.of_json({"text": text, "encoder": encoder, "precision": precision})


@dataclass(frozen=True)
class Cache:
    """A folder of safetensors files named by their keys."""

    folder: Path

    def path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.safetensors"

    def get(self, key: str, like: Mapping[str, Shape] | None = None) -> dict[str, Tensor] | None:
        """The entry, or None. A damaged entry counts as missing: it can always be computed again.

        So does one that is not `like` it must be: these names, each finite fp32 of this shape.
        """
        path = self.path(key)
        if not path.is_file():
            return None
        try:
            tensors, metadata = read_tensors(path)
        except RecordDamaged:
            return None
        whole = metadata.get("key") == key and metadata.get("content") == digest_of(tensors)
        return tensors if whole and (like is None or _fits(tensors, like)) else None

    def tidy(self) -> None:
        """Without what killed processes left behind. Others may be writing, though none for an hour at one entry."""
        remove_abandoned(self.folder, f"*/.*{PART}", older_than=LONGEST_WRITE)

    def put(self, key: str, tensors: Mapping[str, Tensor], **facts: Any) -> None:
        always = {"key": key, "content": digest_of(tensors)}
        write_tensors(self.path(key), tensors, always | {name: str(value) for name, value in facts.items()})


def _fits(tensors: Mapping[str, Tensor], like: Mapping[str, Shape]) -> bool:
    return tensors.keys() == like.keys() and all(
        tensor.dtype == torch.float32 and tuple(tensor.shape) == like[name] and bool(tensor.isfinite().all())
        for name, tensor in tensors.items()
    )
