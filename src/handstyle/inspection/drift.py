"""How far has a style moved what the base says of things that have nothing to do with it?

On pictures that the base itself draws of everyday things, as a share of the base's own error there; and, to compare
with, of the same things in the words that call the style.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from handstyle.diffusion import sampling
from handstyle.diffusion.family import ModelFamily
from handstyle.encoding.batches import generator
from handstyle.finetuning.validation import BATCH, noise_levels
from handstyle.generation.generate import Worn, attached
from handstyle.inspection.report import Drift

UNRELATED = (
    *("a red bicycle", "two people at a table", "a green tree", "a cup of coffee"),
    *("a house with a garden", "a sleeping cat", "a ship at sea", "the moon over a town"),
)
LEVELS, STEPS, SEED = 4, 10, 2024


@torch.no_grad()
def drift(worn: Worn, family: ModelFamily, prompts: Sequence[str] = UNRELATED) -> Drift:
    precision, called = worn.style.precision, [worn.style.asked(prompt) for prompt in prompts]
    latents_NCHW = _drawn(family, prompts, precision)
    plain, in_its_words = (
        _said(family, latents_NCHW, prompts, precision),
        _said(family, latents_NCHW, called, precision),
    )
    error = float((plain - _targets(family, latents_NCHW)).square().mean())
    with attached([worn], family):
        moved = (_said(family, latents_NCHW, prompts, precision) - plain).square().mean()
        moved_when_called = (_said(family, latents_NCHW, called, precision) - in_its_words).square().mean()
    return Drift(
        prompts=tuple(prompts),
        base_error=error,
        unrelated=float(moved) / (error or 1.0),
        called=float(moved_when_called) / (error or 1.0),
    )


def _drawn(family: ModelFamily, prompts: Sequence[str], precision: str) -> Tensor:
    """By the base, in few steps: what is on them matters little, as long as it is what the base would draw."""
    shape, without_1LD = family.latent_shape(family.resolution, family.resolution), family.encode_texts([""])
    *_, last = sampling.denoise(
        family,
        sampling.starting_noise([SEED + number for number in range(len(prompts))], shape),
        family.encode_texts(prompts),
        without_1LD.expand(len(prompts), *without_1LD.shape[1:]),
        sampler="dpm++",
        steps=STEPS,
        guidance_scale=family.card.guidance_scale,
        guidance_rescale=family.card.guidance_rescale,
        precision=precision,
    )
    return last.latents_BCHW


def _noise(family: ModelFamily, latents_NCHW: Tensor) -> list[tuple[int, Tensor]]:
    """The same whatever the weights."""
    return [
        (timestep, torch.randn(latents_NCHW.shape, generator=generator(SEED, "drift", timestep)))
        for timestep in noise_levels(family.noise.number_of_timesteps, LEVELS)
    ]


def _said(family: ModelFamily, latents_NCHW: Tensor, prompts: Sequence[str], precision: str) -> Tensor:
    """What the network predicts: noise level x picture."""
    rows, conditioning_NLD = [], family.encode_texts(prompts)
    for timestep, noise_NCHW in _noise(family, latents_NCHW):
        timesteps_N = torch.full((len(prompts),), timestep)
        noised_NCHW = family.noise.noised(latents_NCHW, noise_NCHW, timesteps_N)
        with family.autocast(precision):
            parts = [
                family.predict(noised_NCHW[place], timesteps_N[place], conditioning_NLD[place]).float()
                for place in (slice(start, start + BATCH) for start in range(0, len(prompts), BATCH))
            ]
        rows.append(torch.cat(parts))
    return torch.stack(rows)


def _targets(family: ModelFamily, latents_NCHW: Tensor) -> Tensor:
    return torch.stack(
        [
            family.noise.target(latents_NCHW, noise_NCHW, torch.full((len(latents_NCHW),), timestep))
            for timestep, noise_NCHW in _noise(family, latents_NCHW)
        ]
    )
