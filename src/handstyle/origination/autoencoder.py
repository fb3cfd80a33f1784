"""How do pictures become latents, and latents pictures?

An `AutoencoderKL` that learns on random crops of works. Latents get a little fixed noise rather than a learnt one: a
posterior that starts wide learns far slower.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from handstyle.encoding.batches import generator, positions
from handstyle.origination.recipe import AutoencoderRecipe


def new_autoencoder(recipe: AutoencoderRecipe, resolution: int, seed: int) -> Any:
    """No attention: what is learnt on crops then holds for whole pictures."""
    from diffusers import AutoencoderKL

    torch.manual_seed(seed)
    levels = len(recipe.block_out_channels)
    return AutoencoderKL(
        block_out_channels=recipe.block_out_channels,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        layers_per_block=1,
        latent_channels=recipe.latent_channels,
        norm_num_groups=recipe.norm_num_groups,
        sample_size=resolution,
        mid_block_add_attention=False,
        scaling_factor=1.0,
    )


DECODER = ("decoder.", "post_quant_conv.")  # what may learn on while latents, and all learnt from them, stay valid


def crops_at(pictures_NHWC: Any, step: int, *, crop: int, batch: int, seed: int) -> Tensor:
    """BCHW in [-1, 1]: of each picture of this step a random square, or all of it when `crop` is its side."""
    chance = generator(seed, "crops", step)
    side = pictures_NHWC.shape[1]
    rows = []
    for place in positions(step, batch, len(pictures_NHWC), seed, "pictures"):
        top, left = torch.randint(side - crop + 1, (2,), generator=chance).tolist()
        row = torch.from_numpy(pictures_NHWC[place, top : top + crop, left : left + crop].copy())
        rows.append(row.flip(1) if torch.rand((), generator=chance) < 0.5 else row)
    return to_network(torch.stack(rows))


def to_network(pixels_BHWC: Tensor) -> Tensor:
    return pixels_BHWC.permute(0, 3, 1, 2).float() / 127.5 - 1


def loss_of_crops(autoencoder: Any, pixels_BCHW: Tensor, recipe: AutoencoderRecipe, chance: torch.Generator) -> Tensor:
    """Rebuilt from latents with noise; of some batches at a smaller scale, so that latents scale as pictures do."""
    with torch.autocast("cpu", torch.bfloat16):
        mean_BCHW: Tensor = autoencoder.encode(pixels_BCHW).latent_dist.mean.float()
    noisy_BCHW = mean_BCHW + recipe.latent_noise * torch.randn(mean_BCHW.shape, generator=chance)
    wanted_BCHW = pixels_BCHW
    if torch.rand((), generator=chance) < recipe.equivariance_share:
        side = mean_BCHW.shape[-1]
        smaller = int(torch.randint(side // 2, side, (), generator=chance))
        noisy_BCHW = _scaled(noisy_BCHW, smaller)
        wanted_BCHW = _scaled(pixels_BCHW, pixels_BCHW.shape[-1] // side * smaller)
    with torch.autocast("cpu", torch.bfloat16):
        rebuilt_BCHW = autoencoder.decode(noisy_BCHW).sample
    loss = reconstruction_loss(rebuilt_BCHW.float(), wanted_BCHW, recipe.edge_weight)
    return loss + recipe.mean_penalty * mean_BCHW.square().mean()


def reconstruction_loss(rebuilt_BCHW: Tensor, wanted_BCHW: Tensor, edge_weight: float) -> Tensor:
    """L1 of the pixels, of their differences to the right and below, and of both at half and quarter size."""
    loss = torch.zeros(())
    for scale in range(3):
        if scale:
            rebuilt_BCHW, wanted_BCHW = (nn.functional.avg_pool2d(x, 2) for x in (rebuilt_BCHW, wanted_BCHW))
        error_BCHW = rebuilt_BCHW - wanted_BCHW
        edges = error_BCHW.diff(dim=-1).abs().mean() + error_BCHW.diff(dim=-2).abs().mean()
        loss = loss + error_BCHW.abs().mean() + edge_weight * edges
    return loss / 3


def _scaled(x_BCHW: Tensor, side: int) -> Tensor:
    return nn.functional.interpolate(x_BCHW, (side, side), mode="bilinear", antialias=True)


def polishing_loss_at(
    autoencoder: Any, pictures_NHWC: Any, batch: int, recipe: AutoencoderRecipe, seed: int
) -> Callable[[int], tuple[Tensor, int]]:
    """For `loop.learn`: whole pictures, rebuilt by the decoder alone from latents that stay as they are."""
    side = pictures_NHWC.shape[1]

    def loss(step: int) -> tuple[Tensor, int]:
        pixels_BCHW = crops_at(pictures_NHWC, step, crop=side, batch=batch, seed=seed)
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                mean_BCHW = autoencoder.encode(pixels_BCHW).latent_dist.mean.float()
            noise_BCHW = torch.randn(mean_BCHW.shape, generator=generator(seed, "latents polished", step))
            rebuilt_BCHW = autoencoder.decode(mean_BCHW + recipe.latent_noise * noise_BCHW).sample
        return reconstruction_loss(rebuilt_BCHW.float(), pixels_BCHW, recipe.edge_weight), batch

    return loss


def loss_at(
    autoencoder: Any, pictures_NHWC: Any, recipe: AutoencoderRecipe, seed: int
) -> Callable[[int], tuple[Tensor, int]]:
    """For `loop.learn`."""

    def loss(step: int) -> tuple[Tensor, int]:
        pixels_BCHW = crops_at(pictures_NHWC, step, crop=recipe.crop, batch=recipe.train_batch_size, seed=seed)
        return loss_of_crops(autoencoder, pixels_BCHW, recipe, generator(seed, "latents", step)), len(pixels_BCHW)

    return loss


@torch.no_grad()
def settle(autoencoder: Any, pictures_NHWC: Any, recipe: AutoencoderRecipe) -> None:
    """Writes into the network what was fixed while it learnt: the noise of its latents and their scale."""
    channels = recipe.latent_channels
    autoencoder.quant_conv.weight[channels:] = 0
    autoencoder.quant_conv.bias[channels:] = 2 * math.log(max(recipe.latent_noise, 1e-6))
    latents = [autoencoder.encode(to_network(torch.from_numpy(rows))).latent_dist.mean for rows in _some(pictures_NHWC)]
    autoencoder.register_to_config(scaling_factor=round(1 / float(torch.cat(latents).std()), 5))


@torch.no_grad()
def psnr(autoencoder: Any, pictures_NHWC: Any) -> float:
    """dB, mean over pictures, each rebuilt from its latents' means and rounded to 8 bits."""
    found = []
    for rows in _some(pictures_NHWC):
        wanted = to_network(torch.from_numpy(rows))
        rebuilt = autoencoder.decode(autoencoder.encode(wanted).latent_dist.mean).sample
        found.append(decibels(rebuilt.clamp(-1, 1), wanted))
    return float(torch.cat(found).mean())


def decibels(rebuilt_BCHW: Tensor, wanted_BCHW: Tensor) -> Tensor:
    """B: peak signal-to-noise ratio of each picture, in [-1, 1], rounded to 8 bits; at most 68 dB."""
    error_B = ((rebuilt_BCHW - wanted_BCHW) * 127.5).round().square().mean((1, 2, 3))
    return 10 * (255**2 / error_B.clamp_min(1e-2)).log10()


def _some(pictures_NHWC: Any, most: int = 512, at_once: int = 16) -> list[Any]:
    """Evenly over all of them."""
    stride = max(1, len(pictures_NHWC) // most)
    chosen = pictures_NHWC[::stride][:most]
    return [chosen[begin : begin + at_once] for begin in range(0, len(chosen), at_once)]
