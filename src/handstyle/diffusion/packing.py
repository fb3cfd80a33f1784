"""How does a layer whose weights stand still multiply at the full rate of the processor?

oneDNN multiplies fastest when the weights lie in blocks of its own choosing. It lays them out so at each call, which at
the sizes of a step takes as long as the product. Weights that do not learn are laid out once, in the precision of the
products, for the layer and once more, transposed, for the slope of its input. The layout is a function of weights and
shapes alone, so a run that was stopped and goes on computes with the same bits. On two cores of a Zen 5, in bf16, a
3x3 convolution of 1280 channels at 16 x 16 rises from 0.60 to 0.91 TFLOP/s; `python -m benchmarks.speed.parts`.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor, nn

from handstyle.diffusion.small_grids import SmallConvolution, is_small

mkldnn = torch.ops.mkldnn
HAS_OPERATORS = (
    torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    and platform.machine() in ("x86_64", "AMD64")
    and hasattr(mkldnn, "_linear_pointwise")
)
ONE = [1, 1]


def computed_in(x: Tensor, weight: Tensor) -> torch.dtype:
    """The precision in which autocast lets a layer multiply."""
    if torch.is_autocast_enabled(x.device.type):
        return torch.get_autocast_dtype(x.device.type)
    return weight.dtype


def can_pack(layer: nn.Linear | nn.Conv2d) -> bool:
    """Frozen weights on an x86 processor, for which oneDNN has operators that take them laid out."""
    weight = layer.weight
    return HAS_OPERATORS and not weight.requires_grad and weight.is_cpu and is_simple(layer)


def is_simple(layer: nn.Linear | nn.Conv2d) -> bool:
    return isinstance(layer, nn.Linear) or (
        layer.groups == 1
        and layer.dilation == (1, 1)
        and layer.padding_mode == "zeros"
        and not isinstance(layer.padding, str)
    )


def is_packed(layer: nn.Module, x: Tensor) -> bool:
    """Whether this layer multiplies this input with weights laid out beforehand."""
    return isinstance(layer, PackedLinear | PackedConv2d) and multiplies_in(layer, computed_in(x, layer.weight))


def multiplies_in(layer: PackedLinear | PackedConv2d, dtype: torch.dtype) -> bool:
    """The same, in a precision."""
    return can_pack(layer) and _can_multiply(dtype)


@cache
def _can_multiply(dtype: torch.dtype) -> bool:
    return dtype == torch.float32 or (dtype == torch.bfloat16 and mkldnn._is_mkldnn_bf16_supported())


class Packs:
    """The last layout of a layer's weights each way. Weights that have changed since are laid out anew."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[object, Any]] = {}

    def __deepcopy__(self, memo: object) -> Packs:
        return Packs()  # a copied layer has weights of its own

    def get(self, way: str, weight: Tensor, dtype: torch.dtype, shape: object, make: Callable[[], Any]) -> Any:
        key = (weight.untyped_storage()._cdata, weight._version, dtype, shape)
        held = self._held.get(way)
        if held is None or held[0] != key:
            self._held.pop(way, None)  # before another is made: never two of the same
            held = self._held[way] = (key, make())
        return held[1]


class PackedLinear(nn.Linear):
    """`nn.Linear`; its weights are laid out when they do not learn."""

    packs: Packs
    rounds_anew = False  # when it learns: `LearningProduct`

    def forward(self, x: Tensor) -> Tensor:
        dtype = computed_in(x, self.weight)
        if not multiplies_in(self, dtype):
            return _learnt(self, x, super().forward)
        if not torch.is_grad_enabled():
            return self.product(x.to(dtype))
        return cast(Tensor, FrozenProduct.apply(x, self))  # type: ignore[no-untyped-call]

    def product(self, x: Tensor) -> Tensor:
        """x W^T + b, in the precision of x."""
        pack = self.packs.get("forward", self.weight, x.dtype, None, lambda: _laid_out(self.weight, x.dtype))
        return cast(Tensor, mkldnn._linear_pointwise(x, pack, _bias(self, x.dtype), "none", [], ""))

    def slope(self, gradient: Tensor, shape: torch.Size) -> Tensor:
        """g W: of the input, which had this shape."""
        dtype = gradient.dtype
        pack = self.packs.get("backward", self.weight, dtype, None, lambda: _laid_out(self.weight.t(), dtype))
        return cast(Tensor, mkldnn._linear_pointwise(gradient, pack, None, "none", [], ""))


class PackedConv2d(nn.Conv2d):
    """`nn.Conv2d`; its weights are laid out when they do not learn. What it gives lies channels last."""

    packs: Packs
    rounds_anew = False  # when it learns: `LearningProduct`

    def forward(self, x: Tensor) -> Tensor:
        dtype = computed_in(x, self.weight)
        if not multiplies_in(self, dtype):
            return _learnt(self, x, super().forward)
        if not torch.is_grad_enabled():
            return self.product(x.to(dtype))
        return cast(Tensor, FrozenProduct.apply(x, self))  # type: ignore[no-untyped-call]

    def product(self, x_BCHW: Tensor) -> Tensor:
        weight, dtype, shape = self.weight, x_BCHW.dtype, tuple(x_BCHW.shape)
        padding, stride = list(cast(tuple[int, int], self.padding)), list(self.stride)
        pack = self.packs.get(
            "forward", weight, dtype, shape, lambda: _laid_out_filters(weight.to(dtype), padding, stride, shape)
        )
        bias = _bias(self, dtype)
        return cast(Tensor, mkldnn._convolution_pointwise(x_BCHW, pack, bias, padding, stride, ONE, 1, "none", [], ""))

    def slope(self, gradient_BCHW: Tensor, shape: torch.Size) -> Tensor:
        """Of the input: a convolution with the filters turned round, where each step was one pixel."""
        weight, dtype = self.weight, gradient_BCHW.dtype
        padding = cast(tuple[int, int], self.padding)
        if self.stride != (1, 1):
            plain = self.packs.get("backward", weight, dtype, None, lambda: weight.detach().to(dtype))
            rest = (None, list(self.stride), list(padding), ONE, False, [0, 0], 1, [True, False, False])
            like = gradient_BCHW.new_empty(shape)
            return cast(Tensor, torch.ops.aten.convolution_backward(gradient_BCHW, like, plain, *rest)[0])
        turned = [size - 1 - margin for size, margin in zip(self.kernel_size, padding, strict=True)]
        of = tuple(gradient_BCHW.shape)
        pack = self.packs.get(
            "backward",
            weight,
            dtype,
            of,
            lambda: _laid_out_filters(weight.to(dtype).flip(2, 3).transpose(0, 1), turned, ONE, of),
        )
        return cast(
            Tensor, mkldnn._convolution_pointwise(gradient_BCHW, pack, None, turned, ONE, ONE, 1, "none", [], "")
        )


class FrozenProduct(torch.autograd.Function):
    """A packed layer: its output, and the slope of its input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: PackedLinear | PackedConv2d) -> Tensor:
        ctx.layer, ctx.shape, ctx.dtype = layer, x.shape, x.dtype
        return layer.product(x.to(computed_in(x, layer.weight)))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (gradient,) = gradients
        return ctx.layer.slope(gradient, ctx.shape).to(ctx.dtype), None


class LearningProduct(torch.autograd.Function):
    """A layer that learns, in a lower precision than its weights have: their rounded copy is made again for the way
    back instead of being kept by autocast, which costs half of their size for the whole network, and is faster."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, layer: nn.Linear | nn.Conv2d) -> Tensor:
        dtype = computed_in(x, weight)
        ctx.layer, ctx.dtype, ctx.has_bias = layer, x.dtype, bias is not None
        x = x.to(dtype)
        ctx.save_for_backward(x, weight)
        rounded = None if bias is None else bias.to(dtype)
        if isinstance(layer, nn.Conv2d):
            return nn.functional.conv2d(x, weight.to(dtype), rounded, layer.stride, layer.padding)
        return nn.functional.linear(x, weight.to(dtype), rounded)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        layer, wants = ctx.layer, list(ctx.needs_input_grad[:3])
        rounded = weight.to(x.dtype)
        if isinstance(layer, nn.Conv2d):
            rest = (list(layer.stride), list(cast(tuple[int, int], layer.padding)), ONE, False, [0, 0], 1, wants)
            sizes = [len(weight)] if ctx.has_bias else None
            slopes = torch.ops.aten.convolution_backward(gradient, x, rounded, sizes, *rest)
        else:
            gradient_NO = gradient.flatten(0, -2)
            slopes = (
                gradient @ rounded if wants[0] else None,
                gradient_NO.t() @ x.flatten(0, -2) if wants[1] else None,
                gradient_NO.sum(0) if wants[2] else None,
            )
        of_x, of_weight, of_bias = (slope if wanted else None for slope, wanted in zip(slopes, wants, strict=True))
        return (
            None if of_x is None else of_x.to(ctx.dtype),
            None if of_weight is None else of_weight.to(weight.dtype),
            None if of_bias is None else of_bias.to(weight.dtype),
            None,
        )


def _learnt(layer: PackedLinear | PackedConv2d, x: Tensor, plainly: Callable[[Tensor], Tensor]) -> Tensor:
    dtype = computed_in(x, layer.weight)
    is_rounded = layer.weight.requires_grad and dtype != layer.weight.dtype
    if is_rounded and isinstance(layer, nn.Conv2d) and is_small(layer, x, dtype):
        return cast(Tensor, SmallConvolution.apply(x, layer.weight, layer.bias, dtype))  # type: ignore[no-untyped-call]
    if layer.rounds_anew and is_rounded and is_simple(layer):
        return cast(Tensor, LearningProduct.apply(x, layer.weight, layer.bias, layer))  # type: ignore[no-untyped-call]
    return plainly(x)


def _laid_out(weight: Tensor, dtype: torch.dtype) -> Tensor:
    return cast(Tensor, mkldnn._reorder_linear_weight(weight.detach().to(dtype).contiguous(), None))


def _laid_out_filters(weight: Tensor, padding: list[int], stride: list[int], shape: tuple[int, ...]) -> Tensor:
    """oneDNN chooses by the shape of what will be convolved."""
    filters = weight.detach().contiguous().to_mkldnn()
    reorder: Any = torch._C._nn.mkldnn_reorder_conv2d_weight
    return cast(Tensor, reorder(filters, padding, stride, ONE, 1, list(shape)))


def _bias(layer: PackedLinear | PackedConv2d, dtype: torch.dtype) -> Tensor | None:
    bias = layer.bias
    return None if bias is None else cast(Tensor, layer.packs.get("bias", bias, dtype, None, lambda: bias.to(dtype)))
