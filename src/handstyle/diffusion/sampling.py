"""How does noise become latents, step by step?

The solvers are diffusers'; here they are built from a base's own schedule and walked as a generator.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from handstyle.diffusion.family import ModelFamily
from handstyle.errors import BaseUnusable, HandstyleError, UsageMistake

# Name -> diffusers class and its settings; the names are the ones other tools show.
SAMPLERS: dict[str, tuple[str, dict[str, Any]]] = {
    "dpm++": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "solver_order": 2}),
    "ddim": ("DDIMScheduler", {}),
    "euler": ("EulerDiscreteScheduler", {}),
    "unipc": ("UniPCMultistepScheduler", {}),
}


@dataclass(frozen=True)
class Denoised:
    """The latents after one step of the solver; the last is the picture."""

    index: int
    of: int
    latents_BCHW: Tensor


def solver(name: str, config: dict[str, object]) -> Any:
    """A diffusers scheduler on the base's schedule. Raises UsageMistake for an unknown name."""
    import diffusers

    if name not in SAMPLERS:
        raise UsageMistake(f"there is no sampler `{name}`", hint=f"Choose one of: {', '.join(SAMPLERS)}.")
    class_name, settings = SAMPLERS[name]
    return getattr(diffusers, class_name).from_config(config, **settings)


def starting_noise(seeds: Sequence[int], shape_CHW: tuple[int, int, int]) -> Tensor:
    """One generator a picture, so that a picture depends on its own seed and not on its neighbours."""
    return torch.stack([torch.randn(shape_CHW, generator=torch.Generator().manual_seed(seed)) for seed in seeds])


def rescaled(guided_BCHW: Tensor, text_BCHW: Tensor, share: float) -> Tensor:
    """Guidance brought back to the text prediction's deviation (Lin et al. 2024, section 3.4)."""
    axes = (1, 2, 3)
    matched = guided_BCHW * text_BCHW.std(axes, keepdim=True) / guided_BCHW.std(axes, keepdim=True)
    return share * matched + (1 - share) * guided_BCHW


@contextmanager
def _told_of_the_base(family: ModelFamily) -> Iterator[None]:
    """A scheduler's settings come out of the base; some of them are read only at a step."""
    try:
        yield
    except (HandstyleError, MemoryError):
        raise
    except Exception as error:  # diffusers raises almost anything
        raise BaseUnusable(
            f"the scheduler of {family.folder} cannot be walked: {error}",
            hint="Restore scheduler/scheduler_config.json, or fetch the base again.",
        ) from error


@torch.no_grad()
def denoise(
    family: ModelFamily,
    noise_BCHW: Tensor,
    text_BLD: Tensor,
    without_BLD: Tensor,
    *,
    sampler: str,
    steps: int,
    guidance_scale: float,
    guidance_rescale: float,
    precision: str,
) -> Iterator[Denoised]:
    """Classifier-free guidance (Ho and Salimans 2022): both predictions in one batch."""
    with _told_of_the_base(family):
        scheduler = solver(sampler, family.scheduler_config())
        scheduler.set_timesteps(steps)
    latents = noise_BCHW * scheduler.init_noise_sigma
    both_BLD = torch.cat([without_BLD, text_BLD]) if guidance_scale != 1 else text_BLD
    for index, timestep in enumerate(scheduler.timesteps):
        scaled = scheduler.scale_model_input(latents, timestep)
        doubled = torch.cat([scaled, scaled]) if guidance_scale != 1 else scaled
        with family.autocast(precision):
            predicted = family.predict(doubled, timestep.expand(len(doubled)), both_BLD).float()
        if guidance_scale != 1:
            without, text = predicted.chunk(2)
            predicted = without + guidance_scale * (text - without)
            if guidance_rescale:
                predicted = rescaled(predicted, text, guidance_rescale)
        with _told_of_the_base(family):
            latents = scheduler.step(predicted, timestep, latents).prev_sample
        yield Denoised(index + 1, steps, latents)
