"""Which recipe suits this many works on this base, and what will a run cost?"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from handstyle.diffusion.family import ModelFamily
from handstyle.diffusion.hardware import Hardware, peak_memory, resident_memory
from handstyle.encoding.batches import Batch
from handstyle.finetuning import memory
from handstyle.finetuning.duration import Duration
from handstyle.finetuning.memory import Looks
from handstyle.finetuning.optimizers import STATE
from handstyle.finetuning.recipe import Recipe, named
from handstyle.finetuning.trainable import Trainable

FEWEST_STEPS, MOST_STEPS = 60, 2000


@dataclass(frozen=True)
class Expectation:
    """What a run will take, from two trial steps on this machine. Their gradients are thrown away."""

    steps: int
    pictures: int
    parameters: int
    seconds: float
    memory: int  # bytes, at most
    parts: Mapping[str, int] = field(default_factory=dict)  # what it does -> bytes it then holds at most

    def __str__(self) -> str:
        minutes, seconds = divmod(round(self.seconds), 60)
        return (
            f"{self.steps} steps, {self.pictures} pictures, {self.parameters / 1e6:.2f} million parameters learn; "
            f"about {minutes}:{seconds:02d} minutes and {self.memory / 1e9:.1f} GB on this machine{self._in_parts}"
        )

    @property
    def _in_parts(self) -> str:
        if not self.parts:
            return ""
        return f" ({', '.join(f'{what} {held / 1e9:.1f} GB' for what, held in self.parts.items())})"


def preset_for(family: ModelFamily) -> str:
    """Small bases learn from larger batches at other rates than Stable Diffusion does."""
    return "small_base" if family.resolution < 256 else family.preset


def default_recipe(number_of_works: int, family: ModelFamily, machine: Hardware) -> Recipe:
    """The preset for the base, with as many steps as give each work the preset's number of passes."""
    recipe = named(preset_for(family))
    steps = recipe.max_train.in_steps(number_of_works, recipe.train_batch_size)
    return recipe.changed(
        max_train=str(Duration(count=min(MOST_STEPS, max(FEWEST_STEPS, steps)), unit="steps")),
        mixed_precision="bf16" if machine.fast_bf16 else "no",
        resolution=family.resolution,
    )


def with_settings(preset: Recipe, settings: Mapping[str, Any]) -> Recipe:
    """A preset with what somebody chose. The text encoder of a preset learns beside the plain low-rank updates it was
    chosen for; beside anything else only where somebody says so."""
    plain = settings.get("method", preset.method) == "lora" and settings.get("algo", preset.algo) == "lora"
    return preset.changed(**({} if plain else {"train_text_encoder": False}) | dict(settings))


def expect(
    family: ModelFamily,
    learning: Trainable,
    batch: Batch,
    recipe: Recipe,
    steps: int,
    looks: Looks | None = None,
    loaded: int = 0,
) -> Expectation:
    """With `looks`, the memory of all parts of a run is counted before anything is tried, and a run that would not fit
    is refused; else it is what two trial steps took. `loaded`: what was held at most before anything was encoded, which
    a run that follows finds done."""
    level = memory.Level.now(max(loaded, learning.rounding))
    demand = memory.demand(family, learning, batch, recipe, looks) if looks else None
    if demand:
        level.require(demand, recipe)
    seconds = 0.0
    for _ in range(2):
        began = time.perf_counter()
        memory.trial_step(family, learning, batch, recipe)
        seconds = time.perf_counter() - began
        if looks:  # in turn, as in a run: what one frees lies in pieces that do not suit the other
            memory.trial_look(family, batch, recipe, looks)
    pictures = len(batch.names) * recipe.gradient_accumulation_steps
    moments = STATE[recipe.optimizer] * learning.number_of_parameters
    average = 4 * learning.number_of_parameters if recipe.ema_decay else 0
    parts = level.with_trial(demand, resident_memory()) if demand else {}
    return Expectation(
        steps=steps,
        pictures=steps * pictures,
        parameters=learning.number_of_parameters,
        seconds=steps * seconds * recipe.gradient_accumulation_steps,
        memory=max(parts.values()) if parts else peak_memory() + moments + average,
        parts=parts,
    )


def recipe_from(path: Path | None, preset: str | None, default: Recipe) -> Recipe:
    """A file, a preset, or the default, in this order."""
    if path is not None:
        return Recipe.from_toml(path)
    return named(preset) if preset else default
