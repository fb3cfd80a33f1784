"""Which drawings is a style measured on, and how do they look to the base?"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from handstyle.collection.beside import collect_beside
from handstyle.collection.consent import Consent
from handstyle.collection.fingerprints import SIDE, Fingerprint, fingerprint
from handstyle.collection.imports import folder_of
from handstyle.collection.intake import load_work
from handstyle.collection.near_duplicates import Nearby
from handstyle.collection.rights_plan import ConsentGrant, RightsPlan, for_all, in_folder
from handstyle.collection.works import Collection, Work
from handstyle.diffusion.family import ModelFamily
from handstyle.encoding.buckets import Framing
from handstyle.encoding.cache import Cache
from handstyle.encoding.crops import centre_crop
from handstyle.encoding.encode import encode_works, latents_of
from handstyle.errors import CollectionFaulty, WorkChanged
from handstyle.finetuning.validation import Drawings
from handstyle.generation.generate import images

BATCH = 32
REMEMBERED = 1 << 14  # pictures whose looks are not asked for twice by one process

Looks = tuple[Fingerprint | None, Fingerprint | None]  # as it is, and mirrored


@dataclass(frozen=True)
class HeldOut:
    """Real drawings by the artist that the training did not see."""

    collection: Collection
    folder: Path
    works: tuple[Work, ...]
    is_further: bool  # a folder of their own, rather than works left out of training
    too_near: tuple[str, ...] = ()  # each drawing that was taken out of it, and the work that it looks nearly like

    @property
    def captions(self) -> tuple[str, ...]:
        return tuple(work.caption for work in self.works)

    def may_be_shown(self, work: Work) -> bool:
        return "show-works" in self.collection.rights_of(work).permits


def held_out(collection: Collection, folder: Path, further: HeldOut | None, most: int | None = None) -> HeldOut | None:
    """The `further` drawings, else the works withheld from training; of either, those that look like no work trained
    on. Raises CollectionFaulty where no further one does."""
    found = apart(further, (collection, folder)) if further else kept_back(collection, folder)
    if further and not found.works:
        raise CollectionFaulty(
            f"all {len(found.too_near)} of the drawings in {further.folder} look nearly like works trained on",
            faults=found.too_near,
            hint="Give others: only drawings the training never saw can tell anything.",
        )
    return replace(found, works=found.works[:most]) if found.works else None


def kept_back(collection: Collection, folder: Path) -> HeldOut:
    """The works withheld from training, without those whose near-duplicate was trained on: perhaps none."""
    return apart(HeldOut(collection, folder, collection.withheld, False), (collection, folder))


def apart(held: HeldOut, *trained: tuple[Collection, Path]) -> HeldOut:
    """Without the drawings that look nearly like a work trained on, mirrored or not: whoever knows that work by heart
    would seem to know the hand, and a copy of it would seem no nearer than the artist's other drawings are."""
    if not held.works:
        return held
    works = [(one, folder, work) for one, folder in trained for work in one.training]
    nearby, names = Nearby(len(works)), list[str]()
    for one, folder, work in works:
        if (look := _looks(folder, work, one.background)[0]) is not None:
            nearby.add(look)
            names.append(work.name)
    near: dict[str, str] = {}
    for work in held.works:
        for look, how in zip(_looks(held.folder, work, held.collection.background), ("", ", mirrored"), strict=True):
            if look is not None and (place := min(nearby.near(look), default=None)) is not None:
                near.setdefault(work.name, f"{work.name} looks nearly like {names[place]}{how}")
    left = tuple(work for work in held.works if work.name not in near)
    return replace(held, works=left, too_near=(*held.too_near, *near.values()))


def told_of(too_near: Sequence[str]) -> tuple[str, ...]:
    """How many were taken out, in a sentence, if any."""
    many = len(too_near)
    if not many:
        return ()
    which = "1 drawing looks nearly like a work" if many == 1 else f"{many} drawings look nearly like works"
    return (f"{which} trained on, so nothing was measured on {'it' if many == 1 else 'them'}.",)


def _looks(folder: Path, work: Work, background: str) -> Looks:
    """None of what is plain, or is not there any more: of that, only the digest of its pixels is known."""
    with suppress(WorkChanged):
        return _looks_of_file(folder, work, background)
    return None, None


@lru_cache(maxsize=REMEMBERED)
def _looks_of_file(folder: Path, work: Work, background: str) -> Looks:
    # The fingerprint of a picture is that of its few blocks, and those are mirrored in no time.
    small = load_work(folder, work, background).resize((SIDE, SIDE), Image.Resampling.BOX)
    return fingerprint(small), fingerprint(ImageOps.mirror(small))


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
