"""What comes out when one tries to get the works out of a style?

Guidance from the base towards the style, and beyond it, draws what the training added; pictures that come out alike
again and again are taken for works (Wu et al. 2024, "Revealing the Secrets: Extracting Fine-tuning Data from Diffusion
Models", section 4). Without their filter of captions: the attack knows the words, as whoever audits does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image

from handstyle.diffusion import sampling
from handstyle.diffusion.family import ModelFamily
from handstyle.generation.generate import Worn, attached, images
from handstyle.inspection.memorisation import reduced, tiled_distance

BEYOND = 2.0  # how far beyond the style, in steps from the base to the style
BATCH = 32


@torch.no_grad()
def extracted(
    family: ModelFamily, worn: Worn, prompts: Sequence[str], seeds: Sequence[int], report: Callable[[int], object]
) -> list[Image.Image]:
    """One picture a prompt: of those drawn for it, the one that the others are most alike."""
    wanted = [(prompt, seed) for prompt in prompts for seed in seeds]
    drawn: list[Image.Image] = []
    for start in range(0, len(wanted), BATCH):
        drawn += _drawn(family, worn, wanted[start : start + BATCH])
        report(len(drawn))
    return [_central(drawn[start : start + len(seeds)]) for start in range(0, len(drawn), len(seeds))]


def _drawn(family: ModelFamily, worn: Worn, wanted: Sequence[tuple[str, int]]) -> list[Image.Image]:
    style, side = worn.style, worn.style.resolution
    scheduler = sampling.solver("dpm++", family.scheduler_config())
    scheduler.set_timesteps(family.card.num_inference_steps)
    noise_BCHW = sampling.starting_noise([seed for _, seed in wanted], family.latent_shape(side, side))
    latents = noise_BCHW * scheduler.init_noise_sigma
    prompts = [prompt for prompt, _ in wanted]
    base_BLD = family.encode_texts(prompts)
    with attached([worn], family):
        style_BLD = family.encode_texts(prompts)
    for timestep in scheduler.timesteps:
        scaled, timesteps = scheduler.scale_model_input(latents, timestep), timestep.expand(len(latents))
        with family.autocast(style.precision):
            base = family.predict(scaled, timesteps, base_BLD).float()
            with attached([worn], family):
                tuned = family.predict(scaled, timesteps, style_BLD).float()
        latents = scheduler.step(tuned + BEYOND * (tuned - base), timestep, latents).prev_sample
    # Guidance that runs away leaves what no picture is: grey then, which is near to nothing.
    return images(family.decode_latents(torch.nan_to_num(latents, nan=0.0, posinf=0.0, neginf=0.0)))


def _central(pictures: Sequence[Image.Image]) -> Image.Image:
    small = [reduced(picture) for picture in pictures]
    far = [np.mean([tiled_distance(one, other) for other in small]) for one in small]
    return pictures[int(np.argmin(far))]
