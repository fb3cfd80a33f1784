"""What does a network see in a picture that learnt to tell things apart, and hands?

Two of them, of different build and seed: what chooses must not also be what reports. They learnt from openly licensed
works (`benchmarks/held_out_artist/extractors.py`), none by an artist on whom anything is measured here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from handstyle.diffusion.checkpoints import read_tensors

Build = Literal["residual", "patches"]
WEIGHTS = Path(__file__).parent / "extractors"
SIDE = 64  # pixels: they look at pictures of this size
OF_THINGS, OF_HANDS = 128, 64  # numbers that say what is drawn, and how


class Block(nn.Module):
    """Two convolutions on the way, the first of which halves the sides (He et al. 2016)."""

    def __init__(self, before: int, width: int) -> None:
        super().__init__()
        self.skip = nn.Conv2d(before, width, 1, stride=2)
        self.norm1, self.conv1 = nn.GroupNorm(8, before), nn.Conv2d(before, width, 3, stride=2, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(8, width), nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(nn.functional.silu(self.norm1(x)))
        return self.skip(x) + self.conv2(nn.functional.silu(self.norm2(h)))  # type: ignore[no-any-return]


class Residual(nn.Module):
    """Convolutions, from fine to coarse."""

    widths = (32, 64, 128, 192)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, self.widths[0], 3, padding=1)
        pairs = zip((self.widths[0], *self.widths), self.widths, strict=False)
        self.blocks = nn.ModuleList(Block(a, b) for a, b in pairs)
        self.norm = nn.GroupNorm(8, self.widths[-1])
        self.late, self.early = self.widths[-1] * 16, self.widths[-1] + self.widths[1]

    def forward(self, pixels_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """For things, with their places; and for hands, without."""
        x, fine = self.stem(pixels_BCHW), None
        for number, block in enumerate(self.blocks):
            x = block(x)
            fine = x.mean((2, 3)) if number == 1 else fine
        x = nn.functional.silu(self.norm(x))
        assert fine is not None
        return x.flatten(1), torch.cat([x.mean((2, 3)), fine], 1)


class Patches(nn.Module):
    """Patches of eight by eight pixels that attend to each other (Dosovitskiy et al. 2021), after three convolutions,
    which learn sooner than one wide one (Xiao et al. 2021)."""

    width, depth, heads, patch, kept = 160, 4, 5, 8, 16

    def __init__(self) -> None:
        super().__init__()
        pairs = ((3, 32), (32, 64), (64, self.width))
        convolutions = [nn.Conv2d(before, after, 3, stride=2, padding=1) for before, after in pairs]
        self.stem = nn.Sequential(
            convolutions[0], nn.SiLU(), convolutions[1], nn.GroupNorm(8, 64), nn.SiLU(), convolutions[2]
        )
        number = (SIDE // self.patch) ** 2
        self.places = nn.Parameter(torch.randn(1, number, self.width) * 0.02)
        layer = nn.TransformerEncoderLayer(
            self.width, self.heads, 3 * self.width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, self.depth, nn.LayerNorm(self.width), enable_nested_tensor=False)
        self.placed = nn.Linear(self.width, self.kept)  # a little of each patch keeps its place
        self.late, self.early = number * self.kept + 2 * self.width, 2 * self.width

    def forward(self, pixels_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        first_BNC = self.stem(pixels_BCHW).flatten(2).transpose(1, 2)
        last_BNC = self.layers(first_BNC + self.places)
        mean_BC = last_BNC.mean(1)
        things = torch.cat([self.placed(last_BNC).flatten(1), mean_BC, last_BNC.amax(1)], 1)
        return things, torch.cat([first_BNC.mean(1), mean_BC], 1)


class Extractor(nn.Module):
    """Pictures, B x 3 x 64 x 64 in [-1, 1], become what is drawn and in whose hand: both of length 1."""

    def __init__(self, build: Build) -> None:
        super().__init__()
        self.trunk = Residual() if build == "residual" else Patches()
        self.things = nn.Linear(self.trunk.late, OF_THINGS)
        self.hands = nn.Sequential(nn.Linear(self.trunk.early, 192), nn.SiLU(), nn.Linear(192, OF_HANDS))

    def forward(self, pixels_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        late, early = self.trunk(pixels_BCHW)
        return nn.functional.normalize(self.things(late), dim=-1), nn.functional.normalize(self.hands(early), dim=-1)


@dataclass(frozen=True)
class Seen:
    """Of N pictures."""

    things_ND: Tensor
    hands_ND: Tensor


KNOWN = "known_hands"  # beside the weights: the mean of each hand it learnt from, A x D


@cache
def shipped(build: Build) -> tuple[Extractor, Tensor]:
    """With the hands it learnt from."""
    network = Extractor(build)
    tensors, _ = read_tensors(WEIGHTS / f"{build}.safetensors")
    known_AD = tensors.pop(KNOWN).float()
    network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    return network.eval().requires_grad_(False), known_AD


@torch.no_grad()
def seen(network: Extractor, pictures: Sequence[Image.Image], at_once: int = 128) -> Seen:
    things, hands = [], []
    for begin in range(0, len(pictures), at_once):
        one, other = network(as_seen(pictures[begin : begin + at_once]))
        things.append(one)
        hands.append(other)
    return Seen(torch.cat(things), torch.cat(hands))


def as_seen(pictures: Sequence[Image.Image]) -> Tensor:
    rows = [np.asarray(one.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)) for one in pictures]
    return torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2).float() / 127.5 - 1


def right_hand(seen_ND: Tensor, own_ND: Tensor, others_AD: Tensor) -> Tensor:
    """N, true where a picture is nearer to the mean of the artist's own than to each of other artists' means."""
    own_D = nn.functional.normalize(own_ND.mean(0), dim=0)
    return (seen_ND @ own_D) > (seen_ND @ others_AD.T).amax(1)


def ranks(asked_ND: Tensor, real_ND: Tensor) -> Tensor:
    """Of each asked picture: at which place, from 1, its own real drawing stands among all of them."""
    alike_NN = asked_ND @ real_ND.T
    return (alike_NN > alike_NN.diagonal()[:, None]).sum(1) + 1
