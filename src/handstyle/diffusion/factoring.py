"""How is a difference of weights written as a low-rank update, and at which loss?

By the singular value decomposition: no update of that rank is nearer (Eckart and Young 1936).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from handstyle.diffusion.adapter_places import layers_of
from handstyle.diffusion.checkpoints import each_tensor
from handstyle.diffusion.original_layout import with_text_model
from handstyle.diffusion.pairs import Adapter, Pair, Update
from handstyle.diffusion.pipeline_folder import weight_files
from handstyle.diffusion.single_file import configs_in
from handstyle.errors import UsageMistake

NOTHING = 1e-6  # of the largest singular value: what is smaller is rounding in fp32


@dataclass(frozen=True)
class Factored:
    """Pairs, and how much of the whole difference they miss: the root of its share of the sum of squares."""

    pairs: dict[str, Pair]
    missed: float


def factored(delta: Tensor, rank: int | None) -> Pair:
    """Of at most this rank; without one, of as many as the difference has. Both halves get the root of each value."""
    matrix_OI = delta.float().flatten(1)
    u_OR, s_R, v_RI = torch.linalg.svd(matrix_OI, full_matrices=False)
    has = max(1, int((s_R > NOTHING * s_R[0]).sum()))
    kept = min(has, rank or has)
    root_R = s_R[:kept].sqrt()
    up, down = u_OR[:, :kept] * root_R, root_R[:, None] * v_RI[:kept]
    if delta.ndim == 4:
        up, down = up[:, :, None, None], down.reshape(kept, *delta.shape[1:])
    return Pair(down.contiguous(), up.contiguous(), float(kept))


def as_pairs(adapter: Mapping[str, Update], base: Path, rank: int | None) -> Factored:
    """Every update as a pair of at most this rank; a pair that is small enough stays as it is, bit for bit. What is no
    layer, as biases are, no pair can hold."""
    shapes, pairs, missed, whole = layers_of(base), dict[str, Pair](), 0.0, 0.0
    for layer, update in adapter.items():
        if layer not in shapes and not isinstance(update, Pair):  # a bias or a norm of a full finetuning
            missed += float(update.square().sum())
            whole += float(update.square().sum())
            continue
        if isinstance(update, Pair) and (rank is None or update.rank <= rank):
            pairs[layer] = update
            whole += float(update.delta(shapes[layer]).square().sum())
            continue
        delta = update.delta(shapes[layer]) if isinstance(update, Pair) else update
        pairs[layer] = factored(delta, rank)
        missed += float((delta - pairs[layer].delta(shapes[layer])).square().sum())
        whole += float(delta.square().sum())
    return Factored(pairs, (missed / whole) ** 0.5 if whole else 0.0)


def together(adapters: list[tuple[Adapter, float]], base: Path) -> Adapter:
    """Several adapters as one. A layer that two of them change has the sum of the changes: pairs side by side."""
    shapes, summed = layers_of(base), Adapter()
    for adapter, weight in adapters:
        for layer, update in adapter.items():
            weighted = _weighted(update, weight)
            summed[layer] = _sum(summed[layer], weighted, shapes[layer]) if layer in summed else weighted
    return summed


def _weighted(update: Update, weight: float) -> Update:
    return Pair(update.down, update.up, update.alpha * weight) if isinstance(update, Pair) else weight * update


def _sum(one: Update, other: Update, shape: tuple[int, ...]) -> Update:
    if isinstance(one, Pair) and isinstance(other, Pair):
        pairs = (one, other)
        up = torch.cat([pair.up.float() * (pair.alpha / pair.rank) for pair in pairs], dim=1)
        return Pair(torch.cat([pair.down.float() for pair in pairs]), up, float(one.rank + other.rank))
    deltas = [update.delta(shape) if isinstance(update, Pair) else update for update in (one, other)]
    return deltas[0] + deltas[1]


def difference(base: Path, tuned: Path) -> tuple[Adapter, float]:
    """What one checkpoint has more than another, layer by layer, and the share of it that no layer holds: in biases and
    norms. Raises UsageMistake for bases of different anatomy."""
    found, kept, whole = Adapter(), 0.0, 0.0
    layers, there = layers_of(base), configs_in(tuned)
    for part in (part for part in configs_in(base) if part != "vae"):
        ours, theirs = _tensors(base, part), dict(_tensors(tuned, part)) if part in there else {}
        for name, tensor in ours:
            if name not in theirs or theirs[name].shape != tensor.shape:
                raise UsageMistake(
                    f"{tuned} has no {part}.{name} of the shape {tuple(tensor.shape)}: it was not made from this base",
                    hint="Name the base it was trained on with --base.",
                )
            delta = theirs.pop(name).float() - tensor.float()
            whole += float(delta.square().sum())
            layer = f"{part}.{name.removesuffix('.weight')}"
            if layer in layers and name.endswith(".weight") and bool(delta.any()):
                found[layer] = delta
                kept += float(delta.square().sum())
    if not found:
        raise UsageMistake(f"{tuned} and the base are the same in every layer", hint="Name two different ones.")
    return found, (max(0.0, whole - kept) / whole) ** 0.5


def _tensors(base: Path, part: str) -> Iterator[tuple[str, Tensor]]:
    """With the names that `layers_of` gives."""
    for name, tensor in (pair for file in weight_files(base, part) for pair in each_tensor(file)):
        if name.endswith("position_ids"):
            continue
        yield (with_text_model(name) if part.startswith("text_encoder") else name), tensor
