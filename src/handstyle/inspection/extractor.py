"""What does a network see in a picture that learnt to tell things apart, and hands?

Two of them, of different build and seed: what chooses must not also be what reports. They learnt from openly licensed
works (`benchmarks/held_out_artist/extractors.py`), none by an artist on whom anything is measured here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from handstyle.inspection.manner import manner

Build = Literal["residual", "patches"]
SIDE = 64  # pixels: they look at pictures of this size
OF_THINGS = 128  # numbers that say what is drawn


Kept = list[Tensor] | None


def _keep(kept: Kept, x: Tensor) -> Tensor:
    if kept is not None:
        kept.append(x)
    return x


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

    def forward(self, pixels_BCHW: Tensor, kept: Kept = None) -> tuple[Tensor, Tensor]:
        """For things, with their places; and for hands, without."""
        x, fine = _keep(kept, self.stem(pixels_BCHW)), None
        for number, block in enumerate(self.blocks):
            x = _keep(kept, block(x))
            fine = x.mean((2, 3)) if number == 1 else fine
        x = nn.functional.silu(self.norm(x))
        assert fine is not None
        return x.flatten(1), torch.cat([x.mean((2, 3)), fine], 1)


class Mixer(nn.Module):
    """What stands around each patch is added to it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.conv = nn.GroupNorm(8, width), nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(nn.functional.silu(self.norm(x)))  # type: ignore[no-any-return]


class Patches(nn.Module):
    """Patches of four by four pixels, mixed with their neighbours at one size all along (Trockman and Kolter 2022)."""

    width, depth, patch, last = 96, 5, 4, 192

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, self.width, self.patch + 2, stride=self.patch, padding=1)
        self.layers = nn.ModuleList(Mixer(self.width) for _ in range(self.depth))
        self.norm, self.end = nn.GroupNorm(8, self.width), nn.Conv2d(self.width, self.last, 3, stride=2, padding=1)
        self.late, self.early = self.last * 16, self.last + self.width

    def forward(self, pixels_BCHW: Tensor, kept: Kept = None) -> tuple[Tensor, Tensor]:
        first = x = _keep(kept, self.stem(pixels_BCHW))
        for layer in self.layers:
            x = _keep(kept, layer(x))
        x = nn.functional.silu(self.end(nn.functional.silu(self.norm(x))))
        things = nn.functional.adaptive_avg_pool2d(x, 4).flatten(1)
        return things, torch.cat([x.mean((2, 3)), first.mean((2, 3))], 1)


class Extractor(nn.Module):
    """Pictures, B x 3 x 64 x 64 in [-1, 1], become what is drawn, of length 1."""

    def __init__(self, build: Build) -> None:
        super().__init__()
        self.trunk = Residual() if build == "residual" else Patches()
        self.things = nn.Linear(self.trunk.late, OF_THINGS)

    def forward(self, pixels_BCHW: Tensor) -> Tensor:
        return nn.functional.normalize(self.things(self.trunk(pixels_BCHW)[0]), dim=-1)

    def layers(self, pixels_BCHW: Tensor) -> Tensor:
        """B x D: mean and deviation of each channel of each layer over the places, which tell manner from matter
        (Huang and Belongie 2017)."""
        kept: list[Tensor] = []
        self.trunk(pixels_BCHW, kept)
        flat = [x.flatten(2).float() for x in kept]
        return torch.cat([part for x in flat for part in (x.mean(2), x.std(2))], 1)


@dataclass(frozen=True)
class Seen:
    """Of N pictures: what is drawn, of length 1, and how."""

    things_ND: Tensor
    manner_ND: Tensor


LAYERS_COUNT = 0.05  # beside palette, edges and strokes, whose numbers lie between 0 and 1


@torch.no_grad()
def seen(network: Extractor, pictures: Sequence[Image.Image], at_once: int = 64) -> Seen:
    things, manners = [], []
    for begin in range(0, len(pictures), at_once):
        pixels_BCHW = as_seen(pictures[begin : begin + at_once])
        things.append(network(pixels_BCHW))
        manners.append(torch.cat([manner(pixels_BCHW), LAYERS_COUNT * network.layers(pixels_BCHW)], 1))
    return Seen(torch.cat(things), torch.cat(manners))


def as_seen(pictures: Sequence[Image.Image]) -> Tensor:
    rows = [np.asarray(one.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)) for one in pictures]
    return torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2).float() / 127.5 - 1


def ranks(asked_ND: Tensor, real_ND: Tensor) -> Tensor:
    """At which place, from 1, its own real drawing stands among all of them. Pictures are several of each drawing, and
    one drawing's stand together."""
    each = len(asked_ND) // len(real_ND)
    alike_NM = asked_ND @ real_ND.T
    own = torch.arange(len(real_ND)).repeat_interleave(each)
    return (alike_NM > alike_NM.gather(1, own[:, None])).sum(1) + 1
