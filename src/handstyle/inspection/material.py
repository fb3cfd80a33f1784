"""Which drawings is a style measured on, and how do they look to the base?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from handstyle.collection.intake import collect, load_work
from handstyle.collection.rights_plan import for_all
from handstyle.collection.works import Collection, Work
from handstyle.diffusion.family import ModelFamily
from handstyle.encoding.cache import Cache
from handstyle.encoding.crops import centre_crop
from handstyle.encoding.encode import encode_works, latents_of
from handstyle.errors import CollectionFaulty
from handstyle.finetuning.validation import Drawings


@dataclass(frozen=True)
class HeldOut:
    """Real drawings by the artist that the training did not see."""

    collection: Collection
    folder: Path
    works: tuple[Work, ...]
    is_further: bool  # a folder of their own, rather than works left out of training

    @property
    def captions(self) -> tuple[str, ...]:
        return tuple(work.caption for work in self.works)

    def may_be_shown(self, work: Work) -> bool:
        rights = self.collection.rights_of(work)
        # A consent speaks of the works it names. Further drawings are none of them, whatever it says of those.
        is_meant = rights.consent is None or not self.is_further
        return is_meant and "show-works" in rights.permits


def held_out(collection: Collection, folder: Path, further: Path | None, most: int | None = None) -> HeldOut | None:
    """The drawings in `further`, under the collection's permission, else the works withheld from training.

    Raises CollectionFaulty when one of the further drawings is a work: it would be no proof.
    """
    if further is None:
        return HeldOut(collection, folder, collection.withheld[:most], False) if collection.withheld else None
    rights = collection.rights_of(collection.works[0])
    found = collect(further, rights=for_all(rights), background=collection.background, validation=None)
    trained_on = {work.pixels_sha256: work.name for work in collection.training}
    both = [
        f"{work.name} is {trained_on[work.pixels_sha256]}" for work in found.works if work.pixels_sha256 in trained_on
    ]
    if both:
        raise CollectionFaulty(
            f"{len(both)} of the drawings in {further} were trained on",
            faults=both,
            hint="Take them out of the folder: only drawings the training never saw can tell anything.",
        )
    return HeldOut(found, further, found.works[:most], True)


def encoded(found: HeldOut, family: ModelFamily, resolution: int, cache: Cache) -> Drawings:
    """The middle of what the autoencoder says of each drawing, out of the cache or into it."""
    crops = [[centre_crop(work.width, work.height, resolution)] for work in found.works]
    for _ in encode_works(found.works, found.folder, found.collection.background, crops, family, cache):
        pass
    encoder = family.autoencoder_digest()
    latents = [latents_of(work, crop, encoder, cache) for work, [crop] in zip(found.works, crops, strict=True)]
    return Drawings(found.captions, torch.stack([entry.mean_BCHW for entry in latents if entry is not None]))


def as_seen(work: Work, folder: Path, background: str, resolution: int) -> Image.Image:
    """The square of a drawing that training would see."""
    crop = centre_crop(work.width, work.height, resolution)
    return load_work(folder, work, background).resize((resolution, resolution), Image.Resampling.LANCZOS, box=crop.box)
