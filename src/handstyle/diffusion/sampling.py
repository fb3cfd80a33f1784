"""How does noise become latents, step by step?

The solvers are diffusers'; here they are built from a base's own schedule and walked as a generator.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from handstyle.diffusion import painting
from handstyle.diffusion.family import ModelFamily
from handstyle.diffusion.painting import Begun, Chance
from handstyle.errors import BaseUnusable, HandstyleError, UsageMistake

# Name -> diffusers class and its settings; the names are the ones other tools show.
SAMPLERS: dict[str, tuple[str, dict[str, Any]]] = {
    "dpm++": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "solver_order": 2}),
    "ddim": ("DDIMScheduler", {}),
    "euler": ("EulerDiscreteScheduler", {}),
    "unipc": ("UniPCMultistepScheduler", {}),
}
FLOWING = {"prediction_type": "flow_prediction", "use_flow_sigmas": True}
FLOW_SAMPLERS: dict[str, tuple[str, dict[str, Any]]] = {
    "dpm++": ("DPMSolverMultistepScheduler", {**SAMPLERS["dpm++"][1], **FLOWING}),
    "euler": ("FlowMatchEulerDiscreteScheduler", {}),
    "unipc": ("UniPCMultistepScheduler", FLOWING),
}


@dataclass(frozen=True)
class Denoised:
    """The latents after one step of the solver; the last is the picture."""

    index: int
    of: int
    latents_BCHW: Tensor
    steered_B: Tensor | None = None  # how far words moved what was predicted; None where it was predicted once


def solver(name: str, config: dict[str, object], *, flows: bool = False) -> Any:
    """A diffusers scheduler on the base's schedule, which `flows` or not. Raises UsageMistake for an unknown name."""
    import diffusers

    known = FLOW_SAMPLERS if flows else SAMPLERS
    if name not in known:
        of = " for a base that predicts flow" if name in SAMPLERS else ""
        raise UsageMistake(f"there is no sampler `{name}`{of}", hint=f"Choose one of: {', '.join(known)}.")
    class_name, settings = known[name]
    if flows:  # solvers that know flow among others call the shift by another name
        settings = {**settings, "flow_shift": config.get("shift", 1.0)}
    return getattr(diffusers, class_name).from_config(config, **settings)


def starting_noise(seeds: Sequence[int], shape_CHW: tuple[int, int, int]) -> Tensor:
    """One generator a picture, so that a picture depends on its own seed and not on its neighbours."""
    return Chance(seeds, shape_CHW).noise()


def rescaled(guided_BCHW: Tensor, text_BCHW: Tensor, share: float) -> Tensor:
    """Guidance brought back to the text prediction's deviation (Lin et al. 2024, section 3.4)."""
    axes = (1, 2, 3)
    matched = guided_BCHW * text_BCHW.std(axes, keepdim=True) / guided_BCHW.std(axes, keepdim=True)
    return share * matched + (1 - share) * guided_BCHW


def steering(text_BCHW: Tensor, without_BCHW: Tensor) -> Tensor:
    """How far words move a prediction, root mean square, in units of the base's own target (Wen et al. 2024,
    "Detecting, Explaining, and Mitigating Memorization in Diffusion Models", section 3.1)."""
    return (text_BCHW - without_BCHW).square().mean(dim=(1, 2, 3)).sqrt()


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


def _understood(scheduler: Any, walk: dict[str, Any]) -> dict[str, Any]:
    """A solver that takes no shares of noise makes them itself, along the same line."""
    taken = inspect.signature(scheduler.set_timesteps).parameters
    shifts = scheduler.config.get("use_dynamic_shifting", False)
    return {name: value for name, value in walk.items() if name in taken and (name != "mu" or shifts)}


@dataclass(frozen=True)
class Walk:
    """A solver set to the steps of a base, and the latents that it begins with."""

    scheduler: Any
    timesteps: Tensor
    latents_BCHW: Tensor
    flows: bool

    def scaled(self, latents_BCHW: Tensor, timestep: Tensor) -> Tensor:
        """As the network is to see them."""
        return latents_BCHW if self.flows else self.scheduler.scale_model_input(latents_BCHW, timestep)


def walked(family: ModelFamily, noise_BCHW: Tensor, *, sampler: str, steps: int, begun: Begun | None = None) -> Walk:
    """From noise, or from what was `begun`."""
    flows = family.noise.prediction == "flow"
    with _told_of_the_base(family):
        scheduler = solver(sampler, family.scheduler_config(), flows=flows)
        walk = family.walk(steps, noise_BCHW.shape[3], noise_BCHW.shape[2])
        scheduler.set_timesteps(**_understood(scheduler, walk))
        timesteps, latents = painting.start(scheduler, noise_BCHW, steps, begun, flows=flows)
    return Walk(scheduler, timesteps, latents, flows)


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
    begun: Begun | None = None,
    chance: Chance | None = None,
) -> Iterator[Denoised]:
    """Classifier-free guidance (Ho and Salimans 2022): both predictions in one batch. A base that embeds guidance is
    told how strong it is, and answers once. What was `begun` is gone on with as diffusers' img2img and inpainting
    pipelines do; where its steps are walked more than once, with noise of `chance`."""
    walk = walked(family, noise_BCHW, sampler=sampler, steps=steps, begun=begun)
    scheduler, timesteps, latents = walk.scheduler, walk.timesteps, walk.latents_BCHW
    told = guidance_scale if family.embeds_guidance else None
    twice = guidance_scale != 1 and told is None
    both_BLD = torch.cat([without_BLD, text_BLD]) if twice else text_BLD

    def stepped(latents: Tensor, index: int, noise: Tensor) -> tuple[Tensor, Tensor | None]:
        timestep = timesteps[index]
        scaled = walk.scaled(latents, timestep)
        doubled = torch.cat([scaled, scaled]) if twice else scaled
        with family.autocast(precision):
            predicted = family.predict(doubled, timestep.expand(len(doubled)), both_BLD, guidance=told).float()
        steered = None
        if twice:
            without, text = predicted.chunk(2)
            steered = steering(text, without)
            predicted = without + guidance_scale * (text - without)
            if guidance_rescale:
                predicted = rescaled(predicted, text, guidance_rescale)
        with _told_of_the_base(family):
            lower = scheduler.step(predicted, timestep, latents).prev_sample
            return painting.kept(scheduler, lower, begun, noise, timesteps[index + 1 : index + 2]), steered

    for index in range(len(timesteps)):
        again = begun.resamples - 1 if begun and chance and index + 1 < len(timesteps) else 0
        if begun and begun.resamples > 1:
            painting.begin_anew(scheduler)
        for _ in range(again):
            state, here = painting.remembered(scheduler), painting.levels(scheduler, timesteps[index : index + 1])
            lower, _ = stepped(latents, index, chance.noise() if chance else noise_BCHW)
            there = painting.levels(scheduler, timesteps[index + 1 : index + 2])
            latents = painting.noised_again(lower, chance.noise() if chance else noise_BCHW, here, there)
            painting.set_back(scheduler, state)
        latents, steered = stepped(latents, index, chance.noise() if again and chance else noise_BCHW)
        yield Denoised(index + 1, len(timesteps), latents, steered)
