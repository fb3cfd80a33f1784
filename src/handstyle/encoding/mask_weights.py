"""How much does each place of a work count, at the size of its latents?

A mask is averaged over the pixels of each latent, as OneTrainer and kohya do; it has no part in what the base sees.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from handstyle import digests
from handstyle.collection.masks import load_alpha, load_mask
from handstyle.collection.works import Work
from handstyle.diffusion.family import ModelFamily
from handstyle.encoding.cache import Cache
from handstyle.encoding.crops import Crop
from handstyle.encoding.encode import Encoded


@dataclass(frozen=True)
class MaskUse:
    """Which masks of works count, and how. A mask beside a work goes before its transparency."""

    beside: bool
    alpha: bool
    unmasked_weight: float  # what counts least
    normalized: bool  # every work counts as much as one without a mask

    def of(self, work: Work) -> dict[str, Any] | None:
        """What decides a work's mask; None where it counts whole."""
        if self.beside and work.mask is not None:
            return {"pixels": work.mask.pixels_sha256}
        return {"alpha": work.file_sha256} if self.alpha else None

    def weights(self, mask_1HW: Tensor) -> Tensor:
        """max(mask, unmasked_weight), and divided by its mean (OneTrainer, modules/util/loss/masked_loss.py)."""
        weight_1HW = mask_1HW.clamp(self.unmasked_weight, 1)
        return weight_1HW / weight_1HW.mean().clamp_min(1e-6) if self.normalized else weight_1HW


def encode_masks(
    works: Sequence[Work],
    folder: Path,
    background: str,
    crops: Sequence[Sequence[Crop]],
    use: MaskUse,
    family: ModelFamily,
    cache: Cache,
) -> Iterator[Encoded]:
    """Yields after each work; a file is opened only when something of its mask is missing."""
    for index, (work, wanted) in enumerate(zip(works, crops, strict=True)):
        source = use.of(work)
        missing = [crop for crop in wanted if source and mask_of(work, crop, use, family, cache) is None]
        if missing:
            image = load_mask(folder, work) if source and "pixels" in source else load_alpha(folder, work, background)
            for crop in missing:
                cache.put(_key(source, crop, family), {"mask": averaged(image, crop, family)}, kind="mask")
        yield Encoded(index + 1, len(works), work.name, found=not missing)


def averaged(mask: Image.Image | None, crop: Crop, family: ModelFamily) -> Tensor:
    """1HW in [0, 1]: of each latent the mean of its pixels. No mask at all is one of ones."""
    _, height, width = family.latent_shape(*crop.size)
    if mask is None:
        return torch.ones(1, height, width)
    small = mask.convert("F").resize((width, height), Image.Resampling.BOX, box=crop.box)
    if crop.mirrored:
        small = small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return torch.from_numpy(np.asarray(small, dtype=np.float32).copy())[None].div(255).clamp(0, 1)


def mask_of(work: Work, crop: Crop, use: MaskUse, family: ModelFamily, cache: Cache) -> Tensor | None:
    """1HW; None where the work counts whole, or its mask is not in the cache."""
    source = use.of(work)
    if source is None:
        return None
    like = {"mask": (1, *family.latent_shape(*crop.size)[1:])}
    entry = cache.get(_key(source, crop, family), like)
    return entry["mask"] if entry else None


def _key(source: dict[str, Any] | None, crop: Crop, family: ModelFamily) -> str:
    _, height, width = family.latent_shape(*crop.size)
    return digests.of_json({"mask": source, "crop": crop.as_json(), "latents": [height, width]})
