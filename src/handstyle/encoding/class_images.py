"""What did the class words mean to the base before it learnt a hand?

Prior preservation trains on pictures of the class beside the works (Ruiz et al. 2023, section 3.3). They are drawn by
the base itself, or taken from a folder of one's own, and kept as latents under everything that decides them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from handstyle import digests
from handstyle.collection.consent import Consent
from handstyle.collection.intake import load_work
from handstyle.collection.works import Collection
from handstyle.diffusion import sampling
from handstyle.diffusion.family import LatentDistribution, ModelFamily
from handstyle.encoding.batches import Example
from handstyle.encoding.cache import Cache, Shape, latent_key
from handstyle.encoding.crops import Extent, crop_to, size_of
from handstyle.encoding.encode import PRECISION, encoded_pixels, latents_like, pixels

BATCH = 8


@dataclass(frozen=True)
class OwnClassImages:
    """A folder of class images, with the permission for each."""

    collection: Collection
    folder: Path
    consents: tuple[Consent, ...] = ()  # on which it stands


@dataclass(frozen=True)
class ClassImages:
    """How the base draws its class images; every field is part of their fingerprint."""

    prompt: str
    base: str  # digest
    resolution: int
    seed: int
    steps: int
    guidance_scale: float
    guidance_rescale: float
    precision: str
    plain: bool  # computed without optimisations: other last bits
    bucket: Extent | None = None  # where they are no squares
    clip_skip: int | None = None  # where layers are skipped

    @property
    def size(self) -> Extent:
        return self.bucket or (self.resolution, self.resolution)

    def key(self, index: int) -> str:
        said = {name: value for name, value in self.__dict__.items() if value is not None}
        return digests.of_json({"class image": said, "index": index})


def draw_class_images(plan: ClassImages, number: int, family: ModelFamily, cache: Cache) -> Iterator[int]:
    """Yields how many are there; those of an earlier run with the same fingerprint are found, not drawn again."""
    like = _drawn_like(plan, family)
    missing = [index for index in range(number) if cache.get(plan.key(index), like) is None]
    yield number - len(missing)
    with torch.no_grad():
        text_1LD, without_1LD = family.encode_texts([plan.prompt]), family.encode_texts([""])
    shape = family.latent_shape(*plan.size)
    for start in range(0, len(missing), BATCH):
        rows = missing[start : start + BATCH]
        *_, last = sampling.denoise(
            family,
            sampling.starting_noise([plan.seed + index for index in rows], shape),
            text_1LD.expand(len(rows), -1, -1),
            without_1LD.expand(len(rows), -1, -1),
            sampler="dpm++",
            steps=plan.steps,
            guidance_scale=plan.guidance_scale,
            guidance_rescale=plan.guidance_rescale,
            precision=plan.precision,
        )
        for index, latents_CHW in zip(rows, last.latents_BCHW, strict=True):
            cache.put(plan.key(index), {"latents": latents_CHW}, kind="class image")
        yield number - len(missing) + start + len(rows)


def _drawn_like(plan: ClassImages, family: ModelFamily) -> dict[str, Shape]:
    return {"latents": family.latent_shape(*plan.size)}


def drawn_examples(plan: ClassImages, number: int, family: ModelFamily, cache: Cache) -> list[Example]:
    with torch.no_grad():
        conditioning_LD = family.encode_texts([plan.prompt])[0]
    examples = []
    for index in range(number):
        entry = cache.get(plan.key(index), _drawn_like(plan, family))
        if entry is not None:
            exact = LatentDistribution(entry["latents"], torch.zeros_like(entry["latents"]))
            size = (plan.size[1], plan.size[0], 0, 0)
            examples.append(Example(f"class image {index}", (exact,), plan.prompt, conditioning_LD, size))
    return examples


def own_examples(own: OwnClassImages, prompt: str, size: Extent, family: ModelFamily, cache: Cache) -> list[Example]:
    """Class images from a folder, keyed and named by their pixels. Raises WorkChanged for another file than was asked
    for."""
    with torch.no_grad():
        conditioning_LD = family.encode_texts([prompt])[0]
    examples = []
    for picture in own.collection.works:
        crop = crop_to(picture.width, picture.height, size)
        key = latent_key(picture.pixels_sha256, crop, family.autoencoder_digest(), PRECISION)
        entry = cache.get(key, latents_like(family, size))
        if entry is None:
            image = load_work(own.folder, picture, own.collection.background)
            entry = encoded_pixels(pixels(image, crop), picture.name, family)
            cache.put(key, entry, kind="latents")
        latents = LatentDistribution(entry["mean"], entry["deviation"])
        told = size_of(picture.width, picture.height, crop)
        examples.append(Example(picture.pixels_sha256, (latents,), prompt, conditioning_LD, told))
    return examples
