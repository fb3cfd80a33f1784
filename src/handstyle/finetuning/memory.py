"""How much memory will a run hold at most, and what is it doing then?

That is counted before it is tried: the loop itself goes two steps with tensors that hold no numbers. What kernels take
besides, and what lies unused between tensors, is not counted; a trial of each thing a run does shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from handstyle.diffusion.family import ModelFamily
from handstyle.diffusion.hardware import freed_memory, hardware, resident_memory
from handstyle.diffusion.held_bytes import Held, without_numbers
from handstyle.encoding.batches import Batch
from handstyle.errors import HandstyleError
from handstyle.finetuning.loop import Run, learn, losses
from handstyle.finetuning.objective import Objective, batch_loss
from handstyle.finetuning.optimizers import STATE
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trainable import Trainable, as_kept, at_rest
from handstyle.finetuning.validation import rows_at_once

STEPS = 2  # the first makes the optimiser's state, beside which the second computes
SEEN = 0.05  # of what is counted: by more than that a trial has to grow the process, to show what else it takes
BESIDE = 0.15  # of what is counted: what else is taken, where no trial has shown it


@dataclass(frozen=True)
class Looks:
    """What is done between steps: so many drawings are measured, so many samples drawn at once."""

    drawings: int
    samples: int


@dataclass(frozen=True)
class Demand:
    """Bytes of tensors at most, beyond those that are there before the first step."""

    trial: int  # while all is tried once, a step without an optimiser
    step: int  # while a step is taken
    looking: int  # while samples are drawn and drawings measured

    @property
    def most(self) -> int:
        return max(self.step, self.looking)


@dataclass(frozen=True)
class Level:
    """What this process holds before anything learns, and held at most so far; bytes."""

    held: int
    freed: int  # what lies ready to be used again
    peak: int

    @classmethod
    def now(cls, peak: int) -> Level:
        freed = freed_memory()
        return cls(resident_memory() - freed, freed, peak)

    def with_trial(self, demand: Demand, resident: int) -> dict[str, int]:
        """What the process holds at most and while it does what, when it is this large after a trial."""
        grown = resident - self.held - self.freed
        if grown > SEEN * demand.trial:
            beside = max(0, resident - self.held - demand.trial)
        else:  # what was freed before, while encoding, was large enough
            beside = round(BESIDE * demand.trial)
        return {
            "beginning": self.peak,
            "step": self.held + demand.step + beside,
            "samples and measuring": self.held + demand.looking + beside,
        }

    def require(self, demand: Demand, recipe: Recipe) -> None:
        """Raises HandstyleError where the machine has not so much: to try would end the process without a word."""
        needed, there = self.held + demand.most, hardware().memory
        if needed <= there:
            return
        less = ["a smaller train_batch_size or resolution"]
        if not recipe.gradient_checkpointing:
            less.insert(0, "gradient_checkpointing = true")
        if recipe.method == "lora" and recipe.algo == "lora" and recipe.base_model_precision == "no_change":
            less.append('base_model_precision = "int8"')
        if recipe.method == "full":
            less.append('method = "lora"' if recipe.optimizer_in_backward else "optimizer_in_backward = true")
        raise HandstyleError(
            f"this run would hold {needed / 1e9:.1f} GB, and the machine has {there / 1e9:.1f} GB",
            hint=f"Ask for less with --set: {', '.join(less)}.",
        )


@torch.no_grad()
def trial_look(family: ModelFamily, batch: Batch, recipe: Recipe, looks: Looks) -> None:
    """Once through the networks as when drawings are measured and samples drawn: the decoder's kernels can take more
    than those of a step."""
    latents_1CHW, conditioning_1LD = batch.latents.mean_BCHW[:1], batch.conditioning_BLD[:1]
    drawings = min(looks.drawings, rows_at_once(latents_1CHW))
    both = 1 if family.embeds_guidance else 2  # a sample is guided away from what it would be without words
    guidance = family.card.guidance_scale if family.embeds_guidance else None
    with at_rest(family):
        for rows, told in ((drawings, None), (both * looks.samples, guidance)):
            if rows:
                latents_BCHW = latents_1CHW.repeat(rows, 1, 1, 1)
                with family.autocast(recipe.mixed_precision):
                    conditioning_BLD = conditioning_1LD.repeat(rows, 1, 1)
                    family.predict(latents_BCHW, torch.zeros(rows, dtype=torch.int64), conditioning_BLD, guidance=told)
        if looks.samples:
            family.decode_latents(latents_1CHW.repeat(looks.samples, 1, 1, 1))


def trial_step(family: ModelFamily, learning: Trainable, batch: Batch, recipe: Recipe) -> None:
    """There and back; the gradients are thrown away, where the run will not keep them as soon as they are whole."""
    parameters = list(learning.parameters.values())
    learns: list[Any] = parameters if recipe.optimizer_in_backward else []
    hooks = [own.register_post_accumulate_grad_hook(_forget) for own in learns]
    loss = batch_loss(
        batch,
        family,
        seed=recipe.seed,
        step=0,
        snr_gamma=recipe.snr_gamma,
        precision=recipe.mixed_precision,
        live_text=recipe.reads_anew,
        objective=Objective.of(recipe),
    )
    loss.backward()  # type: ignore[no-untyped-call]
    for hook in hooks:
        hook.remove()
    for parameter in parameters:
        parameter.grad = None


def _forget(parameter: Tensor) -> None:
    parameter.grad = None


def demand(family: ModelFamily, learning: Trainable, batch: Batch, recipe: Recipe, looks: Looks) -> Demand | None:
    """None where torch cannot go through the network without numbers."""
    counted, elsewhere = _countable(recipe, learning)
    try:
        with without_numbers() as copied:
            return _counted(*copied((family, learning, batch)), counted, looks, elsewhere)
    except RuntimeError:  # an operation that torch knows only with numbers
        return None


def _countable(recipe: Recipe, learning: Trainable) -> tuple[Recipe, int]:
    """8-bit AdamW is written for numbers that are there: AdamW stands in, and how much more it keeps is said."""
    if recipe.optimizer != "adamw8bit":
        return recipe, 0
    return recipe.changed(optimizer="adamw"), (STATE["adamw"] - STATE["adamw8bit"]) * learning.number_of_parameters


def _counted(
    family: ModelFamily, learning: Trainable, batch: Batch, recipe: Recipe, looks: Looks, elsewhere: int
) -> Demand:
    with Held() as held:
        trial_step(family, learning, batch, recipe)
        trial_look(family, batch, recipe, looks)
        trial = held.most()
        run = Run(learning, recipe, STEPS)
        for _ in learn(run, losses(family, lambda _: batch, recipe), None):
            pass
        step = held.most()
        with as_kept(learning, run.ema):
            trial_look(family, batch, recipe, looks)
        return Demand(trial, step - elsewhere, held.most() - elsewhere)
