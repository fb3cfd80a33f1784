"""What is the loss of a batch?"""

from __future__ import annotations

import torch
from torch import Tensor

from handstyle.diffusion.family import ModelFamily
from handstyle.encoding.batches import Batch, generator


def draw(batch: Batch, family: ModelFamily, seed: int, step: int) -> tuple[Tensor, Tensor, Tensor]:
    """Clean latents, noise (BCHW) and timesteps (B), all from the run's seed and the step."""
    chance = generator(seed, "noise", step)
    shape = batch.latents.mean_BCHW.shape
    x0_BCHW = batch.latents.sample(torch.randn(shape, generator=chance))
    noise_BCHW = torch.randn(shape, generator=chance)
    works = batch.number_of_works
    timesteps_B = torch.cat([family.noise.drawn(rows, chance) for rows in (works, shape[0] - works) if rows])
    return x0_BCHW, noise_BCHW, timesteps_B


def loss_of(batch: Batch, predicted_BCHW: Tensor, target_BCHW: Tensor, snr_weight_B: Tensor) -> Tensor:
    """Mean over works plus `prior_loss_weight` times mean over class images (Ruiz et al. 2023, eq. 2).

    Each row has its own min-SNR weight and is averaged within its own kind, so the two do not dilute each other. A mask
    weighs the places of a row before they are averaged.
    """
    error_BCHW = (predicted_BCHW.float() - target_BCHW).square()
    if batch.weight_B1HW is not None:
        error_BCHW = error_BCHW * batch.weight_B1HW
    error_B = error_BCHW.mean(dim=(1, 2, 3)) * snr_weight_B * batch.weight_B
    works = batch.number_of_works
    loss = error_B[:works].mean()
    return loss + error_B[works:].mean() if len(error_B) > works else loss


def batch_loss(
    batch: Batch, family: ModelFamily, *, seed: int, step: int, snr_gamma: float | None, precision: str, live_text: bool
) -> Tensor:
    """The loss at one step; `live_text` runs the text encoder, which is then being trained."""
    x0_BCHW, noise_BCHW, timesteps_B = draw(batch, family, seed, step)
    noised_BCHW = family.noise.noised(x0_BCHW, noise_BCHW, timesteps_B)
    with family.autocast(precision):
        conditioning_BLD = family.encode_texts(batch.texts) if live_text else batch.conditioning_BLD
        predicted_BCHW = family.predict(noised_BCHW, timesteps_B, conditioning_BLD, batch.sizes_B4)
    weight_B = family.noise.min_snr_weight(timesteps_B, snr_gamma) if snr_gamma else torch.ones(len(timesteps_B))
    return loss_of(batch, predicted_BCHW, family.noise.target(x0_BCHW, noise_BCHW, timesteps_B), weight_B)
