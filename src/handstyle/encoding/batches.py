"""In which order do works reach the loop, and with which words?

An endless, seeded stream without memory: the batch of step 17 depends on the seed and on 17 alone, so a resumed run
sees what an uninterrupted one would have seen, also in the middle of an epoch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from handstyle.diffusion.family import LatentDistribution
from handstyle.encoding.crops import Size


@dataclass(frozen=True)
class Example:
    """One picture in every variant (as it is, mirrored), with its words."""

    name: str
    variants: tuple[LatentDistribution, ...]  # each CHW
    text: str
    conditioning_LD: Tensor
    size: Size | None = None  # of the picture, and where it was cut
    repeats: int = 1  # turns in an epoch
    weights: tuple[Tensor, ...] = ()  # 1HW, of each variant: how much each place counts; all alike when empty


@dataclass(frozen=True)
class Batch:
    names: tuple[str, ...]
    texts: tuple[str, ...]  # what each row's conditioning says
    latents: LatentDistribution  # BCHW
    conditioning_BLD: Tensor
    weight_B: Tensor  # 1 for works, the prior's weight for class images
    number_of_works: int  # the first rows; class images follow
    sizes_B4: Tensor | None = None
    weight_B1HW: Tensor | None = None  # of each place; None where all count alike


def generator(seed: int, purpose: str, step: int) -> torch.Generator:
    """Fresh randomness for one purpose at one step, from the run's seed alone."""
    key = hashlib.sha256(f"{seed}/{purpose}/{step}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(key[:8], "big") >> 1)


def positions(step: int, batch_size: int, number: int, seed: int, purpose: str) -> list[int]:
    """Which of `number` pictures make the batch of `step`: each epoch is a permutation of its own, none is left out."""
    chosen = []
    for place in range(step * batch_size, (step + 1) * batch_size):
        epoch, position = divmod(place, number)
        chosen.append(int(_order(number, seed, purpose, epoch)[position]))
    return chosen


@lru_cache(maxsize=4)  # an epoch's order is asked for at each of its places
def _order(number: int, seed: int, purpose: str, epoch: int) -> Tensor:
    return torch.randperm(number, generator=generator(seed, purpose, epoch))


def batch_at(
    step: int,
    works: Sequence[Example],
    class_images: Sequence[Example],
    *,
    empty_LD: Tensor,
    seed: int,
    batch_size: int,
    class_images_per_batch: int,
    caption_dropout: float,
    prior_loss_weight: float,
) -> Batch:
    """Works first, then class images. A picture without words gets the empty text's conditioning."""
    turns = [work for work in works for _ in range(work.repeats)]
    chosen = [turns[i] for i in positions(step, batch_size, len(turns), seed, "works")]
    if class_images:
        places = positions(step, class_images_per_batch, len(class_images), seed, "class images")
        chosen += [class_images[i] for i in places]
    chance = generator(seed, "variants and dropout", step)
    which = [int(torch.randint(len(example.variants), (), generator=chance)) for example in chosen]
    variants = [example.variants[variant] for example, variant in zip(chosen, which, strict=True)]
    dropped = [bool(torch.rand((), generator=chance) < caption_dropout) for _ in chosen]
    number_of_class_images = len(chosen) - batch_size
    return Batch(
        names=tuple(example.name for example in chosen),
        texts=tuple("" if drop else example.text for example, drop in zip(chosen, dropped, strict=True)),
        latents=LatentDistribution(
            torch.stack([variant.mean_BCHW for variant in variants]),
            torch.stack([variant.deviation_BCHW for variant in variants]),
        ),
        conditioning_BLD=torch.stack(
            [empty_LD if drop else example.conditioning_LD for example, drop in zip(chosen, dropped, strict=True)]
        ),
        weight_B=torch.cat([torch.ones(batch_size), torch.full((number_of_class_images,), prior_loss_weight)]),
        number_of_works=batch_size,
        sizes_B4=_sizes(chosen),
        weight_B1HW=_weights(chosen, which),
    )


def _weights(chosen: Sequence[Example], which: Sequence[int]) -> Tensor | None:
    """Where some have a mask, the others count whole."""
    if not any(example.weights for example in chosen):
        return None
    rows = [
        example.weights[variant] if example.weights else torch.ones_like(example.variants[variant].mean_BCHW[:1])
        for example, variant in zip(chosen, which, strict=True)
    ]
    return torch.stack(rows)


def _sizes(chosen: Sequence[Example]) -> Tensor | None:
    found = [example.size for example in chosen if example.size is not None]
    assert len(found) in (0, len(chosen)), "either every picture says how large it was, or none does"
    return torch.tensor(found) if found else None
