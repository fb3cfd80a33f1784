"""How does the network learn that removes noise?

With finetuning's own loop: what differs is where its batches come from. Latents are kept, words are drawn anew each
time and go through the finished text encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from handstyle.diffusion.family import LatentDistribution, ModelFamily
from handstyle.encoding.batches import Batch, generator, positions
from handstyle.origination.autoencoder import to_network
from handstyle.origination.growing import levels_left_out
from handstyle.origination.recipe import BaseRecipe, DenoiserRecipe, Round, WordsRecipe
from handstyle.origination.words import Said, described

BETA_START, BETA_END = 0.00085, 0.012  # of Stable Diffusion's schedule; the cosine asks for neither


def new_denoiser(recipe: BaseRecipe, resolution: int) -> Any:
    """For pictures of this size, with fewer levels where they are smaller than the base's."""
    from diffusers import UNet2DConditionModel

    torch.manual_seed(recipe.seed)
    network, latents = recipe.denoiser, recipe.autoencoder.latent_channels
    factor = 2 ** (len(recipe.autoencoder.block_out_channels) - 1)
    left_out = levels_left_out(resolution, recipe.resolution) if network.grows else 0
    channels, attention = network.block_out_channels[left_out:], network.attention[left_out:]
    return UNet2DConditionModel(
        sample_size=resolution // factor,
        in_channels=latents,
        out_channels=latents,
        block_out_channels=channels,
        layers_per_block=network.layers_per_block,
        down_block_types=tuple("CrossAttnDownBlock2D" if yes else "DownBlock2D" for yes in attention),
        up_block_types=tuple("CrossAttnUpBlock2D" if yes else "UpBlock2D" for yes in reversed(attention)),
        attention_head_dim=[_heads(wide, network) for wide in channels],
        cross_attention_dim=recipe.text_encoder.hidden_size,
        norm_num_groups=network.norm_num_groups,
    )


def _heads(channels: int, network: DenoiserRecipe) -> int:
    # In this class the number of heads goes by the name of their width (diffusers issue 2011).
    return max(1, channels // network.head_width)


def new_scheduler(part: Round) -> Any:
    """Rescaled so that nothing of the picture is left at the last step, and walked from there (Lin et al. 2023,
    sections 3.1 and 3.3): without, white grounds come out grey."""
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        beta_schedule=part.beta_schedule,
        beta_start=BETA_START,
        beta_end=BETA_END,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=0,
    )


@torch.no_grad()
def latents_of(family: ModelFamily, pixels_NHWC: np.ndarray, resolution: int, *, at_once: int = 32) -> Tensor:
    """N x 2 x C x H x W in bfloat16: means as it is, and mirrored."""
    found = []
    for begin in range(0, len(pixels_NHWC), at_once):
        pixels_BCHW = to_network(torch.from_numpy(np.ascontiguousarray(pixels_NHWC[begin : begin + at_once])))
        if pixels_BCHW.shape[-1] != resolution:
            pixels_BCHW = torch.nn.functional.interpolate(pixels_BCHW, (resolution, resolution), mode="area")
        both = [family.encode_pixels(pixels).mean_BCHW for pixels in (pixels_BCHW, pixels_BCHW.flip(-1))]
        found.append(torch.stack(both, 1).bfloat16())
    return torch.cat(found)


def batches(
    family: ModelFamily,
    latents_N2CHW: Tensor,
    pictures: Sequence[Said],
    part: Round,
    words: WordsRecipe,
    seed: int,
) -> Callable[[int], Batch]:
    """For `loop.finetune`. The autoencoder's noise is the same for every picture."""
    deviation = float(family.encode_pixels(torch.zeros(1, 3, part.resolution, part.resolution)).deviation_BCHW.mean())

    def batch_at(step: int) -> Batch:
        chosen = positions(step, part.train_batch_size, len(pictures), seed, f"pictures of {part.resolution}")
        chance = np.random.default_rng(generator(seed, f"words of {part.resolution}", step).initial_seed())
        mirrored = [int(pictures[n].may_be_mirrored and chance.random() < 0.5) for n in chosen]
        texts = tuple(described(pictures[n], words, chance, unknown_hand=part.unknown_hand) for n in chosen)
        mean_BCHW = latents_N2CHW[chosen, mirrored].float()
        with torch.no_grad(), family.autocast("bf16"):
            conditioning_BLD = family.encode_texts(texts).float()
        return Batch(
            names=tuple(str(n) for n in chosen),
            texts=texts,
            latents=LatentDistribution(mean_BCHW, torch.full_like(mean_BCHW, deviation)),
            conditioning_BLD=conditioning_BLD,
            weight_B=torch.ones(len(chosen)),
            number_of_works=len(chosen),
        )

    return batch_at
