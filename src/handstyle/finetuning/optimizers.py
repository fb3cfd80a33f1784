"""Which optimiser takes the steps, and what of it has to be kept so that a run goes on to the bit?

AdamW is torch's and Adafactor that of transformers; Prodigy and schedule-free AdamW are in pytorch-optimizer, and 8-bit
AdamW is bitsandbytes'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from torch import Tensor, nn

from handstyle.errors import UsageMistake
from handstyle.finetuning.recipe import Recipe

# Bytes of state for each number that learns, in fp32 unless said otherwise.
STATE = {"adamw": 8, "adamw8bit": 2, "adafactor": 0, "prodigy": 16, "adamwschedulefree": 8}
PACKAGES = {"adamw8bit": "bitsandbytes", "prodigy": "pytorch-optimizer", "adamwschedulefree": "pytorch-optimizer"}
INSTALLED = {"bitsandbytes": "pip install handstyle[adamw8bit]"}

Names = Mapping[nn.Parameter, str]


def made(groups: Sequence[dict[str, Any]], recipe: Recipe, *, plain: bool) -> torch.optim.Optimizer:
    """Raises UsageMistake where a package that an optimiser is in is not installed."""
    settings: dict[str, Any] = {"weight_decay": recipe.adam_weight_decay}
    if recipe.optimizer == "adafactor":
        from transformers.optimization import Adafactor

        # With the learning rate it is told, as sd-scripts and T5's authors use it for finetuning.
        return Adafactor(list(groups), **settings, scale_parameter=False, relative_step=False)  # type: ignore[no-any-return]
    settings |= {"betas": (recipe.adam_beta1, recipe.adam_beta2), "eps": recipe.adam_epsilon}
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(list(groups), **settings, fused=not plain, foreach=False)
    try:
        return _of_a_package(list(groups), recipe, settings, plain)
    except ModuleNotFoundError as missing:
        package = PACKAGES[recipe.optimizer]
        raise UsageMistake(
            f"the optimiser {recipe.optimizer} is in the package {package}, which is not installed",
            hint=f"Install it: {INSTALLED.get(package, f'pip install {package}')}.",
        ) from missing


def _of_a_package(
    groups: list[dict[str, Any]], recipe: Recipe, settings: dict[str, Any], plain: bool
) -> torch.optim.Optimizer:
    made: Any
    if recipe.optimizer == "prodigy":
        from pytorch_optimizer import Prodigy

        # As in diffusers' scripts: Adam's bias corrected, and an estimate that a warm-up does not spoil.
        made = Prodigy(groups, **settings, bias_correction=True, safeguard_warmup=True)
    elif recipe.optimizer == "adamwschedulefree":
        from pytorch_optimizer import ScheduleFreeAdamW

        made = ScheduleFreeAdamW(groups, **settings, foreach=not plain)
        made.train()
    else:
        from bitsandbytes.optim import AdamW8bit

        made = AdamW8bit(groups, **settings)
    return made  # type: ignore[no-any-return]


def environment(recipe: Recipe) -> dict[str, str]:
    """What the weights depend on besides, where the optimiser is another package's."""
    package = PACKAGES.get(recipe.optimizer)
    try:
        return {package: version(package)} if package else {}
    except PackageNotFoundError:
        return {}


def averaged(optimizer: torch.optim.Optimizer, names: Names) -> dict[str, Tensor]:
    """What schedule-free AdamW has found, which is not where it takes its gradients: x = y + (1 - 1 / beta_1) (z - y)
    (Defazio et al. 2024)."""
    found = {}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            y = parameter.detach()
            z = optimizer.state[parameter].get("z", y)
            found[names[parameter]] = y.lerp(z, 1 - 1 / group["betas"][0])
    return found


def kept(optimizer: torch.optim.Optimizer, names: Names) -> dict[str, Tensor]:
    """All that changes while it runs, as tensors; a group's under the name of its first parameter."""
    found: dict[str, Tensor] = {}
    for group in optimizer.param_groups:
        first = names[group["params"][0]]
        changed = {
            key: value
            for key, value in group.items()
            if key not in ("params", "lr") and (key not in optimizer.defaults or _differs(value, optimizer, key))
        }
        found |= {f"group-{kind}/{key}/{first}": value for key, kind, value in _as_tensors(changed)}
        for parameter in group["params"]:
            state = optimizer.state.get(parameter, {})
            found |= {f"{kind}/{key}/{names[parameter]}": value for key, kind, value in _as_tensors(state)}
    return found


def _differs(value: Any, optimizer: torch.optim.Optimizer, key: str) -> bool:
    made_with = optimizer.defaults[key]
    return isinstance(value, Tensor) or isinstance(made_with, Tensor) or bool(value != made_with)


def _as_tensors(values: Mapping[str, Any]) -> list[tuple[str, str, Tensor]]:
    """Numbers of Python in the precision they have there."""
    found = []
    for key, value in values.items():
        if isinstance(value, Tensor):
            found.append((key, "tensor", value))
        elif isinstance(value, bool | int | float):
            kind = torch.bool if isinstance(value, bool) else torch.int64 if isinstance(value, int) else torch.float64
            found.append((key, "number", torch.tensor(value, dtype=kind)))
    return found


def put_back(optimizer: torch.optim.Optimizer, names: Names, state: Mapping[str, Tensor]) -> None:
    """What `kept` gave, into an optimiser that was just made."""
    groups = {names[group["params"][0]]: group for group in optimizer.param_groups}
    own = {name: parameter for parameter, name in names.items()}
    mine = {names[parameter] for group in optimizer.param_groups for parameter in group["params"]}
    for path, tensor in state.items():
        kind, key, name = path.split("/", 2)
        value = tensor.item() if kind.endswith("number") else tensor.detach().clone()
        if kind.startswith("group-"):
            if name in groups:
                groups[name][key] = value
        elif name in mine:
            parameter = own[name]
            held = value.to(parameter.device) if isinstance(value, Tensor) else value
            optimizer.state[parameter][key] = held
