"""How does the network learn that removes noise?

With finetuning's own loop: what differs is where its batches come from. Latents are kept, words are drawn anew each
time and go through the finished text encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from handstyle.diffusion.family import LatentDistribution, ModelFamily
from handstyle.encoding.batches import Batch, generator, positions
from handstyle.finetuning.trainable import Trainable
from handstyle.origination.autoencoder import to_network
from handstyle.origination.figures import RoundErrors
from handstyle.origination.growing import PART, as_large, levels_left_out
from handstyle.origination.material import Material
from handstyle.origination.recipe import BaseRecipe, DenoiserRecipe, Round, WordsRecipe
from handstyle.origination.words import Said, described

DRAWS = 2  # of noise, for each work that was never learnt
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


def begun(recipe: BaseRecipe, part: Round, before: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
    """What a round begins with, by the names that finetuning gives it: the weights of the round before, grown where
    this one has a level more, or weights from chance. What is new is rounded as a base's folder holds it."""
    network = new_denoiser(recipe, part.resolution).bfloat16().float()
    if before is not None:
        return as_large(before, network)
    return {PART + name: tensor for name, tensor in network.state_dict().items()}


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
    *,
    mirrored: bool = True,
    identifiers: int = 16,
) -> Callable[[int], Batch]:
    """For `loop.finetune`. The autoencoder's noise is the same for every picture. `mirrored`: may pictures be turned
    round? `identifiers`: how many words without a meaning of their own there are."""
    deviation = float(family.encode_pixels(torch.zeros(1, 3, part.resolution, part.resolution)).deviation_BCHW.mean())

    def batch_at(step: int) -> Batch:
        chosen = positions(step, part.train_batch_size, len(pictures), seed, f"pictures of {part.resolution}")
        chance = np.random.default_rng(generator(seed, f"words of {part.resolution}", step).initial_seed())
        turned = [int(mirrored and pictures[n].may_be_mirrored and chance.random() < 0.5) for n in chosen]
        texts = tuple(
            described(pictures[n], words, chance, unknown_hand=part.unknown_hand, identifiers=identifiers)
            for n in chosen
        )
        mean_BCHW = latents_N2CHW[chosen, turned].float()
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


@torch.no_grad()
def error(family: ModelFamily, latents_NCHW: Tensor, texts: Sequence[str], *, at_once: int = 32) -> float:
    """The mean square of what is predicted wrongly, over works and noises. Noise and noise levels are always the same,
    so that two networks, or two descriptions, can be compared; nothing that learns draws from the same chance."""
    total = 0.0
    for begin in range(0, len(texts), at_once):
        x0_BCHW, said = latents_NCHW[begin : begin + at_once].float(), texts[begin : begin + at_once]
        with family.autocast("bf16"):
            conditioning_BLD = family.encode_texts(said).float()
        for draw in range(DRAWS):
            chance = generator(draw, "noise between rounds", begin)
            noise_BCHW = torch.randn(x0_BCHW.shape, generator=chance)
            timesteps_B = family.noise.drawn(len(said), chance)
            noised_BCHW = family.noise.noised(x0_BCHW, noise_BCHW, timesteps_B)
            with family.autocast("bf16"):
                predicted_BCHW = family.predict(noised_BCHW, timesteps_B, conditioning_BLD)
            target_BCHW = family.noise.target(x0_BCHW, noise_BCHW, timesteps_B)
            total += float((predicted_BCHW.float() - target_BCHW).square().mean((1, 2, 3)).sum())
    return total / (DRAWS * len(texts))


def errors(
    family: ModelFamily,
    learning: Trainable,
    material: Material,
    part: Round,
    begun: dict[str, Tensor],
    learnt: dict[str, Tensor],
    lineage: str,
) -> RoundErrors:
    """Of a round that is done, on the works that nothing learns, each by its name and in its hand. Leaves `learnt` in
    the network."""
    latents = latents_of(family, material.unseen_pixels, part.resolution)[:, 0]
    texts = [f"{said.name}, {said.phrase}" for said in (material.said[n] for n in material.unseen)]
    learning.put(begun)
    before = error(family, latents, texts)
    learning.put(learnt)
    without_words = error(family, latents, [""] * len(texts))
    return RoundErrors(lineage=lineage, before=before, error=error(family, latents, texts), without_words=without_words)
