"""How well does a model remove noise from drawings it never saw?

The validation of a run and the held-out gain of an inspection are this one number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from handstyle.diffusion.family import ModelFamily
from handstyle.encoding.batches import generator

NOISE_LEVELS = 16
NOISE_SEED = 2022
BATCH = 32


@dataclass(frozen=True)
class Drawings:
    """Real drawings as the base encodes them, with their captions; NCHW."""

    captions: tuple[str, ...]
    latents_NCHW: Tensor


def noise_levels(number_of_timesteps: int, count: int = NOISE_LEVELS) -> list[int]:
    """The middles of `count` equal parts of the schedule."""
    return [int((index + 0.5) * number_of_timesteps / count) for index in range(count)]


@torch.no_grad()
def denoising_errors(
    family: ModelFamily, drawings: Drawings, prompts: Sequence[str], precision: str, levels: int = NOISE_LEVELS
) -> Tensor:
    """Mean squared error of the base's own target: noise level x drawing, the same noise whatever the weights."""
    conditioning_NLD = family.encode_texts(prompts)
    rows = []
    for timestep in noise_levels(family.noise.number_of_timesteps, levels):
        noise_NCHW = torch.randn(drawings.latents_NCHW.shape, generator=generator(NOISE_SEED, "held out", timestep))
        errors = []
        for start in range(0, len(prompts), BATCH):
            rows_of = slice(start, start + BATCH)
            x0_BCHW, noise_BCHW = drawings.latents_NCHW[rows_of], noise_NCHW[rows_of]
            timesteps_B = torch.full((len(x0_BCHW),), timestep)
            noised_BCHW = family.noise.noised(x0_BCHW, noise_BCHW, timesteps_B)
            with family.autocast(precision):
                predicted_BCHW = family.predict(noised_BCHW, timesteps_B, conditioning_NLD[rows_of])
            target_BCHW = family.noise.target(x0_BCHW, noise_BCHW, timesteps_B)
            errors.append((predicted_BCHW.float() - target_BCHW).square().mean(dim=(1, 2, 3)))
        rows.append(torch.cat(errors))
    return torch.stack(rows)
