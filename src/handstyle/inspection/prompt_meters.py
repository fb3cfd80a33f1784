"""How strongly do the words of a work steer a model: does it remember what they stand for?

The magnitude of what words add to a prediction, mean over the first steps of drawing (Wen et al. 2024, "Detecting,
Explaining, and Mitigating Memorization in Diffusion Models", section 3.1). It is measured while a picture is drawn and
needs no work to compare with. In units of the base's own target: of its velocity, where it predicts that.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from handstyle.diffusion import sampling
from handstyle.diffusion.family import ModelFamily
from handstyle.finetuning.recipe import Recipe
from handstyle.generation.generate import Worn, attached
from handstyle.generation.meters import FIRST

BATCH = 32


@torch.no_grad()
def magnitudes(
    family: ModelFamily, worn: Sequence[Worn], prompts: Sequence[str], seeds: Sequence[int], side: int, recipe: Recipe
) -> NDArray[np.float64]:
    """Of each prompt, mean over seeds and steps."""
    wanted = [(prompt, seed) for prompt in prompts for seed in seeds]
    found: list[float] = []
    with attached(worn, family):
        for start in range(0, len(wanted), BATCH):
            found += _magnitudes(family, wanted[start : start + BATCH], side, recipe.mixed_precision)
    return np.asarray(np.array(found).reshape(len(prompts), len(seeds)).mean(axis=1))


def _magnitudes(family: ModelFamily, wanted: Sequence[tuple[str, int]], side: int, precision: str) -> list[float]:
    card = family.card
    noise_BCHW = sampling.starting_noise([seed for _, seed in wanted], family.latent_shape(side, side))
    walk = sampling.walked(family, noise_BCHW, sampler="dpm++", steps=card.num_inference_steps)
    latents = walk.latents_BCHW
    # A base that embeds guidance is told how strong it is, and what it predicts is guided already.
    told_of = card.guidance_scale if family.embeds_guidance else None
    words_BLD = family.encode_texts([prompt for prompt, _ in wanted])
    nothing_BLD = family.encode_texts([""] * len(wanted))
    lengths = []
    for timestep in walk.timesteps[:FIRST]:
        scaled, timesteps = walk.scaled(latents, timestep), timestep.expand(len(latents))
        with family.autocast(precision):
            told = family.predict(scaled, timesteps, words_BLD, guidance=told_of).float()
            untold = family.predict(scaled, timesteps, nothing_BLD, guidance=told_of).float()
        lengths.append(sampling.steering(told, untold))
        guided = told if told_of is not None else untold + card.guidance_scale * (told - untold)
        latents = walk.scheduler.step(guided, timestep, latents).prev_sample
    return [float(length) for length in torch.stack(lengths).mean(dim=0)]
