"""How do weights that stand still take a quarter or an eighth of their room while something learns on them?

In 8 bits, each output channel has a scale of its own, by which its largest weight is 127 (Dettmers et al. 2022,
"LLM.int8()", section 3.1: vector-wise); in 4 bits, blocks of 64 weights have one, and the sixteen levels lie where
those of a normal distribution do (Dettmers et al. 2023, "QLoRA", section 3: NormalFloat). Both are bitsandbytes'.
Weights alone are rounded: a layer writes its own out for each product, in the precision of that, and forgets them.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol, Self, cast

import torch
from torch import Tensor, nn

from handstyle.diffusion.hardware import freed_memory, resident_memory
from handstyle.diffusion.packing import ONE, FrozenProduct, PackedConv2d, PackedLinear, Packs, computed_in, is_simple
from handstyle.errors import UsageMistake

NO_CHANGE = "no_change"
PACKAGE, INSTALLED = "bitsandbytes", "pip install handstyle[quantised]"
BLOCK = 64  # weights that share a scale in 4 bits
ROUNDING = 13  # bytes for each weight of a layer, while it is rounded: bitsandbytes' own tensors in between


class Quantised(Protocol):
    """The weights of one layer."""

    @classmethod
    def of(cls, weight: Tensor) -> Self: ...

    def written_out(self, dtype: torch.dtype) -> Tensor:
        """A tensor of their own shape, made anew."""
        ...


@dataclass(frozen=True)
class Int8:
    codes_OI: Tensor
    largest_O: Tensor
    shape: torch.Size

    @classmethod
    def of(cls, weight: Tensor) -> Self:
        rows_OI = weight.flatten(1)
        codes_OI, largest_O, _ = torch.ops.bitsandbytes.int8_vectorwise_quant(
            rows_OI.half() if rows_OI.is_cuda else rows_OI, 0.0
        )
        return cls(codes_OI, largest_O, weight.shape)

    def written_out(self, dtype: torch.dtype) -> Tensor:
        rows_OI: Tensor = torch.ops.bitsandbytes.int8_vectorwise_dequant(self.codes_OI, self.largest_O)
        return rows_OI.to(dtype).view(self.shape)


@dataclass(frozen=True)
class NF4:
    codes: Tensor  # two in a byte
    largest: Tensor
    shape: torch.Size

    @classmethod
    def of(cls, weight: Tensor) -> Self:
        codes, largest = torch.ops.bitsandbytes.quantize_4bit(weight.reshape(-1, BLOCK), BLOCK, "nf4", torch.uint8)
        return cls(codes, largest, weight.shape)

    def written_out(self, dtype: torch.dtype) -> Tensor:
        blocks = [math.prod(self.shape) // BLOCK, BLOCK]
        found: Tensor = torch.ops.bitsandbytes.dequantize_4bit(self.codes, self.largest, BLOCK, "nf4", blocks, dtype)
        return found.view(self.shape)


KINDS: dict[str, type[Quantised]] = {"int8": Int8, "nf4": NF4}


class QuantisedLinear(PackedLinear):
    """`nn.Linear`; of its weight only the shape and the precision are there."""

    quantised: Quantised

    def forward(self, x: Tensor) -> Tensor:
        return _multiplied(self, x) if is_held(self) else nn.Linear.forward(self, x)

    def product(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.quantised.written_out(x.dtype), _bias(self, x.dtype))

    def slope(self, gradient: Tensor, shape: torch.Size) -> Tensor:
        return gradient @ self.quantised.written_out(gradient.dtype)


class QuantisedConv2d(PackedConv2d):
    """`nn.Conv2d`; of its weight only the shape and the precision are there."""

    quantised: Quantised

    def forward(self, x: Tensor) -> Tensor:
        return _multiplied(self, x) if is_held(self) else nn.Conv2d.forward(self, x)

    def product(self, x_BCHW: Tensor) -> Tensor:
        weight, bias = self.quantised.written_out(x_BCHW.dtype), _bias(self, x_BCHW.dtype)
        return nn.functional.conv2d(x_BCHW, weight, bias, self.stride, self.padding)

    def slope(self, gradient_BCHW: Tensor, shape: torch.Size) -> Tensor:
        weight, padding = self.quantised.written_out(gradient_BCHW.dtype), cast(tuple[int, int], self.padding)
        rest = (None, list(self.stride), list(padding), ONE, False, [0, 0], 1, [True, False, False])
        like = gradient_BCHW.new_empty(shape)
        return cast(Tensor, torch.ops.aten.convolution_backward(gradient_BCHW, like, weight, *rest)[0])


QUANTISED: dict[type[nn.Module], type[nn.Module]] = {
    **{nn.Linear: QuantisedLinear, PackedLinear: QuantisedLinear},
    **{nn.Conv2d: QuantisedConv2d, PackedConv2d: QuantisedConv2d},
}


def is_held(layer: nn.Module) -> bool:
    """PEFT makes what learns beside a convolution of the same class: that has weights of its own."""
    return "quantised" in layer.__dict__


def _multiplied(layer: QuantisedLinear | QuantisedConv2d, x: Tensor) -> Tensor:
    if not torch.is_grad_enabled():
        return layer.product(x.to(computed_in(x, layer.weight)))
    return cast(Tensor, FrozenProduct.apply(x, layer))  # type: ignore[no-untyped-call]


def _bias(layer: QuantisedLinear | QuantisedConv2d, dtype: torch.dtype) -> Tensor | None:
    return None if layer.bias is None else layer.bias.to(dtype)


def require_package(kind: str) -> None:
    """Raises UsageMistake where it is not installed, and is needed."""
    if kind == NO_CHANGE:
        return
    try:
        importlib.import_module(PACKAGE)
    except ModuleNotFoundError as missing:
        raise UsageMistake(
            f"a base in {kind} is held by the package {PACKAGE}, which is not installed",
            hint=f"Install it: {INSTALLED}; or leave base_model_precision out.",
        ) from missing


def environment(kind: str) -> dict[str, str]:
    """What the weights depend on besides."""
    try:
        return {} if kind == NO_CHANGE else {PACKAGE: version(PACKAGE)}
    except PackageNotFoundError:
        return {}


def can_be_held(name: str, layer: nn.Module, kind: str) -> bool:
    """The layers of the blocks, which stand in numbered lists: what lies before and behind all blocks is small, and
    what enters and leaves the network would be rounded by it."""
    if type(layer) not in QUANTISED or not any(level.isdecimal() for level in name.split(".")):
        return False
    fits = cast(Tensor, layer.weight).numel() % BLOCK == 0 or kind == "int8"
    return fits and is_simple(cast(nn.Linear | nn.Conv2d, layer))


@contextmanager
def quantised(network: nn.Module, kind: str, restore: Callable[[], None]) -> Iterator[int]:
    """Meanwhile the layers of `network` are held so. Their own weights are given up, and `restore` reads them again:
    a copy to keep would be what is to be saved. Gives the bytes that the process held at most while it rounded them.
    Raises UsageMistake."""
    require_package(kind)
    if kind == NO_CHANGE:
        yield 0
        return
    layers: list[Any] = [layer for name, layer in network.named_modules() if can_be_held(name, layer, kind)]
    before: list[tuple[Any, type[nn.Module]]] = []
    most = 0
    try:
        for layer in layers:
            most = max(most, resident_memory() - freed_memory() + ROUNDING * layer.weight.numel())
            before.append((layer, type(layer)))
            _give_up(layer, KINDS[kind])
        _leave_the_file(network)
        yield most
    finally:
        for layer, own in before:
            layer.__class__ = own
            layer.__dict__.pop("quantised", None)
            layer.weight.data = torch.empty_like(layer.weight, memory_format=torch.contiguous_format)
        restore()


@torch.no_grad()
def _give_up(layer: Any, kind: type[Quantised]) -> None:
    """What would still compute with the weight gets what is no number, and is found out."""
    layer.quantised = kind.of(layer.weight.detach())
    layer.weight.data = layer.weight.new_full((), math.nan).expand(layer.weight.shape)
    if isinstance(layer, PackedLinear | PackedConv2d):
        layer.packs = Packs()  # those of the weights that were
    layer.__class__ = QUANTISED[type(layer)]


@torch.no_grad()
def _leave_the_file(network: nn.Module) -> None:
    """As they were loaded, all tensors of a file lie in one storage, which stays until the last of them has left it."""
    for parameter in network.parameters():
        if parameter.untyped_storage().nbytes() > parameter.nbytes and parameter.stride() != (0,) * parameter.ndim:
            parameter.data = parameter.data.clone()
