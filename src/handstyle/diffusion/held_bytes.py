"""How many bytes would tensors hold at once, if something were computed that is not?

torch's fake tensors know their shape, their precision and the order of their numbers, and hold none. A network of them
goes through the same operations as the real one, forward and back, and each storage is counted from its first use to
its last.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeCopyMode, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

Thing = TypeVar("Thing")


class Held(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While it is entered, storages that come into being: how many bytes of them there are, and were at most."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = 0
        self._most = 0
        self._known: dict[int, weakref.ref[Any]] = {}

    def most(self) -> int:
        """Since this was last asked."""
        found, self._most = max(self._most, self.now), self.now
        return found

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for tensor in tree_iter((args, kwargs)):
            if isinstance(tensor, Tensor):
                self._see(tensor, 0)  # it was there before, or is known
        found = STAND_INS.get(func._schema.name, func)(*args, **(kwargs or {}))
        for tensor in tree_iter(found):
            if isinstance(tensor, Tensor):
                self._see(tensor, tensor.untyped_storage().nbytes())
        return found

    def _see(self, tensor: Tensor, size: int) -> None:
        storage = tensor.untyped_storage()
        place = storage._cdata
        if place in self._known:
            return
        self.now += size
        self._most = max(self._most, self.now)

        def freed(_: object) -> None:
            self.now -= size
            del self._known[place]

        self._known[place] = weakref.ref(storage, freed)


@contextmanager
def without_numbers() -> Iterator[Callable[[Thing], Thing]]:
    """Meanwhile nothing is computed. Gives what copies whatever holds tensors, and leaves their numbers out."""
    mode = FakeTensorMode(allow_non_fake_inputs=True)

    def copied(thing: Thing) -> Thing:
        with FakeCopyMode(mode):
            return copy.deepcopy(thing)

    with mode:
        yield copied


# What torch computes only with numbers. Their answers have the size of the real ones.


def _some_number(tensor: Tensor) -> float | int | bool:
    if tensor.dtype == torch.bool:
        return True
    return 1.0 if tensor.is_floating_point() else 1


def _as_large(weight: Tensor, *rest: Any) -> Tensor:
    return torch.empty_like(weight)


def _multiplied(x: Tensor, weight_OI: Tensor, *rest: Any) -> Tensor:
    return x.new_empty((*x.shape[:-1], len(weight_OI)))


def _convolved(x: Tensor, weight: Tensor, bias: Any, padding: list[int], stride: list[int], *rest: Any) -> Tensor:
    sides = [
        (size + 2 * margin - kernel) // step + 1
        for size, margin, kernel, step in zip(x.shape[2:], padding, weight.shape[2:], stride, strict=True)
    ]
    shape = (len(x), len(weight), *sides)
    return torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)


STAND_INS: dict[str, Callable[..., Any]] = {
    "aten::_local_scalar_dense": _some_number,
    "aten::to_mkldnn": _as_large,
    "aten::mkldnn_reorder_conv2d_weight": _as_large,
    "mkldnn::_reorder_linear_weight": _as_large,
    "mkldnn::_linear_pointwise": _multiplied,
    "mkldnn::_convolution_pointwise": _convolved,
}
