"""Is a convolution over a few pixels the same when it is one matrix product?"""

from __future__ import annotations

import pytest
import torch
from torch import nn

from handstyle.diffusion import faster_layers
from handstyle.diffusion.small_grids import SmallConvolution, is_small


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (4, 4), (2, 8), (3, 5)])
@pytest.mark.parametrize("has_bias", [True, False])
def test_it_computes_what_torch_computes(size: tuple[int, int], has_bias: bool) -> None:
    torch.manual_seed(0)
    plain = nn.Conv2d(6, 10, 3, padding=1, bias=has_bias).double()
    x, gradient = torch.randn(3, 6, *size).double().requires_grad_(), torch.randn(3, 10, *size).double()
    wanted = torch.autograd.grad(plain(x), [x, *plain.parameters()], gradient)
    y = SmallConvolution.apply(x, plain.weight, plain.bias, torch.float64)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(y, plain(x))
    for found, expected in zip(torch.autograd.grad(y, [x, *plain.parameters()], gradient), wanted, strict=True):
        torch.testing.assert_close(found, expected)


def test_a_layer_that_learns_uses_it_where_it_is_faster() -> None:
    layer = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1))
    faster_layers.exchange(layer)
    x = torch.randn(2, 8, 2, 2, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x)
    assert type(y.grad_fn).__name__ == "SmallConvolutionBackward" and y.dtype == torch.bfloat16
    y.float().sum().backward()
    assert layer[0].weight.grad is not None and layer[0].weight.grad.dtype == torch.float32
    assert type(layer(x).grad_fn).__name__ != "SmallConvolutionBackward"  # in fp32 it would win nothing


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 4, 1),
        nn.Conv2d(4, 4, 3, padding=1, stride=2),
        nn.Conv2d(4, 4, 3),
        nn.Conv2d(4, 4, 3, padding=1, groups=2),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"),
    ],
)
def test_what_it_cannot_compute_is_left_to_torch(layer: nn.Conv2d) -> None:
    x = torch.zeros(1, 4, 4, 4)
    assert not is_small(layer, x, torch.bfloat16)
    assert is_small(nn.Conv2d(4, 4, 3, padding=1), x, torch.bfloat16)
    assert not is_small(nn.Conv2d(4, 4, 3, padding=1), torch.zeros(1, 4, 8, 8), torch.bfloat16)
