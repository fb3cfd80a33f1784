"""Where do encoded works lie, so that none is encoded twice and none is mistaken for another?

Each entry is keyed by everything that decides its content: pixels, crop and autoencoder for latents; words,
tokenizer and encoder for texts; the precision for both. Never by a position in a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from handstyle import digests
from handstyle.diffusion.checkpoints import digest_of, read_tensors, write_tensors
from handstyle.encoding.crops import Crop
from handstyle.errors import RecordDamaged
from handstyle.records import LONGEST_WRITE, PART, remove_abandoned


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

    def get(self, key: str) -> dict[str, Tensor] | None:
        """The entry, or None. A damaged entry counts as missing: it can always be computed again."""
        path = self.path(key)
        if not path.is_file():
            return None
        try:
            tensors, metadata = read_tensors(path)
        except RecordDamaged:
            return None
        whole = metadata.get("key") == key and metadata.get("content") == digest_of(tensors)
        return tensors if whole else None

    def tidy(self) -> None:
        """Without what killed processes left behind. Others may be writing, though none for an hour at one entry."""
        remove_abandoned(self.folder, f"*/.*{PART}", older_than=LONGEST_WRITE)

    def put(self, key: str, tensors: Mapping[str, Tensor], **facts: Any) -> None:
        always = {"key": key, "content": digest_of(tensors)}
        write_tensors(self.path(key), tensors, always | {name: str(value) for name, value in facts.items()})
