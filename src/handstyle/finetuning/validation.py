"""How well does a model remove noise from drawings it never saw?

The validation of a run and the held-out gain of an inspection are this one number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from handstyle.diffusion.family import ModelFamily
from handstyle.encoding.batches import generator
from handstyle.finetuning.gain import gain_of
from handstyle.finetuning.measured import Gain
from handstyle.finetuning.trainable import at_rest

NOISE_LEVELS = 16
LEVELS_OF_A_RUN = 4  # one in each band; the inspection measures all sixteen
NOISE_SEED = 2022
BATCH = 32  # drawings at once, of the size of the embedded base
PIXELS = (
    BATCH * 16 * 16
)  # of latents: larger drawings go in smaller parts, else measuring would take more than learning


@dataclass(frozen=True)
class Drawings:
    """Real drawings as the base encodes them, with their captions; each CHW, some maybe larger than others."""

    captions: tuple[str, ...]
    latents: tuple[Tensor, ...]

    @property
    def places_by_shape(self) -> list[list[int]]:
        """Those of one shape can be looked at together."""
        found: dict[tuple[int, ...], list[int]] = {}
        for place, latents in enumerate(self.latents):
            found.setdefault(tuple(latents.shape), []).append(place)
        return list(found.values())


def noise_levels(number_of_timesteps: int, count: int = NOISE_LEVELS) -> list[int]:
    """The middles of `count` equal parts of the schedule."""
    return [int((index + 0.5) * number_of_timesteps / count) for index in range(count)]


@torch.no_grad()
def denoising_errors(
    family: ModelFamily, drawings: Drawings, prompts: Sequence[str], precision: str, levels: int = NOISE_LEVELS
) -> Tensor:
    """Mean squared error of the base's own target: noise level x drawing, the same noise whatever the weights."""
    groups = drawings.places_by_shape
    columns = [
        _errors(
            family, torch.stack([drawings.latents[n] for n in group]), [prompts[n] for n in group], precision, levels
        )
        for group in groups
    ]
    back = torch.tensor([place for group in groups for place in group]).argsort()
    return torch.cat(columns, dim=1)[:, back] if len(groups) > 1 else columns[0]


def _errors(family: ModelFamily, latents_NCHW: Tensor, prompts: Sequence[str], precision: str, levels: int) -> Tensor:
    conditioning_NLD = family.encode_texts(prompts)
    rows = []
    for timestep in noise_levels(family.noise.number_of_timesteps, levels):
        noise_NCHW = torch.randn(latents_NCHW.shape, generator=generator(NOISE_SEED, "held out", timestep))
        errors = []
        at_once = rows_at_once(latents_NCHW)
        for start in range(0, len(prompts), at_once):
            rows_of = slice(start, start + at_once)
            x0_BCHW, noise_BCHW = latents_NCHW[rows_of], noise_NCHW[rows_of]
            timesteps_B = torch.full((len(x0_BCHW),), timestep)
            noised_BCHW = family.noise.noised(x0_BCHW, noise_BCHW, timesteps_B)
            with family.autocast(precision):
                predicted_BCHW = family.predict(noised_BCHW, timesteps_B, conditioning_NLD[rows_of])
            target_BCHW = family.noise.target(x0_BCHW, noise_BCHW, timesteps_B)
            errors.append((predicted_BCHW.float() - target_BCHW).square().mean(dim=(1, 2, 3)))
        rows.append(torch.cat(errors))
    return torch.stack(rows)


def rows_at_once(latents_NCHW: Tensor) -> int:
    return max(1, min(BATCH, PIXELS // latents_NCHW.shape[2:].numel()))


def nearest_template(family: ModelFamily, works: Drawings, templates: Sequence[str], precision: str) -> str:
    """With which of these words the base errs least on the works. The held-out drawings have no say in it."""
    with at_rest(family):
        errors = {
            template: float(denoising_errors(family, works, filled(template, works), precision, LEVELS_OF_A_RUN).mean())
            for template in templates
        }
    return min(errors, key=lambda template: errors[template])


def filled(template: str, drawings: Drawings) -> list[str]:
    return [template.replace("{caption}", caption) for caption in drawings.captions]


@dataclass(frozen=True)
class Yardstick:
    """Drawings that are not trained on, and how far the base is from them, asked in the words that suit it best."""

    drawings: Drawings
    base_prompt: str
    base_errors_LN: Tensor
    timesteps: tuple[int, ...]

    def gain(self, style_errors_LN: Tensor) -> Gain:
        return gain_of(self.base_errors_LN.double().numpy(), style_errors_LN.double().numpy(), self.timesteps)


def yardstick(
    family: ModelFamily, drawings: Drawings, templates: Sequence[str], precision: str, levels: int = LEVELS_OF_A_RUN
) -> Yardstick:
    """Measured before anything learns."""
    with at_rest(family):
        tried = {
            template: denoising_errors(family, drawings, filled(template, drawings), precision, levels)
            for template in templates
        }
    best = min(tried, key=lambda template: float(tried[template].mean()))
    timesteps = tuple(noise_levels(family.noise.number_of_timesteps, levels))
    return Yardstick(drawings, best, tried[best], timesteps)
