"""What is a low-rank update, and how do updates of several layers become one of the layer that joins them?

The original code of a transformer has queries, keys and values in one layer, one below the other. One pair of that
layer is a pair of each of the three, with the same A and a third of B; three pairs are one whose B has three blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import overload

import torch
from torch import Tensor

from handstyle.diffusion import low_rank


@dataclass(frozen=True)
class Pair:
    """alpha / rank * B A, `down` being A and `up` B (Hu et al. 2021, section 4.1)."""

    down: Tensor
    up: Tensor
    alpha: float

    @property
    def rank(self) -> int:
        return len(self.down)

    @property
    def scale(self) -> float:
        return self.alpha / self.rank

    def delta(self, shape: Iterable[int], weight: float = 1.0) -> Tensor:
        change = low_rank.update(self.down.float(), self.up.float(), weight * self.alpha / self.rank)
        return change.reshape(tuple(shape))


Update = Pair | Tensor  # what is no pair is the whole difference
Adapter = dict[str, Update]  # layer, with its network: `unet.mid_block…to_q`, `text_encoder.text_model.encoder…`


def cut(update: Update, rows: Sequence[int]) -> list[Update | None]:
    """The update of each part of a joined layer; None for a part that it leaves as it is, where it changes another."""
    if isinstance(update, Tensor):
        return [
            part.contiguous() if part.any() or not update.any() else None for part in torch.split(update, list(rows))
        ]
    return [_of_part(update, up) for up in torch.split(update.up, list(rows))]


def _of_part(whole: Pair, up: Tensor) -> Pair | None:
    """Without what only other parts use: a file of three pairs gives these again, bit for bit."""
    used_R = up.flatten(1).any(dim=0)
    if not bool(used_R.any()):
        return None if bool(whole.up.any()) else Pair(whole.down, up.contiguous(), whole.alpha)
    if bool(used_R.all()):
        return Pair(whole.down, up.contiguous(), whole.alpha)
    return Pair(whole.down[used_R], up[:, used_R].contiguous(), whole.alpha * int(used_R.sum()) / whole.rank)


def joined(pairs: Sequence[Pair | None], rows: Sequence[int]) -> Pair:
    """One pair of the joined layer. Those that share A stay of their rank; others stand beside each other."""
    there = [pair for pair in pairs if pair is not None]
    first = there[0]
    if len(there) == len(pairs) and all(
        pair.alpha == first.alpha and pair.down.shape == first.down.shape and torch.equal(pair.down, first.down)
        for pair in there
    ):
        return Pair(first.down, torch.cat([pair.up for pair in there]), first.alpha)
    up, column = first.up.new_zeros(sum(rows), sum(pair.rank for pair in there)), 0
    for pair, row, height in zip(pairs, _begins(rows), rows, strict=True):
        if pair is not None:
            block = pair.up.flatten(1)
            even = block if pair.scale == first.scale else block * (pair.scale / first.scale)
            up[row : row + height, column : column + pair.rank] = even
            column += pair.rank
    return Pair(torch.cat([pair.down for pair in there]), up, first.alpha * column / first.rank)


def _begins(rows: Sequence[int]) -> list[int]:
    return [sum(rows[:place]) for place in range(len(rows))]


@overload
def turned(update: Pair) -> Pair: ...
@overload
def turned(update: Tensor) -> Tensor: ...
def turned(update: Update) -> Update:
    """With the halves of what comes out in each other's place."""
    if isinstance(update, Pair):
        return Pair(update.down, torch.cat(update.up.chunk(2)[::-1]), update.alpha)
    return torch.cat(update.chunk(2)[::-1])
