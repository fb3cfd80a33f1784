"""How many ranks of a low-rank update count at a timestep?

Where there is much noise, few: there a network learns its works by heart soonest. r(t) = floor((r - r_min) (T - t) / T)
+ r_min, and of B A count the first r(t) rows of A and columns of B (Soboleva et al. 2025, "T-LoRA: Single Image
Diffusion Model Customization Without Overfitting"; `get_mask_by_timestep` in ControlGenAI/T-LoRA, with its alpha at 1).
The orthogonal beginning of that paper is not here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from handstyle.diffusion import low_rank


def ranks(timesteps_B: Tensor, of: int, rank: int, least: int) -> Tensor:
    """How many count at each timestep of `of`."""
    left_B = (of - timesteps_B.double()) / of
    return (left_B * (rank - least)).floor().long() + least


class Mask:
    """Which ranks count in the batch that a denoiser computes: it hears the timesteps that are given to that."""

    def __init__(self, of: int, rank: int, least: int) -> None:
        self.of, self.rank, self.least = of, rank, least
        self.counts_BR = torch.ones(1, rank)

    def hear(self, network: nn.Module, given: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        timesteps_B = torch.as_tensor(named["timestep"] if "timestep" in named else given[1]).reshape(-1)
        places_R = torch.arange(self.rank, device=timesteps_B.device)
        self.counts_BR = (places_R < ranks(timesteps_B, self.of, self.rank, self.least)[:, None]).float()

    def narrow(self, found: Tensor) -> Tensor:
        """What the first matrix gave, B...R, or BRHW of a convolution."""
        rows, rank = self.counts_BR.shape
        shape = (rows, rank, 1, 1) if found.ndim == 4 else (rows, *[1] * (found.ndim - 2), rank)
        return found * self.counts_BR.to(found).view(shape)


@contextmanager
def learning(network: nn.Module, of: int, rank: int, least: int) -> Iterator[None]:
    """Meanwhile so many ranks of PEFT's layers on `network` count as the timestep lets."""
    from peft.tuners.lora import LoraLayer

    mask = Mask(of, rank, least)
    with ExitStack() as stack:
        stack.callback(network.register_forward_pre_hook(mask.hear, with_kwargs=True).remove)
        for layer in network.modules():
            if isinstance(layer, LoraLayer):
                for first in layer.lora_A.values():
                    hook = first.register_forward_hook(lambda module, given, found: mask.narrow(found))
                    stack.callback(hook.remove)
        yield


@contextmanager
def worn(network: nn.Module, weights: Mapping[str, Tensor], scale: float, of: int, least: int) -> Iterator[None]:
    """Meanwhile `network` computes with these pairs, as many ranks of them as the timestep lets. Raises KeyError or
    RuntimeError where they belong to another network."""
    downs = {name.removesuffix(low_rank.DOWN): down for name, down in weights.items() if name.endswith(low_rank.DOWN)}
    mask = Mask(of, len(next(iter(downs.values()))), least)
    with ExitStack() as stack:
        stack.callback(network.register_forward_pre_hook(mask.hear, with_kwargs=True).remove)
        for name, down in downs.items():
            layer, up = _layer(network, name), weights[name + low_rank.UP]
            if low_rank.update(down, up, scale).shape != layer.weight.shape:
                raise RuntimeError(f"{name} has another shape")
            stack.callback(layer.register_forward_hook(_adding(mask, down, up, scale)).remove)
        yield


def _layer(network: nn.Module, name: str) -> Any:
    try:
        return network.get_submodule(name)
    except AttributeError:
        raise KeyError(name) from None


def _adding(mask: Mask, down: Tensor, up: Tensor, scale: float) -> Any:
    def add(layer: Any, given: tuple[Any, ...], found: Tensor) -> Tensor:
        x, first, second = given[0].to(found.dtype), down.to(found), up.to(found)
        if isinstance(layer, nn.Conv2d):
            narrow = nn.functional.conv2d(x, first, None, layer.stride, layer.padding, layer.dilation)
            return found + scale * nn.functional.conv2d(mask.narrow(narrow), second)
        return found + scale * nn.functional.linear(mask.narrow(nn.functional.linear(x, first)), second)

    return add
