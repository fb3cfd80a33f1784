"""What does a trained adapter add to the weights of a layer?

By the definition of each algorithm, without the library that trained it.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from handstyle.diffusion import adapters, low_rank
from handstyle.diffusion.adapter_layers import rotated
from handstyle.diffusion.adapter_names import MAGNITUDE, ROTATION, Algorithm, taken_apart
from handstyle.diffusion.bound_updates import decomposed


def by_module(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Module -> ending -> tensor."""
    found: dict[str, dict[str, Tensor]] = {}
    for name in sorted(tensors):
        parts = taken_apart(name)
        if parts is None:
            raise KeyError(name)
        found.setdefault(parts[0], {})[parts[1]] = tensors[name]
    return found


def added_to(weight: Tensor, group: Mapping[str, Tensor], algo: Algorithm, alpha: float) -> Tensor:
    """The difference of one layer's weights."""
    if algo == "oft":
        return rotated(weight.float(), group[ROTATION].float()) - weight
    if algo in ("loha", "lokr"):
        change, rank = adapters.of_lycoris({ending.removeprefix("."): tensor for ending, tensor in group.items()})
        return (change if rank is None else alpha / rank * change).reshape(weight.shape)
    down, up = group[low_rank.DOWN].float(), group[low_rank.UP].float()
    change = low_rank.update(down, up, alpha / len(down)).reshape(weight.shape)
    return change if algo == "lora" else decomposed(weight, change, group[MAGNITUDE])


def added_by(
    tensors: Mapping[str, Tensor], algo: Algorithm, alpha: float, weights: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Parameter -> what is added to it, for one network. Raises KeyError for a layer that it has not."""
    return {
        f"{module}.weight": added_to(weights[f"{module}.weight"], group, algo, alpha)
        for module, group in by_module(tensors).items()
    }
