"""How does a style join a network, and leave it without a trace?

Training attaches PEFT's layers, which learn. Drawing adds the finished update to the weights and puts the
original weights back afterwards, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

Weights = Mapping[str, Tensor]
DOWN, UP = ".lora_A.weight", ".lora_B.weight"


def attach_trainable(network: nn.Module, targets: Sequence[str], rank: int, alpha: float, dropout: float) -> None:
    """PEFT's LoRA layers on `targets`; a fresh pair changes nothing, as B starts at zero (Hu et al. 2021)."""
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=list(targets))
    inject_adapter_in_model(config, network)


def low_rank_parameters(network: nn.Module) -> dict[str, nn.Parameter]:
    """Name without PEFT's adapter level -> parameter: `mid_block…to_q.lora_A.weight`."""
    return {
        name.replace(".default.", "."): parameter for name, parameter in network.named_parameters() if ".lora_" in name
    }


def detach_trainable(network: nn.Module) -> None:
    """The original layers back in their places."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, layer in list(network.named_modules()):
        if isinstance(layer, BaseTunerLayer):
            parent, _, attribute = name.rpartition(".")
            setattr(network.get_submodule(parent), attribute, layer.get_base_layer())
    if hasattr(network, "peft_config"):
        del network.peft_config


def update(down: Tensor, up: Tensor, scale: float) -> Tensor:
    """scale * B A, for matrices and for convolutions (the second of which is always 1x1)."""
    if down.ndim == 2:
        return scale * (up @ down)
    return scale * torch.einsum("or,rihw->oihw", up.flatten(1), down)


def updates(weights: Weights, scale: float) -> dict[str, Tensor]:
    """Parameter name -> what a style adds to it, for low-rank pairs."""
    return {
        f"{name.removesuffix(DOWN)}.weight": update(down, weights[name.removesuffix(DOWN) + UP], scale)
        for name, down in weights.items()
        if name.endswith(DOWN)
    }


@contextmanager
def added(changes: Sequence[Weights], network: nn.Module) -> Iterator[nn.Module]:
    """`network` with every change added to its parameters; on leaving it is, bit for bit, what it was."""
    parameters = dict(network.named_parameters())
    kept: dict[str, Tensor] = {}
    try:
        with torch.no_grad():
            for change in changes:
                for name, delta in change.items():
                    kept.setdefault(name, parameters[name].detach().clone())
                    parameters[name].add_(delta.to(parameters[name]))
        yield network
    finally:
        with torch.no_grad():
            for name, original in kept.items():
                parameters[name].copy_(original)


def split(weights: Weights, part: str) -> dict[str, Tensor]:
    """The tensors of one network: `part` is "unet" or "text_encoder"."""
    prefix = f"{part}."
    return {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}


def is_low_rank(weights: Mapping[str, Any]) -> bool:
    return any(name.endswith(DOWN) for name in weights)
