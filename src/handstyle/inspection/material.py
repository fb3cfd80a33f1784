"""Which drawings is a style measured on, and how do they look to the base?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from handstyle.collection.beside import collect_beside
from handstyle.collection.consent import Consent
from handstyle.collection.imports import folder_of
from handstyle.collection.intake import load_work
from handstyle.collection.rights_plan import ConsentGrant, RightsPlan, for_all, in_folder
from handstyle.collection.works import Collection, Work
from handstyle.diffusion.family import ModelFamily
from handstyle.encoding.buckets import Framing
from handstyle.encoding.cache import Cache
from handstyle.encoding.crops import centre_crop
from handstyle.encoding.encode import encode_works, latents_of
from handstyle.errors import CollectionFaulty
from handstyle.finetuning.validation import Drawings
from handstyle.generation.generate import images

BATCH = 32


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
        return "show-works" in self.collection.rights_of(work).permits


def held_out(collection: Collection, folder: Path, further: HeldOut | None, most: int | None = None) -> HeldOut | None:
    """The `further` drawings, else the works withheld from training."""
    if further is not None:
        return replace(further, works=further.works[:most])
    return HeldOut(collection, folder, collection.withheld[:most], False) if collection.withheld else None


def further_drawings(collection: Collection, folder: Path, consents: Sequence[Consent] = ()) -> HeldOut:
    """The drawings in a folder, under its own permission, else under that of the collection and its `consents`.

    Raises RightsMissing, and CollectionFaulty when one of them is a work: it would be no proof.
    """
    own = in_folder(folder_of(folder))
    rights = own if own.grants or own.consents else _as_the_works(collection, consents)
    gathered = collect_beside(folder, rights, background=collection.background, instead="; or leave --further out")
    found = gathered.collection
    trained_on = {work.pixels_sha256: work.name for work in collection.training}
    both = [
        f"{work.name} is {trained_on[work.pixels_sha256]}" for work in found.works if work.pixels_sha256 in trained_on
    ]
    if both:
        raise CollectionFaulty(
            f"{len(both)} of the drawings in {folder} were trained on",
            faults=both,
            hint="Take them out of the folder: only drawings the training never saw can tell anything.",
        )
    return HeldOut(found, gathered.folder, found.works, True)


def _as_the_works(collection: Collection, consents: Sequence[Consent]) -> RightsPlan:
    """A consent speaks of the works it names, by what they are. What is stated of all works is stated of these, too."""
    rights = tuple(collection.rights.values())
    if len(rights) == 1 and rights[0].consent is None:
        return for_all(rights[0])
    by_statement = {one.consent.statement: one for one in rights if one.consent}
    return RightsPlan(consents=tuple(ConsentGrant(given, by_statement[given.digest]) for given in consents))


def encoded(found: HeldOut, family: ModelFamily, framing: Framing, cache: Cache) -> Drawings:
    """The middle of what the autoencoder says of each drawing, out of the cache or into it; each cut as a work is."""
    crops = [framing.crops(work.width, work.height)[:1] for work in found.works]
    for _ in encode_works(found.works, found.folder, found.collection.background, crops, family, cache):
        pass
    encoder = family.autoencoder_digest()
    latents = [latents_of(work, crop, encoder, cache) for work, [crop] in zip(found.works, crops, strict=True)]
    return Drawings(found.captions, tuple(entry.mean_BCHW for entry in latents if entry is not None))


@torch.no_grad()
def given_back(family: ModelFamily, drawings: Sequence[Image.Image]) -> list[Image.Image]:
    """Drawings of one size through the base's autoencoder and back: what it alone takes away."""
    found: list[Image.Image] = []
    for begin in range(0, len(drawings), BATCH):
        rows = [np.asarray(image.convert("RGB"), dtype=np.float32) for image in drawings[begin : begin + BATCH]]
        pixels_BCHW = torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2) / 127.5 - 1
        found += images(family.decode_latents(family.encode_pixels(pixels_BCHW).mean_BCHW))
    return found


def as_seen(work: Work, folder: Path, background: str, resolution: int) -> Image.Image:
    """The square of a drawing that training would see."""
    crop = centre_crop(work.width, work.height, resolution)
    return load_work(folder, work, background).resize((resolution, resolution), Image.Resampling.LANCZOS, box=crop.box)
