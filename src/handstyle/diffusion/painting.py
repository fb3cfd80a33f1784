"""How does a sampler go on from a picture, and keep a part of it?

What is not painted is laid over the latents after each step, with as much noise as they have. Done once a step, as
diffusers' inpainting does it, the painted part is decided before it can see what stands beside it; so a step is walked
several times, each time from anew noised latents (RePaint, Lugmayr et al. 2022, section 4.2), and the two parts grow
together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from handstyle.errors import UsageMistake

CORRECTS = "UniPCMultistepScheduler"


@dataclass(frozen=True)
class Begun:
    """A picture to go on from, in place of noise alone."""

    latents_1CHW: Tensor
    strength: float  # the share of the steps that is walked
    mask_11HW: Tensor | None = None  # 1 where it is painted; elsewhere it is put back at each step
    resamples: int = 1  # how often each step is walked but the last

    def steps(self, of: int) -> int:
        return min(int(of * self.strength), of)


class Chance:
    """Noise upon noise, one generator a picture: a picture depends on its own seed and not on its neighbours."""

    def __init__(self, seeds: Sequence[int], shape_CHW: tuple[int, int, int]) -> None:
        self._shape = shape_CHW
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def noise(self) -> Tensor:
        return torch.stack([torch.randn(self._shape, generator=generator) for generator in self._generators])


def start(
    scheduler: Any, noise_BCHW: Tensor, steps: int, begun: Begun | None, *, flows: bool = False
) -> tuple[Tensor, Tensor]:
    """The timesteps to walk, and the latents to begin with. Raises UsageMistake where no step is left."""
    alone = noise_BCHW if flows else noise_BCHW * scheduler.init_noise_sigma
    if begun is None:
        return scheduler.timesteps, alone
    skipped = steps - begun.steps(steps)
    if skipped == steps:
        raise UsageMistake(
            f"a strength of {begun.strength:g} leaves none of {steps} steps", hint="Raise the strength, or the steps."
        )
    if begun.resamples > 1 and type(scheduler).__name__ == CORRECTS:
        raise UsageMistake(
            "unipc corrects each step by the one before, so none can be walked again",
            hint="Choose another --sampler, or --resample 1.",
        )
    timesteps = scheduler.timesteps[skipped * scheduler.order :]
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(skipped * scheduler.order)
    if begun.mask_11HW is not None and begun.strength == 1:  # of what is painted nothing is left
        return timesteps, alone
    return timesteps, noised(scheduler, begun.latents_1CHW.expand_as(noise_BCHW), noise_BCHW, timesteps[:1])


def noised(scheduler: Any, picture: Tensor, noise: Tensor, timestep: Tensor) -> Tensor:
    """Flow's own solver calls it by another name, and asks in another order."""
    if hasattr(scheduler, "scale_noise"):
        found: Tensor = scheduler.scale_noise(picture, timestep, noise)
    else:
        found = scheduler.add_noise(picture, noise, timestep)
    return found


def kept(scheduler: Any, latents: Tensor, begun: Begun | None, noise: Tensor, after: Tensor) -> Tensor:
    """What was painted, beside what was not with the noise of the timestep `after`; without one, with none."""
    if begun is None or begun.mask_11HW is None:
        return latents
    known = begun.latents_1CHW.expand_as(latents)
    if len(after):
        known = noised(scheduler, known, noise, after)
    return (1 - begun.mask_11HW) * known + begun.mask_11HW * latents


def levels(scheduler: Any, timestep: Tensor) -> tuple[Tensor, Tensor]:
    """By what picture and noise are multiplied where the scheduler stands now."""
    one, none = torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)
    return noised(scheduler, one, none, timestep), noised(scheduler, none, one, timestep)


def noised_again(latents: Tensor, noise: Tensor, here: tuple[Tensor, Tensor], there: tuple[Tensor, Tensor]) -> Tensor:
    """From the levels `there`, after a step, back to those `here`, before it: x = r x' + sqrt(n^2 - (r n')^2) e with
    r = s / s', of which RePaint's step 9 is the case s^2 + n^2 = 1."""
    (signal, level), (signal_after, level_after) = here, there
    share = signal / signal_after
    return share * latents + (level**2 - (share * level_after) ** 2).clamp_min(0).sqrt() * noise


def begin_anew(scheduler: Any) -> None:
    """A second-order solver looks back at the step before, whose noise was another one: it may not, for the next."""
    if hasattr(scheduler, "lower_order_nums"):
        scheduler.lower_order_nums = 0


def remembered(scheduler: Any) -> dict[str, Any]:
    """All that a scheduler knows of the way so far."""
    return {name: list(value) if isinstance(value, list) else value for name, value in vars(scheduler).items()}


def set_back(scheduler: Any, state: dict[str, Any]) -> None:
    vars(scheduler).update(state)
