"""In which manner is a picture done: its palette, its edges and its strokes, as numbers that no training chose?

Shares are counted softly, so that a small change of a colour is a small change of the numbers, and their roots are
taken, so that distances between them are those of Hellinger. Where on the page anything stands is not among them, nor
is white paper.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

COLOURS, EDGES = 9, 8  # bins a channel of OKLab; bins of edges, and of the lightness beside them
SCALES = (1, 2, 4)
WHITE = 249  # of 255, from which on a pixel is paper
FAINTEST = 1e-3  # of edges, in OKLab
# sRGB to OKLab (Ottosson 2020); `inspection/surface.py` has the same numbers for numpy.
TO_CONES = torch.tensor(
    [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]]
)  # fmt: skip
TO_LAB = torch.tensor(
    [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.8086757660]]
)  # fmt: skip


def manner(pixels_BCHW: Tensor) -> Tensor:
    """Of pictures in [-1, 1]: B x D, D = 9^3 + 3 scales x 2 x 8^2."""
    levels_BCHW = (pixels_BCHW.float() + 1) * 127.5
    lab_BCHW = _oklab(levels_BCHW / 255)
    drawn_BN = (~(levels_BCHW > WHITE).all(1)).float().flatten(1)
    colour_BN3 = torch.stack([lab_BCHW[:, 0], lab_BCHW[:, 1] / 0.6 + 0.5, lab_BCHW[:, 2] / 0.6 + 0.5], -1).flatten(1, 2)
    parts = [_shares(colour_BN3, drawn_BN, COLOURS)]
    for scale in SCALES:
        parts += _edges(functional.avg_pool2d(lab_BCHW, scale) if scale > 1 else lab_BCHW)
    return torch.cat(parts, 1).sqrt()


def _edges(lab_BCHW: Tensor) -> list[Tensor]:
    """How sharp edges are, by the darker side of them; and how light or dark strokes stand out, by what they are on."""
    corner = lab_BCHW[..., :-1, :-1]
    right, below = lab_BCHW[..., :-1, 1:], lab_BCHW[..., 1:, :-1]
    strength = ((right - corner) ** 2 + (below - corner) ** 2).sum(1).sqrt()
    darkest = torch.minimum(torch.minimum(corner[:, 0], right[:, 0]), below[:, 0])
    sharp = 1 - torch.log(strength + FAINTEST) / math.log(FAINTEST)
    off_paper = (darkest < 0.99).float().flatten(1)
    of_edges = _shares(torch.stack([sharp, darkest], -1).flatten(1, 2), off_paper, EDGES)
    light = lab_BCHW[:, 0]
    middle = light[..., 1:-1, 1:-1]
    across = light[..., 1:-1, 2:] + light[..., 1:-1, :-2] - 2 * middle
    down = light[..., 2:, 1:-1] + light[..., :-2, 1:-1] - 2 * middle
    size = torch.maximum(across.abs(), down.abs())
    standing_out = (torch.sign(across + down) * size.sqrt() / 1.4 + 1) / 2
    strokes = torch.stack([standing_out, middle], -1).flatten(1, 2)
    return [of_edges, _shares(strokes, (size > 0.01).float().flatten(1), EDGES)]


def _shares(values_BND: Tensor, weights_BN: Tensor, bins: int) -> Tensor:
    """A histogram over D values in [0, 1], each point shared linearly by the bins around it."""
    batch, _, dimensions = values_BND.shape
    weights_BN = weights_BN / weights_BN.sum(1, keepdim=True).clamp_min(1)
    at = values_BND.clamp(0, 1) * (bins - 1)
    lower = at.floor().clamp(max=bins - 2)
    upper_share, lower = at - lower, lower.long()
    found = torch.zeros(batch, bins**dimensions)
    for corner in range(2**dimensions):
        place = torch.zeros_like(lower[..., 0])
        share = weights_BN
        for axis in range(dimensions):
            upper = corner >> axis & 1
            place = place * bins + lower[..., axis] + upper
            share = share * (upper_share[..., axis] if upper else 1 - upper_share[..., axis])
        found.scatter_add_(1, place, share)
    return found


def _oklab(share_BCHW: Tensor) -> Tensor:
    linear = torch.where(share_BCHW <= 0.04045, share_BCHW / 12.92, ((share_BCHW.clamp_min(0) + 0.055) / 1.055) ** 2.4)
    cones = torch.einsum("bchw,dc->bdhw", linear, TO_CONES).clamp_min(0) ** (1 / 3)
    return torch.einsum("bchw,dc->bdhw", cones, TO_LAB)
