"""How does a convolution learn fast where its pictures are only a few pixels wide?

In the innermost levels of a U-Net there are many channels and next to no pixels, where oneDNN is slow on the way back.
Written as one product of all pixels, each beside its neighbours, with all filters, 288 channels at 2 x 2, a batch of
64, take 6 ms there and back instead of 16, in bf16 on one core with AMX (`python -m benchmarks.speed.parts`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

FEW = 16  # pixels: from 8 x 8 on oneDNN is as fast


def is_small(layer: nn.Conv2d, x_BCHW: Tensor, dtype: torch.dtype) -> bool:
    """Filters of 3 x 3 that move by one pixel over a few, multiplied in bf16 on the processor."""
    return (
        dtype == torch.bfloat16
        and x_BCHW.device.type == "cpu"
        and x_BCHW.ndim == 4
        and x_BCHW.shape[2] * x_BCHW.shape[3] <= FEW
        and layer.kernel_size == (3, 3)
        and layer.stride == layer.padding == layer.dilation == (1, 1)
        and layer.groups == 1
        and layer.padding_mode == "zeros"
    )


class SmallConvolution(torch.autograd.Function):
    """`conv2d(x, w, b, padding=1)` for w of 3 x 3, as a matrix product; in the precision `dtype`."""

    @staticmethod
    def forward(ctx: Any, x_BCHW: Tensor, weight: Tensor, bias: Tensor | None, dtype: torch.dtype) -> Tensor:
        ctx.dtype, ctx.has_bias = x_BCHW.dtype, bias is not None
        x_BCHW, rounded = x_BCHW.to(dtype), weight.to(dtype)
        ctx.save_for_backward(x_BCHW, weight)
        filters_9CO = rounded.permute(2, 3, 1, 0).reshape(-1, len(weight))
        y_NO = beside_neighbours(x_BCHW) @ filters_9CO
        if bias is not None:
            y_NO += bias.to(dtype)
        return _picture(y_NO, x_BCHW.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Of the input: the same with the filters turned round; of the filters: what met, summed over all pixels."""
        (gradient_BOHW,) = gradients
        x_BCHW, weight = ctx.saved_tensors
        out, channels = weight.shape[:2]
        of_x = of_weight = of_bias = None
        gradient_NO = gradient_BOHW.permute(0, 2, 3, 1).reshape(-1, out)
        if ctx.needs_input_grad[0]:
            filters_9OC = weight.to(x_BCHW.dtype).permute(2, 3, 0, 1).reshape(-1, channels)
            of_x = beside_neighbours(gradient_BOHW, turned=True) @ filters_9OC
            of_x = _picture(of_x, x_BCHW.shape).to(ctx.dtype)
        if ctx.needs_input_grad[1]:
            of_weight = (gradient_NO.t() @ beside_neighbours(x_BCHW)).to(weight.dtype)
            of_weight = of_weight.reshape(out, 3, 3, channels).permute(0, 3, 1, 2)
        if ctx.has_bias and ctx.needs_input_grad[2]:
            of_bias = gradient_NO.sum(0).to(weight.dtype)
        return of_x, of_weight, of_bias, None


def beside_neighbours(x_BCHW: Tensor, *, turned: bool = False) -> Tensor:
    """BHW x 9C: each pixel's square of nine, row by row, zeros outside; or the other way round."""
    _, channels, height, width = x_BCHW.shape
    padded = nn.functional.pad(x_BCHW.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
    squares = [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    return torch.cat(squares[::-1] if turned else squares, -1).reshape(-1, 9 * channels)


def _picture(y_NO: Tensor, of: torch.Size) -> Tensor:
    batch, _, height, width = of
    return y_NO.reshape(batch, height, width, -1).permute(0, 3, 1, 2).contiguous()
