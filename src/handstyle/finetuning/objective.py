"""What is the loss of a batch?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from handstyle.diffusion import low_rank
from handstyle.diffusion.family import ModelFamily
from handstyle.diffusion.noise import style_friendly
from handstyle.encoding.batches import Batch, generator
from handstyle.finetuning.recipe import HuberSchedule, LossType, PriorTarget, Recipe


@dataclass(frozen=True)
class Objective:
    """What is otherwise than in the first equations: of the noise, of what is made of an error, of its weight."""

    noise_offset: float = 0.0
    loss_type: LossType = "l2"
    huber_c: float = 0.1
    huber_schedule: HuberSchedule = "snr"
    debiased: bool = False
    style_friendly: tuple[float, float] | None = None  # mean and deviation of log-snr
    prior_target: PriorTarget = "images"

    @classmethod
    def of(cls, recipe: Recipe) -> Objective:
        return cls(
            recipe.noise_offset,
            recipe.loss_type,
            recipe.huber_c,
            recipe.huber_schedule,
            recipe.debiased_estimation_loss,
            (recipe.log_snr_mean, recipe.log_snr_std) if recipe.style_friendly_sampling else None,
            recipe.prior_target,
        )


PLAIN = Objective()


def draw(
    batch: Batch, family: ModelFamily, seed: int, step: int, objective: Objective = PLAIN
) -> tuple[Tensor, Tensor, Tensor]:
    """Clean latents, noise (BCHW) and timesteps (B), all from the run's seed and the step.

    An offset adds noise that is the same all over a channel, so that a picture's mean is learnt (Guttenberg 2023).
    """
    chance = generator(seed, "noise", step)
    shape = batch.latents.mean_BCHW.shape
    x0_BCHW = batch.latents.sample(torch.randn(shape, generator=chance))
    noise_BCHW = torch.randn(shape, generator=chance)
    if objective.noise_offset:
        all_over = generator(seed, "noise offset", step)
        noise_BCHW = noise_BCHW + objective.noise_offset * torch.randn((*shape[:2], 1, 1), generator=all_over)
    works = batch.number_of_works
    timesteps_B = torch.cat([_timesteps(rows, chance, family, objective) for rows in (works, shape[0] - works) if rows])
    return x0_BCHW, noise_BCHW, timesteps_B


def _timesteps(rows: int, chance: torch.Generator, family: ModelFamily, objective: Objective) -> Tensor:
    if objective.style_friendly is None:
        return family.noise.drawn(rows, chance)
    return family.noise.at(style_friendly(rows, chance, *objective.style_friendly))


def loss_of(
    batch: Batch, predicted_BCHW: Tensor, target_BCHW: Tensor, snr_weight_B: Tensor, huber_B: Tensor | None = None
) -> Tensor:
    """Mean over works plus `prior_loss_weight` times mean over class images (Ruiz et al. 2023, eq. 2).

    Each row has its own min-SNR weight and is averaged within its own kind, so the two do not dilute each other. A mask
    weighs the places of a row before they are averaged.

    With `huber_B` it is the pseudo-Huber loss 2 c (sqrt(d^2 + c^2) - c), which is d^2 for small differences d.
    """
    error_BCHW = (predicted_BCHW.float() - target_BCHW).square()
    if huber_B is not None:
        c_B111 = huber_B[:, None, None, None]
        error_BCHW = 2 * c_B111 * ((error_BCHW + c_B111.square()).sqrt() - c_B111)
    if batch.weight_B1HW is not None:
        error_BCHW = error_BCHW * batch.weight_B1HW
    error_B = error_BCHW.mean(dim=(1, 2, 3)) * snr_weight_B * batch.weight_B
    works = batch.number_of_works
    loss = error_B[:works].mean()
    return loss + error_B[works:].mean() if len(error_B) > works else loss


def huber_parameters(objective: Objective, family: ModelFamily, timesteps_B: Tensor) -> Tensor | None:
    """From 1 without noise down to `huber_c` in nothing else: by the noise there is, (1 - c) / (1 + deviation)^2 + c,
    or by the timestep, c^(t / T); or the same everywhere (Khrapov et al. 2024; sd-scripts, library/train_util.py)."""
    if objective.loss_type == "l2":
        return None
    c = objective.huber_c
    if objective.huber_schedule == "constant":
        return torch.full((len(timesteps_B),), c)
    if objective.huber_schedule == "exponential":
        return torch.exp(timesteps_B.double() * math.log(c) / family.noise.number_of_timesteps).float()
    return ((1 - c) / (1 + family.noise.deviation(timesteps_B)).square() + c).float()


def batch_loss(
    batch: Batch,
    family: ModelFamily,
    *,
    seed: int,
    step: int,
    snr_gamma: float | None,
    precision: str,
    live_text: bool,
    objective: Objective = PLAIN,
) -> Tensor:
    """The loss at one step; `live_text` runs the text encoder, which is then being trained."""
    x0_BCHW, noise_BCHW, timesteps_B = draw(batch, family, seed, step, objective)
    noised_BCHW = family.noise.noised(x0_BCHW, noise_BCHW, timesteps_B)
    preserved = _said_by_base(batch, family, noised_BCHW, timesteps_B, precision, objective)
    with family.autocast(precision):
        conditioning_BLD = family.encode_texts(batch.texts) if live_text else batch.conditioning_BLD
        predicted_BCHW = family.predict(noised_BCHW, timesteps_B, conditioning_BLD, batch.sizes_B4)
    weight_B = family.noise.min_snr_weight(timesteps_B, snr_gamma) if snr_gamma else torch.ones(len(timesteps_B))
    if objective.debiased:
        weight_B = weight_B * family.noise.debiased_weight(timesteps_B)
    target_BCHW = family.noise.target(x0_BCHW, noise_BCHW, timesteps_B)
    if preserved is not None:
        target_BCHW = torch.cat([target_BCHW[: batch.number_of_works], preserved])
    return loss_of(batch, predicted_BCHW, target_BCHW, weight_B, huber_parameters(objective, family, timesteps_B))


@torch.no_grad()
def _said_by_base(
    batch: Batch, family: ModelFamily, noised_BCHW: Tensor, timesteps_B: Tensor, precision: str, objective: Objective
) -> Tensor | None:
    """Of the class images, where the base's own words are what is to be preserved; with the words as the base encodes
    them."""
    works = batch.number_of_works
    if objective.prior_target == "images" or len(timesteps_B) == works:
        return None
    sizes_B4 = None if batch.sizes_B4 is None else batch.sizes_B4[works:]
    with low_rank.set_aside(family.denoiser), family.autocast(precision):
        conditioning_BLD = batch.conditioning_BLD[works:]
        return family.predict(noised_BCHW[works:], timesteps_B[works:], conditioning_BLD, sizes_B4).float()
