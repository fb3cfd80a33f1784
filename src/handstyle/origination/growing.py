"""How does a denoiser of small pictures become one of pictures twice as large?

It is given one more level on the outside, which begins by handing on what it is given: pictures are halved on the way
in and doubled on the way out, so that what was learnt of shapes stays (Karras et al. 2018, "Progressive Growing of
GANs", where the new level is faded in).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

PART = "unet."


def levels_left_out(resolution: int, of: int) -> int:
    """How many levels a picture of this size does without, so that the innermost sees as many places as of the
    largest."""
    return (of // resolution).bit_length() - 1


def as_large(weights: Mapping[str, Tensor], network: Any) -> dict[str, Tensor]:
    """Weights by the names that finetuning gives them, grown by one level where the network has one more."""
    plain = {name.removeprefix(PART): tensor for name, tensor in weights.items()}
    levels = 1 + max(int(name.split(".")[1]) for name in plain if name.startswith("down_blocks."))
    if levels < len(network.down_blocks):
        plain = grown(plain, network)
    return {PART + name: tensor for name, tensor in plain.items()}


@torch.no_grad()
def grown(inner: Mapping[str, Tensor], outer: Any) -> dict[str, Tensor]:
    """The weights of `outer`, a fresh `UNet2DConditionModel` with one level more, of which only that level is new."""
    found = {name: tensor.clone() for name, tensor in outer.state_dict().items()}
    for name, tensor in inner.items():
        part, _, rest = name.partition(".")
        if part == "down_blocks":
            number, _, inside = rest.partition(".")
            name = f"down_blocks.{int(number) + 1}.{inside}"
        _put(found, name, tensor)
    _hand_on(found, outer)
    return found


def _put(found: dict[str, Tensor], name: str, tensor: Tensor) -> None:
    if found[name].shape != tensor.shape:
        raise ValueError(f"{name}: {tuple(tensor.shape)} does not fit {tuple(found[name].shape)}")
    found[name] = tensor.clone()


def _hand_on(found: dict[str, Tensor], outer: Any) -> None:
    last = len(outer.up_blocks) - 1
    for name, module in outer.named_modules():
        new = name.startswith(("down_blocks.0.", f"up_blocks.{last}.", f"up_blocks.{last - 1}.upsamplers."))
        if new and isinstance(module, nn.Conv2d):
            found[f"{name}.weight"] = _handing_on(module, name)
            found[f"{name}.bias"] = torch.zeros_like(found[f"{name}.bias"])


def _handing_on(layer: nn.Conv2d, name: str) -> Tensor:
    """A residual block adds nothing, its shortcut passes what comes from inside; the way in takes means of four."""
    kind = name.rpartition(".")[2]
    weight = layer.weight.detach().clone()
    if kind == "conv1":
        return weight
    weight.zero_()
    if kind == "conv2":
        return weight
    own = torch.arange(weight.shape[0])
    if name.startswith("down_blocks"):
        weight[own, own, 1:, 1:] = 0.25  # with one row of padding all around, these are the places 2 i and 2 i + 1
    else:
        middle = weight.shape[-1] // 2
        weight[own, own, middle, middle] = 1
    return weight
