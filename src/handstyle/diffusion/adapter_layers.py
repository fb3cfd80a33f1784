"""Which of PEFT's layers learn, for each algorithm, and where are they set right?

A fresh layer of any kind changes nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor, nn

from handstyle.diffusion.adapter_names import Algorithm
from handstyle.diffusion.bound_updates import rotation


def attach(
    network: nn.Module, algo: Algorithm, targets: Sequence[str], rank: int, alpha: float, dropout: float, factor: int
) -> None:
    from peft import inject_adapter_in_model

    config = _config(algo, list(targets), rank, alpha, dropout, factor)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Invalid `oft_block_size`")  # it takes the nearest that divides
        inject_adapter_in_model(config, network)
    for layer in network.modules():
        _set_right(layer)


def _config(algo: Algorithm, targets: list[str], rank: int, alpha: float, dropout: float, factor: int) -> Any:
    """The rank of an OFT is the size of its blocks, as in LyCORIS, whose beginning LoKr has, too."""
    import peft

    if algo == "loha":
        return peft.LoHaConfig(r=rank, alpha=alpha, target_modules=targets)
    if algo == "lokr":
        return peft.LoKrConfig(
            r=rank, alpha=alpha, decompose_factor=factor, init_weights="lycoris", target_modules=targets
        )
    if algo == "oft":
        return peft.OFTConfig(r=0, oft_block_size=rank, use_cayley_neumann=False, target_modules=targets)
    return peft.LoraConfig(
        r=rank, lora_alpha=alpha, lora_dropout=dropout, use_dora=algo == "dora", target_modules=targets
    )


def _set_right(layer: nn.Module) -> None:
    """PEFT scales a LoKr of two whole matrices, which has no rank to scale by: LyCORIS and ComfyUI do not. Its OFT of
    filters adds up the pixels that two places of a filter share, so that a fresh one changes the picture."""
    from peft.tuners.lokr.layer import LoKrLayer
    from peft.tuners.oft.layer import Conv2d

    if isinstance(layer, LoKrLayer):
        for adapter in layer.lokr_w2:
            if adapter in layer.lokr_w1:
                layer.scaling[adapter] = 1.0
    elif isinstance(layer, Conv2d) and layer.get_base_layer().kernel_size != (1, 1):
        layer.__class__ = rotated_filters()


@cache
def rotated_filters() -> type:
    """PEFT's layer, made to rotate the filters and not the picture."""
    from peft.tuners.oft.layer import Conv2d

    class RotatedFilters(Conv2d):  # type: ignore[misc]
        def forward(self, x: Tensor, *given: Any, **named: Any) -> Tensor:
            if given or named or self.disable_adapters or self.merged:
                return cast(Tensor, super().forward(x, *given, **named))
            (adapter,) = self.active_adapters
            layer = self.get_base_layer()
            weight = rotated(layer.weight, self.oft_R[adapter].weight)
            return nn.functional.conv2d(x, weight, layer.bias, layer.stride, layer.padding)

    return RotatedFilters


def rotated(weight: Tensor, skew_NE: Tensor) -> Tensor:
    """W R^T with R = (I - Q)(I + Q)^-1 in N blocks along the input, each from the E numbers of a skew-symmetric Q
    (Qiu et al. 2023; Cayley 1846)."""
    rows_ONK = weight.reshape(len(weight), len(skew_NE), -1)
    r_NKK = rotation(skew_NE, rows_ONK.shape[-1])
    return torch.einsum("onc,nkc->onk", rows_ONK.to(r_NKK.dtype), r_NKK).reshape(weight.shape)
