"""How is a group norm computed when the channels of a pixel lie side by side?

Packed convolutions leave their output so, and torch's own kernel is slow on it when a group has few channels:
0.81 ms forward for 8 x 96 x 16 x 16 in bf16 on two cores of a Zen 5 (`python -m benchmarks.speed.parts`).
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn


class ChannelsLastGroupNorm(nn.GroupNorm):
    """`nn.GroupNorm`; in one pass over the channels where they lie side by side.

    Where there is no way back torch's kernel on a copy is faster: for 2 x 96 x 16 x 16 in bf16 0.08 ms beside 0.18 on
    two cores of a Xeon (`python -m benchmarks.speed.parts`).
    """

    def forward(self, x: Tensor) -> Tensor:
        side_by_side = x.ndim == 4 and x.device.type == "cpu" and x.is_contiguous(memory_format=torch.channels_last)
        if not side_by_side or x.is_contiguous() or not self.affine:
            return super().forward(x)
        if not torch.is_grad_enabled():
            return super().forward(x.contiguous()).contiguous(memory_format=torch.channels_last)
        return cast(Tensor, GroupNorm.apply(x, self.weight, self.bias, self.num_groups, self.eps))  # type: ignore[no-untyped-call]


class GroupNorm(torch.autograd.Function):
    """y = (x - mean) / sqrt(variance + eps) w + b, over each group (Wu and He 2018, eq. 1); sums in fp32."""

    @staticmethod
    def forward(ctx: Any, x_BCHW: Tensor, weight_C: Tensor, bias_C: Tensor, groups: int, eps: float) -> Tensor:
        x_BNC = _pixels(x_BCHW)
        numbers = x_BNC.shape[1] * x_BNC.shape[2] // groups
        centred_BNC = x_BNC.to(torch.float32, copy=True)
        mean_B1C = _over_groups(centred_BNC.sum(1), groups) / numbers
        centred_BNC.sub_(mean_B1C)
        variance_B1C = _over_groups(centred_BNC.square().sum(1), groups) / numbers
        scale_B1C = (variance_B1C + eps).rsqrt()
        y_BNC = torch.addcmul(bias_C.float(), centred_BNC, scale_B1C * weight_C)
        ctx.save_for_backward(x_BNC, mean_B1C, scale_B1C, weight_C)
        ctx.groups, ctx.numbers = groups, numbers
        return _picture(y_BNC.to(x_BCHW.dtype), x_BCHW.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """With n = (x - mean) / deviation: w g / deviation, less its mean and its share along n in each group."""
        (gradient_BCHW,) = gradients
        x_BNC, mean_B1C, scale_B1C, weight_C = ctx.saved_tensors
        gradient_BNC = _pixels(gradient_BCHW).float()
        normed_BNC = x_BNC.to(torch.float32, copy=True).sub_(mean_B1C).mul_(scale_B1C)
        bias_BC, along_BC = gradient_BNC.sum(1), (gradient_BNC * normed_BNC).sum(1)
        mean_of_B1C = _over_groups(bias_BC * weight_C, ctx.groups) / ctx.numbers
        share_B1C = _over_groups(along_BC * weight_C, ctx.groups) / ctx.numbers
        slope_BNC = torch.addcmul(-scale_B1C * mean_of_B1C, gradient_BNC, scale_B1C * weight_C)
        slope_BNC.addcmul_(normed_BNC, -scale_B1C * share_B1C)
        return (
            _picture(slope_BNC.to(gradient_BCHW.dtype), gradient_BCHW.shape),
            along_BC.sum(0).to(weight_C.dtype) if ctx.needs_input_grad[1] else None,
            bias_BC.sum(0).to(weight_C.dtype) if ctx.needs_input_grad[2] else None,
            None,
            None,
        )


def _pixels(x_BCHW: Tensor) -> Tensor:
    """BNC, N being all pixels."""
    return x_BCHW.permute(0, 2, 3, 1).flatten(1, 2)


def _picture(x_BNC: Tensor, shape: torch.Size) -> Tensor:
    batch, channels, height, width = shape
    return x_BNC.reshape(batch, height, width, channels).permute(0, 3, 1, 2)


def _over_groups(sums_BC: Tensor, groups: int) -> Tensor:
    """The sum over each group, at each of its channels: B1C."""
    batch, channels = sums_BC.shape
    in_group = channels // groups
    return sums_BC.reshape(batch, groups, in_group).sum(-1).repeat_interleave(in_group, 1)[:, None]
