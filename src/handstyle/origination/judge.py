"""Does a picture show what its words say, and in whose hand?

A small network that learns from real works to tell words and hands, and judges what a base draws. It shares nothing
with the base but the sentence encoder that both were taught by. Of each common concept one drawing is kept from it:
how often it is right about those is the most that any base can be asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from handstyle import digests
from handstyle.encoding.batches import generator, positions
from handstyle.inspection.extractor import Block
from handstyle.origination.autoencoder import to_network

SIDE = 64  # pixels: it looks at pictures of this size
WIDTHS = (32, 64, 128, 256)


class Judge(nn.Module):
    """Pictures, B x 3 x 64 x 64 in [-1, 1], and texts, as the sentence encoder says them, in one space."""

    def __init__(self, taught_width: int, hands: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, WIDTHS[0], 3, padding=1)
        self.blocks = nn.ModuleList(Block(a, b) for a, b in zip((WIDTHS[0], *WIDTHS), WIDTHS, strict=False))
        self.norm = nn.GroupNorm(8, WIDTHS[-1])
        features = WIDTHS[-1] * 16
        self.words, self.texts = nn.Linear(features, 256), nn.Linear(taught_width, 256)
        self.hands = nn.Linear(WIDTHS[-1] + WIDTHS[1], hands)
        self.scale = nn.Parameter(torch.tensor(2.7))  # of logits, as its logarithm (Radford et al. 2021, figure 3)

    def forward(self, pixels_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Where the picture stands among texts, of length 1; and what speaks for each hand."""
        x, early = self.stem(pixels_BCHW), None
        for number, block in enumerate(self.blocks):
            x = block(x)
            early = x.mean((2, 3)) if number == 1 else early
        x = nn.functional.silu(self.norm(x))
        assert early is not None
        seen = nn.functional.normalize(self.words(x.flatten(1)), dim=-1)
        return seen, self.hands(torch.cat([x.mean((2, 3)), early], 1))

    def of_texts(self, taught_ND: Tensor) -> Tensor:
        return nn.functional.normalize(self.texts(taught_ND), dim=-1)


@dataclass(frozen=True)
class Shown:
    """A picture to learn from: its place among the pixels, and the numbers of its text and of its hand."""

    pixels: int
    text: int
    hand: int


def common_concepts(names: Sequence[str], hands: Sequence[int], number: int, seed: int) -> list[str]:
    """Names that most hands have drawn, each in at most two words; among equals chance decides."""
    drawn: dict[str, set[int]] = defaultdict(set)
    for name, hand in zip(names, hands, strict=True):
        if len(name.split()) <= 2:
            drawn[name].add(hand)
    return sorted(drawn, key=lambda name: (-len(drawn[name]), digests.of_json([seed, name])))[:number]


def kept_back(names: Sequence[str], concepts: Sequence[str], seed: int) -> list[int]:
    """One drawing of each concept, which chance decides."""
    places: dict[str, list[int]] = {concept: [] for concept in concepts}
    for place, name in enumerate(names):
        if name in places:
            places[name].append(place)
    return [min(found, key=lambda n: digests.of_json([seed, n])) for found in places.values() if found]


def seen_as(pixels_BHWC: np.ndarray) -> Tensor:
    """At the judge's size: B x 3 x 64 x 64 in [-1, 1]."""
    pixels_BCHW = to_network(torch.from_numpy(np.ascontiguousarray(pixels_BHWC)))
    return nn.functional.interpolate(pixels_BCHW, (SIDE, SIDE), mode="area")


def loss_at(
    judge: Judge, pixels_NHWC: np.ndarray, shown: Sequence[Shown], taught_ND: Tensor, batch: int, seed: int
) -> Callable[[int], tuple[Tensor, int]]:
    """For `loop.learn`: each picture finds its text among the batch's (van den Oord et al. 2018), and its hand."""

    def loss(step: int) -> tuple[Tensor, int]:
        chosen = [shown[n] for n in positions(step, batch, len(shown), seed, "judged")]
        pixels_BCHW = jittered(seen_as(pixels_NHWC[[one.pixels for one in chosen]]), generator(seed, "jitter", step))
        texts = torch.tensor([one.text for one in chosen])
        with torch.autocast("cpu", torch.bfloat16):
            seen_BD, hands_BH = judge(pixels_BCHW)
        said_BD = judge.of_texts(taught_ND[texts])
        logits_BB = (seen_BD.float() @ said_BD.T) * judge.scale.exp().clamp_max(100)
        same_BB = (texts[:, None] == texts[None]).float()
        wanted_BB = same_BB / same_BB.sum(1, keepdim=True)
        both_ways = [nn.functional.cross_entropy(logits, wanted_BB) for logits in (logits_BB, logits_BB.T)]
        hands = nn.functional.cross_entropy(hands_BH.float(), torch.tensor([one.hand for one in chosen]))
        return sum(both_ways, hands) / 2, len(chosen)

    return loss


def jittered(pixels_BCHW: Tensor, chance: torch.Generator) -> Tensor:
    """Moved and scaled a little, some of them mirrored: what is drawn does not depend on it."""
    batch = len(pixels_BCHW)
    theta_B23 = torch.zeros(batch, 2, 3)
    scale_B = 0.9 + 0.25 * torch.rand(batch, generator=chance)
    theta_B23[:, 0, 0] = scale_B * torch.where(torch.rand(batch, generator=chance) < 0.5, -1.0, 1.0)
    theta_B23[:, 1, 1] = scale_B
    theta_B23[:, :, 2] = 0.16 * torch.rand(batch, 2, generator=chance) - 0.08
    grid = nn.functional.affine_grid(theta_B23, list(pixels_BCHW.shape), align_corners=False)
    # White outside: the page goes on.
    return nn.functional.grid_sample(pixels_BCHW - 1, grid, align_corners=False) + 1


@torch.no_grad()
def judged(judge: Judge, pixels_NHWC: np.ndarray, at_once: int = 128) -> tuple[Tensor, Tensor]:
    """Of each picture: where it stands among texts, and the number of the hand it looks like."""
    seen, hands = [], []
    for begin in range(0, len(pixels_NHWC), at_once):
        one, other = judge(seen_as(pixels_NHWC[begin : begin + at_once]))
        seen.append(one)
        hands.append(other.argmax(1))
    return torch.cat(seen), torch.cat(hands)


@torch.no_grad()
def right_first(judge: Judge, seen_ND: Tensor, taught_ND: Tensor) -> Tensor:
    """N, true where a picture is nearest to its own text among all N."""
    return (seen_ND @ judge.of_texts(taught_ND).T).argmax(1) == torch.arange(len(seen_ND))
