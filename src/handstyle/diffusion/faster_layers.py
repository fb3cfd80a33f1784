"""Which layers of a network are exchanged for others that compute the same, faster?

Only their classes change: names, weights and what may be attached to them stay as they are.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.activations import GEGLU
from diffusers.models.attention_processor import Attention as DiffusersAttention
from torch import Tensor, nn

from handstyle.diffusion.attention import BlockedAttention
from handstyle.diffusion.group_norm import ChannelsLastGroupNorm
from handstyle.diffusion.packing import PackedConv2d, PackedLinear, Packs


class InPlaceGEGLU(GEGLU):  # type: ignore[misc]
    """diffusers' GEGLU as one function: what it keeps for the way back is its input alone."""

    def forward(self, hidden_states: Tensor, *given: Any, **named: Any) -> Tensor:
        return cast(Tensor, Gate.apply(self.proj(hidden_states)))  # type: ignore[no-untyped-call]


class Gate(torch.autograd.Function):
    """y = h gelu(g), h and g being the halves of x (Shazeer 2020, eq. 6)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        h, g = x.chunk(2, -1)
        return h * nn.functional.gelu(g)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (gradient,) = gradients
        (x,) = ctx.saved_tensors
        h, g = x.chunk(2, -1)
        slope = torch.empty_like(x)
        h_slope, g_slope = slope.chunk(2, -1)
        torch.mul(gradient, nn.functional.gelu(g), out=h_slope)
        g_slope.copy_(torch.ops.aten.gelu_backward(gradient * h, g))
        return slope


class DirectAttention(DiffusersAttention):  # type: ignore[misc]
    """diffusers' attention, which otherwise asks at each call which arguments its processor takes: as long as a small
    product."""

    def forward(self, hidden_states: Tensor, *given: Any, **named: Any) -> Tensor:
        return cast(Tensor, self.processor(self, hidden_states, *given, **named))


FASTER: dict[type[nn.Module], type[nn.Module]] = {
    nn.Linear: PackedLinear,
    nn.Conv2d: PackedConv2d,
    nn.GroupNorm: ChannelsLastGroupNorm,
    GEGLU: InPlaceGEGLU,
    DiffusersAttention: DirectAttention,
}


def exchange(network: Any) -> None:
    """Layers of exactly these classes, on the processor. Elsewhere torch's own kernels are the fast ones."""
    if torch.cuda.is_available():
        return
    for layer in network.modules():
        if faster := FASTER.get(type(layer)):
            layer.__class__ = faster
            if isinstance(layer, PackedLinear | PackedConv2d):
                layer.packs = Packs()
    if isinstance(network, UNet2DConditionModel):  # in a transformer picture and words attend to each other jointly
        network.set_attn_processor(BlockedAttention())


def round_anew(network: nn.Module, yes: bool) -> None:
    """Whether layers that learn make the rounded copies of their weights again on the way back: slower, and smaller."""
    for layer in network.modules():
        if isinstance(layer, PackedLinear | PackedConv2d):
            layer.rounds_anew = yes
