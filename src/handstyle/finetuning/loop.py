"""How does a style learn, step by step?

A generator: it yields a frozen Step after each optimiser step, and whoever iterates logs, samples, saves or stops.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from handstyle.diffusion.family import ModelFamily
from handstyle.encoding.batches import Batch
from handstyle.errors import HandstyleError
from handstyle.finetuning import optimizers
from handstyle.finetuning.objective import Objective, batch_loss
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.snapshots import State
from handstyle.finetuning.trainable import Trainable


@dataclass(frozen=True)
class Step:
    """What one optimiser step did. `state()` is the run as it stands: until the next step, unless it is copied."""

    index: int  # steps done
    of: int
    loss: float
    learning_rate: float
    gradient_norm: float
    seconds: float
    pictures: int
    state: Callable[[], State]


def learning_rate_share(step: int, of: int, scheduler: str, warmup: int) -> float:
    """The share of the learning rate at `step` (from 0), as in diffusers' `get_scheduler`."""
    if scheduler != "constant" and step < warmup:
        return step / max(1, warmup)
    progress = (step - warmup) / max(1, of - warmup)
    if scheduler == "linear":
        return max(0.0, 1 - progress)
    if scheduler == "cosine":
        return max(0.0, 0.5 * (1 + math.cos(math.pi * progress)))
    return 1.0


class Run:
    """The moving parts of one run: parameters, the optimiser, the moving average.

    With `optimizer_in_backward` each parameter is updated as soon as its gradient is whole, which is then freed. The
    norm of all gradients is not known by then: each is clipped by its own.
    """

    def __init__(self, learning: Trainable, recipe: Recipe, steps: int, *, plain: bool = False) -> None:
        self.learning, self.recipe, self.steps, self.step = learning, recipe, steps, 0
        self.plain = plain
        self.parameters = learning.parameters
        self.names = {parameter: name for name, parameter in self.parameters.items()}
        groups = [
            {"params": list(learning.denoiser.values()), "lr": recipe.learning_rate},
            {"params": list(learning.text_encoder.values()), "lr": recipe.text_encoder_lr},
            {"params": list(learning.word.values()), "lr": recipe.token_lr},
        ]
        self.optimizers = [
            optimizers.made(parts, recipe, plain=plain)
            for parts in self._apart([group for group in groups if group["params"]])
        ]
        self.base_rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in self.optimizers]
        self.ema = learning.weights() if recipe.ema_decay else {}
        self.squared_norms: list[Tensor] = []  # of the gradients already applied in this step
        self._hooks = [
            parameter.register_post_accumulate_grad_hook(self._updating(optimizer))
            for optimizer in self.optimizers
            for group in optimizer.param_groups
            for parameter in group["params"]
            if recipe.optimizer_in_backward
        ]

    def _apart(self, groups: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
        """The groups of each optimiser: one for all, or one for every parameter."""
        if not self.recipe.optimizer_in_backward:
            return [groups]
        return [[{**group, "params": [parameter]}] for group in groups for parameter in group["params"]]

    def _updating(self, optimizer: torch.optim.Optimizer) -> Callable[[Tensor], None]:
        def update(parameter: Tensor) -> None:
            norm = torch.nn.utils.get_total_norm([cast(Tensor, parameter.grad)])
            if not parameter.is_cpu or norm > self.recipe.max_grad_norm:  # a product with one is a pass through memory
                torch.nn.utils.clip_grads_with_norm_([parameter], self.recipe.max_grad_norm, norm)
            self.squared_norms.append(norm.square())
            optimizer.step()
            parameter.grad = None

        return update

    def close(self) -> None:
        """The parameters are again as others left them."""
        for hook in self._hooks:
            hook.remove()

    def state(self) -> State:
        """Not a copy: it follows the run."""
        if self.recipe.optimizer != "adamw":
            return self._state_of_another()
        found = [optimizer.state for optimizer in self.optimizers]
        moments: dict[str, dict[str, Tensor]] = {
            name: next((states[parameter] for states in found if parameter in states), {})
            for name, parameter in self.parameters.items()
        }
        return State(
            self.step,
            {name: parameter.detach() for name, parameter in self.parameters.items()},
            {name: moment["exp_avg"] for name, moment in moments.items() if moment},
            {name: moment["exp_avg_sq"] for name, moment in moments.items() if moment},
            dict(self.ema),
        )

    def _state_of_another(self) -> State:
        kept, averaged = dict[str, Tensor](), dict(self.ema)
        for optimizer in self.optimizers:
            kept |= optimizers.kept(optimizer, self.names)
            if self.recipe.optimizer == "adamwschedulefree":
                averaged |= optimizers.averaged(optimizer, self.names)
        weights = {name: parameter.detach() for name, parameter in self.parameters.items()}
        return State(self.step, weights, {}, {}, averaged, kept)

    def resume(self, state: State) -> None:
        self.step = state.step
        self.learning.put(state.weights)
        # In the order of the parameters, which a file does not keep: the average follows them place by place.
        average = {} if self.recipe.optimizer == "adamwschedulefree" else state.ema  # that one computes its own anew
        self.ema = {name: _beside(average[name], own) for name, own in self.parameters.items()} if average else {}
        for optimizer in self.optimizers:
            optimizers.put_back(optimizer, self.names, state.optimizer)
        owner = {
            parameter: optimizer
            for optimizer in self.optimizers
            for group in optimizer.param_groups
            for parameter in group["params"]
        }
        for name, moment in state.exp_avg.items():
            parameter = self.parameters[name]
            owner[parameter].state[parameter] = {
                "step": torch.tensor(float(state.step), device=parameter.device),
                "exp_avg": _beside(moment, parameter),
                "exp_avg_sq": _beside(state.exp_avg_sq[name], parameter),
            }

    def prepare(self) -> float:
        """The learning rate of the step to come, which is set."""
        share = learning_rate_share(self.step, self.steps, self.recipe.lr_scheduler, self.recipe.lr_warmup_steps)
        known = set() if self._word_learns else set(self.learning.word.values())
        for optimizer, rates in zip(self.optimizers, self.base_rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = 0.0 if group["params"][0] in known else rate * share
        return float(self.base_rates[0][0]) * share

    @property
    def _word_learns(self) -> bool:
        """In the step to come; from a share of the run on it is known, and what is beside it learns on ("pivotal")."""
        return self.step < self.recipe.train_text_encoder_ti_frac * self.steps

    def apply(self) -> float:
        """One optimiser step on the gradients at hand, where none was made on the way: their norm before clipping."""
        if self.recipe.optimizer_in_backward:
            norm = torch.stack(self.squared_norms).sum().sqrt()
            self.squared_norms.clear()
        else:
            norm = torch.nn.utils.clip_grad_norm_(self.parameters.values(), self.recipe.max_grad_norm)
            for optimizer in self.optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
        if self._word_learns:
            self.learning.draw_back()
        self.step += 1
        self._follow()
        return float(norm.detach())

    @torch.no_grad()
    def _follow(self) -> None:
        """The moving average. With a warm-up it is short at first and forgets the untrained weights."""
        if self.ema:
            decay = self.recipe.ema_decay
            if self.recipe.ema_warmup:
                decay = min(decay, (1 + self.step) / (10 + self.step))
            averages, weights = list(self.ema.values()), [p.detach() for p in self.parameters.values()]
            if self.plain:
                for average, weight in zip(averages, weights, strict=True):
                    average.lerp_(weight, 1 - decay)
            else:
                torch._foreach_lerp_(averages, weights, 1 - decay)


def finetune(
    family: ModelFamily,
    batch_at: Callable[[int], Batch],
    learning: Trainable,
    recipe: Recipe,
    steps: int,
    state: State | None,
    *,
    plain: bool = False,
) -> Iterator[Step]:
    """Steps from `state`, or from the start, to `steps`. `batch_at` gives the batch of a micro-step.

    `plain` updates parameter by parameter, in the words of the papers; otherwise all are updated in one kernel.
    """
    run = Run(learning, recipe, steps, plain=plain)
    yield from learn(run, losses(family, batch_at, recipe), state)


def losses(
    family: ModelFamily, batch_at: Callable[[int], Batch], recipe: Recipe
) -> Callable[[int], tuple[Tensor, int]]:
    """What `learn` asks for: the loss of the batch of a micro-step, and of how many pictures it is."""

    def loss_at(micro_step: int) -> tuple[Tensor, int]:
        batch = batch_at(micro_step)
        loss = batch_loss(
            batch,
            family,
            seed=recipe.seed,
            step=micro_step,
            snr_gamma=recipe.snr_gamma,
            precision=recipe.mixed_precision,
            live_text=recipe.reads_anew,
            objective=Objective.of(recipe),
        )
        return loss, len(batch.names)

    return loss_at


def learn(run: Run, loss_at: Callable[[int], tuple[Tensor, int]], state: State | None) -> Iterator[Step]:
    """The loop itself, whatever learns: `loss_at` gives the loss of a micro-step, and of how many pictures it is."""
    if state is not None:
        run.resume(state)
    try:
        yield from _steps(run, loss_at)
    finally:
        run.close()


def _steps(run: Run, loss_at: Callable[[int], tuple[Tensor, int]]) -> Iterator[Step]:
    recipe, steps = run.recipe, run.steps
    parts = recipe.gradient_accumulation_steps
    while run.step < steps:
        began, loss, pictures, rate = time.perf_counter(), 0.0, 0, run.prepare()
        torch.manual_seed(recipe.seed + run.step)  # dropout inside the network
        for micro_step in range(run.step * parts, (run.step + 1) * parts):
            part, rows = loss_at(micro_step)
            loss, pictures = loss + _finite(part, run.step) / parts, pictures + rows
            (part / parts).backward()  # type: ignore[no-untyped-call]
        norm = run.apply()
        yield Step(run.step, steps, loss, rate, norm, time.perf_counter() - began, pictures, run.state)


def _beside(saved: Tensor, parameter: Tensor) -> Tensor:
    """A copy on the parameter's device: snapshots come from the disk."""
    return saved.detach().clone().to(parameter.device)


def _finite(loss: Tensor, step: int) -> float:
    value = float(loss.detach())
    if not math.isfinite(value):
        raise HandstyleError(
            f"the loss became {value} at step {step + 1}",
            hint='Lower `learning_rate`, or set `mixed_precision = "no"`; earlier snapshots are untouched.',
        )
    return value
