"""How is each work, and each text, run through the base's encoders exactly once?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from handstyle.collection.intake import load_work
from handstyle.collection.works import Work
from handstyle.diffusion.family import LatentDistribution, ModelFamily
from handstyle.encoding.cache import Cache, Shape, latent_key, text_key
from handstyle.encoding.crops import Crop, Extent
from handstyle.errors import BaseUnusable

PRECISION = "fp32"  # encoding happens once; halving its precision would save seconds and cost exactness


@dataclass(frozen=True)
class Encoded:
    """One picture or text has been encoded, or found."""

    index: int
    of: int
    name: str
    found: bool  # in the cache


def pixels(image: Image.Image, crop: Crop) -> Tensor:
    """CHW in [-1, 1]."""
    cut = image.resize(crop.size, Image.Resampling.LANCZOS, box=crop.box)
    if crop.mirrored:
        cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return torch.from_numpy(np.asarray(cut, dtype=np.float32).copy()).permute(2, 0, 1) / 127.5 - 1


def encode_works(
    works: Sequence[Work],
    folder: Path,
    background: str,
    crops: Sequence[Sequence[Crop]],
    family: ModelFamily,
    cache: Cache,
) -> Iterator[Encoded]:
    """Yields after each work; originals are opened only when something of theirs is missing."""
    encoder = family.autoencoder_digest()
    for index, (work, wanted) in enumerate(zip(works, crops, strict=True)):
        missing = [
            (key, crop)
            for crop in wanted
            for key in [latent_key(work.pixels_sha256, crop, encoder, PRECISION)]
            if cache.get(key, latents_like(family, crop.size)) is None
        ]
        if missing:
            image = load_work(folder, work, background)
            for key, crop in missing:
                cache.put(key, encoded_pixels(pixels(image, crop), work.name, family), kind="latents")
        yield Encoded(index + 1, len(works), work.name, found=not missing)


def latents_like(family: ModelFamily, size: Extent) -> dict[str, Shape]:
    """What an entry of the cache must hold for a picture of this size."""
    return dict.fromkeys(("mean", "deviation"), family.latent_shape(*size))


def encoded_pixels(pixels_CHW: Tensor, name: str, family: ModelFamily) -> dict[str, Tensor]:
    """Raises BaseUnusable where an encoder makes of it what is no number."""
    latents = family.encode_pixels(pixels_CHW[None])
    return _of_numbers({"mean": latents.mean_BCHW[0], "deviation": latents.deviation_BCHW[0]}, name)


def _of_numbers(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
        raise BaseUnusable(
            f"the base makes of `{name:.80}` what is not a number: its weights are damaged",
            hint="Fetch the base again, or give another with --base.",
        )
    return tensors


def latents_of(work: Work, crop: Crop, encoder: str, cache: Cache) -> LatentDistribution | None:
    """CHW, without the batch axis; None when it is not in the cache."""
    entry = cache.get(latent_key(work.pixels_sha256, crop, encoder, PRECISION))
    return LatentDistribution(entry["mean"], entry["deviation"]) if entry else None


def encode_texts(texts: Sequence[str], family: ModelFamily, cache: Cache) -> Iterator[Encoded]:
    encoder, like = family.text_digest(), None
    for index, text in enumerate(texts):
        key = text_key(text, encoder, PRECISION)
        like = like or {"conditioning": tuple(encoded_text("", family).shape)}
        found = cache.get(key, like) is not None
        if not found:
            cache.put(key, _of_numbers({"conditioning": encoded_text(text, family)}, text), kind="text")
        yield Encoded(index + 1, len(texts), text, found)


@torch.no_grad()
def encoded_text(text: str, family: ModelFamily) -> Tensor:
    return family.encode_texts([text])[0]


def conditioning_of(text: str, encoder: str, cache: Cache) -> Tensor | None:
    """LD; None when it is not in the cache."""
    entry = cache.get(text_key(text, encoder, PRECISION))
    return entry["conditioning"] if entry else None
