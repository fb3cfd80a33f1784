"""How does a style join a network, and leave it without a trace?

Training attaches PEFT's layers, which learn; where nothing is lost by it, they add to their layer's own product in
place instead of making a second output of its size. Drawing adds the finished update to the weights and puts the
original weights back afterwards, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor, nn

from handstyle.diffusion import adapter_layers
from handstyle.diffusion.adapter_names import Algorithm, from_peft
from handstyle.diffusion.packing import PackedLinear, computed_in, is_packed

Weights = Mapping[str, Tensor]
DOWN, UP = ".lora_A.weight", ".lora_B.weight"


def attach_trainable(
    network: nn.Module,
    targets: Sequence[str],
    rank: int,
    alpha: float,
    dropout: float,
    algo: Algorithm = "lora",
    factor: int = -1,
    *,
    in_place: bool = True,
) -> None:
    """PEFT's layers on `targets`; a fresh pair of LoRA changes nothing, as B starts at zero (Hu et al. 2021).

    On packed linear layers without dropout those of LoRA compute in place.
    """
    from peft.tuners.lora import Linear

    adapter_layers.attach(network, algo, targets, rank, alpha, dropout, factor)
    if in_place and algo == "lora" and dropout == 0:
        for layer in network.modules():
            if isinstance(layer, Linear) and isinstance(layer.base_layer, PackedLinear):
                layer.__class__ = in_place_class()


@cache
def in_place_class() -> type:
    """PEFT's layer, made to compute in place. Made when first asked for: PEFT takes a second to import."""
    from peft.tuners.lora import Linear

    class InPlaceLowRank(Linear):  # type: ignore[misc]
        def forward(self, x: Tensor, *given: Any, **named: Any) -> Tensor:
            if given or named or self.disable_adapters or self.merged or not is_packed(self.base_layer, x):
                return cast(Tensor, super().forward(x, *given, **named))
            (adapter,) = self.active_adapters
            down, up = self.lora_A[adapter].weight, self.lora_B[adapter].weight
            scale = self.scaling[adapter]
            return cast(Tensor, LowRankProduct.apply(x, down, up, self.base_layer, scale))  # type: ignore[no-untyped-call]

    return InPlaceLowRank


class LowRankProduct(torch.autograd.Function):
    """y = x W^T + b + scale (x A^T) B^T, and the slopes of x, A and B; W does not learn."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, down: Tensor, up: Tensor, layer: PackedLinear, scale: float) -> Tensor:
        dtype = computed_in(x, layer.weight)
        ctx.layer, ctx.scale, ctx.shape, ctx.dtype = layer, scale, x.shape, x.dtype
        x, down, up = x.to(dtype), down.to(dtype), (scale * up).to(dtype)
        y, x_NI = layer.product(x), x.flatten(0, -2)
        narrow_NR = x_NI @ down.t()
        y.flatten(0, -2).addmm_(narrow_NR, up.t())
        ctx.save_for_backward(x_NI, narrow_NR, down, up)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        gradient = gradients[0].contiguous()
        x_NI, narrow_NR, down, up = ctx.saved_tensors
        gradient_NO = gradient.flatten(0, -2)
        narrow_slope_NR = gradient_NO @ up
        slope = None
        if ctx.needs_input_grad[0]:
            slope = ctx.layer.slope(gradient, ctx.shape)
            slope.flatten(0, -2).addmm_(narrow_slope_NR, down)
            slope = slope.to(ctx.dtype)
        down_slope, up_slope = narrow_slope_NR.t() @ x_NI, gradient_NO.t() @ narrow_NR
        return slope, down_slope.float(), up_slope.float().mul_(ctx.scale), None, None


def low_rank_parameters(network: nn.Module) -> dict[str, nn.Parameter]:
    """Name without PEFT's adapter level -> parameter: `mid_block…to_q.lora_A.weight`."""
    named = ((from_peft(name), parameter) for name, parameter in network.named_parameters())
    return {name: parameter for name, parameter in named if name is not None}


def detach_trainable(network: nn.Module) -> None:
    """The original layers back in their places."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, layer in list(network.named_modules()):
        if isinstance(layer, BaseTunerLayer):
            parent, _, attribute = name.rpartition(".")
            setattr(network.get_submodule(parent), attribute, layer.get_base_layer())
    if hasattr(network, "peft_config"):
        del network.peft_config


@contextmanager
def set_aside(network: nn.Module) -> Iterator[None]:
    """Meanwhile the network computes what the base does, though adapters learn on it."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers = [layer for layer in network.modules() if isinstance(layer, BaseTunerLayer)]
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)


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
    """The tensors of one network: `part` is "unet", "text_encoder" and so on."""
    prefix = f"{part}."
    return {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}


def is_low_rank(weights: Mapping[str, Any]) -> bool:
    return any(name.endswith(DOWN) for name in weights)
