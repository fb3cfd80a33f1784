"""In which order do works reach the loop, and with which words?

An endless, seeded stream without memory: the batch of step 17 depends on the seed and on 17 alone, so a resumed run
sees what an uninterrupted one would have seen, also in the middle of an epoch. A batch holds works of one size: those
of a bucket have their turn in proportion to their number, so that every work is shown as often as any other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from handstyle.diffusion.family import LatentDistribution
from handstyle.encoding.crops import Size

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Example:
    """One picture in every variant (as it is, mirrored), with its words."""

    name: str
    variants: tuple[LatentDistribution, ...]  # each CHW
    text: str
    conditioning_LD: Tensor
    size: Size | None = None  # of the picture, and where it was cut
    repeats: int = 1  # turns in an epoch
    caption: str = ""  # as it was collected, without the words around it; of class images, none
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


@dataclass(frozen=True)
class Turn:
    """Whose turn it is: a bucket, known by the shape of its latents, and its how manieth."""

    shape: Shape
    number: int  # of batches it had before
    pictures: int  # in it
    seed: int
    is_only: bool

    def places(self, kind: str, batch_size: int, pictures: int | None = None) -> list[int]:
        """Which of its pictures of one kind make the batch."""
        purpose = kind if self.is_only else f"{kind} of {'x'.join(map(str, self.shape))}"
        return positions(self.number, batch_size, pictures or self.pictures, self.seed, purpose)


def turn_at(step: int, pictures: Mapping[Shape, int], seed: int) -> Turn:
    """`pictures` says how many each bucket holds: so many batches of it come in a cycle of as many steps as there are
    pictures altogether. After a cycle, every picture was shown as often as a batch is large."""
    shapes = list(pictures)
    if len(shapes) == 1:
        return Turn(shapes[0], step, pictures[shapes[0]], seed, True)
    cycle, place = divmod(step, sum(pictures.values()))
    order = _bucket_order(tuple(pictures.values()), seed, cycle)
    bucket = order[place]
    own = pictures[shapes[bucket]]
    return Turn(shapes[bucket], cycle * own + order[:place].count(bucket), own, seed, False)


@lru_cache(maxsize=4)
def _bucket_order(turns: tuple[int, ...], seed: int, cycle: int) -> tuple[int, ...]:
    """The turns of each bucket spread evenly over a cycle, from a beginning that chance chose: so a run that ends in
    the middle of a cycle has seen of each bucket what is due to it, give or take one batch."""
    begin = torch.rand(len(turns), generator=generator(seed, "buckets", cycle), dtype=torch.float64).tolist()
    places = [((n + begin[b]) / number, b) for b, number in enumerate(turns) for n in range(number)]
    return tuple(bucket for _, bucket in sorted(places))


def by_shape(examples: Sequence[Example]) -> dict[Shape, list[Example]]:
    """The buckets, smallest first: examples whose latents have one shape."""
    found: dict[Shape, list[Example]] = {}
    for example in examples:
        found.setdefault(tuple(example.variants[0].mean_BCHW.shape), []).append(example)
    return dict(sorted(found.items()))


@lru_cache(maxsize=64)  # an epoch's order is asked for at each of its places
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
    reworded: Callable[[Example, torch.Generator], Example] | None = None,
) -> Batch:
    """Works first, then class images of the same size. A picture without words gets the empty text's conditioning."""
    buckets = by_shape([work for work in works for _ in range(work.repeats)])
    turn = turn_at(step, {shape: len(bucket) for shape, bucket in buckets.items()}, seed)
    chosen = [buckets[turn.shape][i] for i in turn.places("works", batch_size)]
    if beside := by_shape(class_images).get(turn.shape, []):
        chosen += [beside[i] for i in turn.places("class images", class_images_per_batch, len(beside))]
    if reworded is not None:
        order = generator(seed, "captions", step)
        chosen = [reworded(example, order) for example in chosen]
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
