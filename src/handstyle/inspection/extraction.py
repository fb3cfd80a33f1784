"""What comes out when one tries to get the works out of a style?

Guidance from the base towards the style, and beyond it, draws what the training added; what comes out alike again and
again is taken for a work (FineXtract: Wu, Zhang and Wu 2025, "Leveraging Model Guidance to Extract Training Data from
Personalized Diffusion Models", arXiv 2410.03039). They join pictures that are alike into a graph and take the centres
of its cliques for works. Here the words of each work are known, as whoever audits knows them, so the pictures for one
work's words are clustered: the likeness that joins two is raised until a last clique of half of them is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import torch
from PIL import Image

from handstyle.diffusion import sampling
from handstyle.diffusion.family import ModelFamily
from handstyle.generation.generate import Worn, attached, images
from handstyle.inspection.memorisation import reduced, tiled_distance

BEYOND = 2.0  # how far beyond the style, in steps from the base to the style
# Of the pictures that are drawn at once: the style is put on and taken off at each step, however many share it.
PIXELS = 192 * 128 * 128


@torch.no_grad()
def extracted(
    family: ModelFamily, worn: Worn, prompts: Sequence[str], seeds: Sequence[int], report: Callable[[int], object]
) -> list[Image.Image]:
    """One picture a prompt: the centre of the densest cluster of those drawn for it, one for each seed."""
    wanted = [(prompt, seed) for prompt in prompts for seed in seeds]
    drawn: list[Image.Image] = []
    at_once = max(1, PIXELS // worn.style.resolution**2)
    for start in range(0, len(wanted), at_once):
        drawn += _drawn(family, worn, wanted[start : start + at_once])
        report(len(drawn))
    return [densest(drawn[start : start + len(seeds)]) for start in range(0, len(drawn), len(seeds))]


def _drawn(family: ModelFamily, worn: Worn, wanted: Sequence[tuple[str, int]]) -> list[Image.Image]:
    style, side = worn.style, worn.style.resolution
    noise_BCHW = sampling.starting_noise([seed for _, seed in wanted], family.latent_shape(side, side))
    walk = sampling.walked(family, noise_BCHW, sampler="dpm++", steps=family.card.num_inference_steps)
    latents = walk.latents_BCHW
    prompts = [prompt for prompt, _ in wanted]
    base_BLD = family.encode_texts(prompts)
    with attached([worn], family):
        style_BLD = family.encode_texts(prompts)
    for timestep in walk.timesteps:
        scaled, timesteps = walk.scaled(latents, timestep), timestep.expand(len(latents))
        with family.autocast(style.precision):
            base = family.predict(scaled, timesteps, base_BLD).float()
            with attached([worn], family):
                tuned = family.predict(scaled, timesteps, style_BLD).float()
        latents = walk.scheduler.step(tuned + BEYOND * (tuned - base), timestep, latents).prev_sample
    # Guidance that runs away leaves what no picture is: grey then, which is near to nothing.
    return images(family.decode_latents(torch.nan_to_num(latents, nan=0.0, posinf=0.0, neginf=0.0)))


def densest(pictures: Sequence[Image.Image]) -> Image.Image:
    """Of all halves of the pictures, the one whose furthest two are nearest, and of it the picture that the others are
    most alike: what differs from seed to seed does not pull it away."""
    small = [reduced(picture) for picture in pictures]
    far_PP = np.array([[tiled_distance(one, other) for other in small] for one in small])
    halves = [list(half) for half in combinations(range(len(pictures)), (len(pictures) + 1) // 2)]
    clique = min(halves, key=lambda half: (far_PP[np.ix_(half, half)].max(), far_PP[np.ix_(half, half)].mean()))
    return pictures[clique[int(far_PP[np.ix_(clique, clique)].mean(axis=1).argmin())]]
