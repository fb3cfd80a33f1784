"""Which updates of a base does a file from another tool hold?

Read are LoRA and LoCon under the names of kohya's trainer, of PEFT and of diffusers old and new, LyCORIS' LoHa, LoKr
and full differences, and DoRA and OFT of LyCORIS, sd-scripts and PEFT, whose differences depend on the base's own
weights. Every tensor has to find its layer in the base, and none may be left over; what the original code of a
transformer joins is cut apart.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import torch
from torch import Tensor

from handstyle.diffusion.adapter_places import OFT_OF_KOHYA, Place, Shapes, Weights, layers_of, spellings
from handstyle.diffusion.adapter_settings import Settings, settings_of
from handstyle.diffusion.bound_updates import (
    BLOCKS,
    MAGNITUDE,
    RESCALE,
    SCALE,
    SKEW,
    decomposed,
    decomposed_as_lycoris,
    turned_as_peft,
    turned_in_blocks,
)
from handstyle.diffusion.checkpoints import read_tensors
from handstyle.diffusion.embedding_files import BUNDLED
from handstyle.diffusion.pairs import Adapter, Pair, Update, cut, turned
from handstyle.errors import UsageMistake

DOWN, UP = "lora_down.weight", "lora_up.weight"
# Endings of other tools -> ours. Longest first where one ends in another.
ENDINGS = {
    "lora_linear_layer.down.weight": DOWN,
    "lora_linear_layer.up.weight": UP,
    "lora.down.weight": DOWN,
    "lora.up.weight": UP,
    "lora_A.weight": DOWN,
    "lora_B.weight": UP,
    "lora_A.default.weight": DOWN,
    "lora_B.default.weight": UP,
    **{f"{MAGNITUDE}{ending}": MAGNITUDE for ending in (".weight", ".default", ".default.weight")},
    "oft_R.default.weight": SKEW,
}
# What is refused, by what it is.
UNREAD = {
    "the bias of a layer": ("lora_B.bias", "lora_up.bias", "diff_b", "bias", "b_norm"),
    "the weights of a norm": ("w_norm",),
    "IA3": ("ia3_l", "on_input"),
    "GLoRA": ("a1.weight", "a2.weight", "b1.weight", "b2.weight"),
    "BOFT": ("boft_R", "boft_s"),
    "an OFT of PEFT before 0.16": ("oft_r",),
    "a layer of another size": ("reshape_weight",),
}
KNOWN = (
    *(DOWN, UP, "lora_mid.weight", "alpha", "diff", MAGNITUDE, SCALE, SKEW, BLOCKS, RESCALE),
    *("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2"),
    *("lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2"),
)
KOHYAS = "of sd-scripts"  # a mark, beside the tensors of a layer
OLD_DIFFUSERS = re.compile(r"\.processor\.(to_q|to_k|to_v|to_out)_lora\.(down|up)\.weight$")
PREFIXES = ("", "base_model.model.")


def read(path: Path, base: Path, *, without_word: bool = False) -> Adapter:
    """Raises UsageMistake naming all that finds no layer in this base, or is of a kind that is not read. `without_word`
    passes over the vectors of a new word beside it."""
    tensors, metadata = read_tensors(path)
    known, groups, strange, unread = spellings(base), dict[Place, dict[str, Tensor]](), [], []
    for name, tensor in tensors.items():
        if without_word and name.startswith(BUNDLED):
            continue
        layer_name, ending = _taken_apart(name)
        place = next((known[layer_name.removeprefix(p)] for p in PREFIXES if layer_name.removeprefix(p) in known), None)
        if ending is None:
            unread.append(name)
        elif place is None:
            strange.append(name)
        else:
            groups.setdefault(place, {})[ending] = tensor
            if layer_name.startswith(OFT_OF_KOHYA):
                groups[place][KOHYAS] = torch.tensor(1.0)
    if unread:
        _refuse(path, unread)
    if strange or not groups:
        raise UsageMistake(
            f"{path} was made for another base than the one given: {len(strange)} of its tensors find no layer, "
            f"first: {strange[0] if strange else 'it has none':.120}",
            hint="Name the base it was made for with --base.",
        )
    file, found = _File(path, layers_of(base), Weights(base), settings_of(path, metadata)), Adapter()
    for place, group in groups.items():
        for layer, update in _at(place, group, file):
            if layer in found:
                raise UsageMistake(
                    f"{path} changes {layer} twice, under two names", hint="Fetch the file again, or another."
                )
            found[layer] = update
    return dict(sorted(found.items()))


@dataclass(frozen=True)
class _File:
    path: Path
    shapes: Shapes
    weights: Weights
    told: Settings


def _refuse(path: Path, unread: list[str]) -> NoReturn:
    kinds = [
        kind for kind, endings in UNREAD.items() if any(name.endswith(f".{end}") for name in unread for end in endings)
    ]
    raise UsageMistake(
        f"{path} holds {len(unread)} tensors of a kind that is not read here, first: {unread[0]:.120}"
        + (f" ({', '.join(kinds)})" if kinds else ""),
        hint="Let the tool that made it merge it into its base, and take what that has more as a LoRA: "
        "`handstyle convert --extract MERGED --base BASE --as kohya --to FOLDER`. Read are LoRA, LoCon, LoHa, LoKr, "
        "DoRA, OFT and full differences.",
    )


def _at(place: Place, group: Mapping[str, Tensor], file: _File) -> Iterator[tuple[str, Update]]:
    """The update of each layer that the original joins there."""
    update = _update(place, group, file)
    if place.is_turned:
        update = turned(update)
    if len(place.layers) == 1:
        yield place.layers[0], update
        return
    for layer, part in zip(place.layers, cut(update, place.rows(file.shapes)), strict=True):
        if part is not None:
            yield layer, part


def _taken_apart(name: str) -> tuple[str, str | None]:
    """The layer's name, and the ending in our words."""
    if old := OLD_DIFFUSERS.search(name):
        inside = old[1] + (".0" if old[1] == "to_out" else "")
        return f"{name[: old.start()]}.{inside}", DOWN if old[2] == "down" else UP
    for ending, ours in (*ENDINGS.items(), *((known, known) for known in KNOWN)):
        if name.endswith(f".{ending}"):
            return name.removesuffix(f".{ending}"), ours
    return name, None


def _update(place: Place, group: Mapping[str, Tensor], file: _File) -> Update:
    layer, shape = place.layers[0], place.shape(file.shapes)
    try:
        if BLOCKS in group or SKEW in group:
            return _turned(layer, group, file.weights.at(place), file.told)
        update = _added(layer, group, shape, file.told)
        if not {MAGNITUDE, SCALE} & group.keys():
            return update
        change, weight = update.delta(shape) if isinstance(update, Pair) else update, file.weights.at(place)
        if MAGNITUDE in group:
            return decomposed(weight, change, group[MAGNITUDE])
        return decomposed_as_lycoris(weight, change, group[SCALE])
    except (KeyError, RuntimeError, ValueError) as fault:
        raise UsageMistake(
            f"{file.path}: what it holds for {layer} does not fit together, or not this base: {fault}",
            hint="Name the base it was made for with --base, or fetch the file again.",
        ) from fault


def _added(layer: str, group: Mapping[str, Tensor], shape: tuple[int, ...], told: Settings) -> Update:
    """What does not depend on the base's weights."""
    if "diff" in group:
        return group["diff"].float().reshape(shape)
    if DOWN in group and "lora_mid.weight" not in group:
        rank = len(group[DOWN])
        alpha = float(group["alpha"]) if "alpha" in group else told.alpha(layer, rank)
        pair = Pair(group[DOWN], group[UP], alpha)
        if math.prod(pair.up.shape[:1] + pair.down.shape[1:]) != math.prod(shape):
            raise ValueError(f"its product is no {shape}")
        return pair
    change, among = _tucker(group) if DOWN in group else of_lycoris(group)
    if "alpha" in group or (scale := told.scale(layer)) is None:
        scale = 1.0 if among is None else float(group.get("alpha", torch.tensor(float(among)))) / among
    return (scale * change).reshape(shape)


def _turned(layer: str, group: Mapping[str, Tensor], weight: Tensor, told: Settings) -> Tensor:
    """An OFT; LyCORIS may have given it other lengths besides."""
    if SKEW in group:
        return turned_as_peft(weight, group[SKEW], told.terms(layer), shares=told.shares(layer))
    change = turned_in_blocks(weight, group, of_kohya=KOHYAS in group)
    return decomposed_as_lycoris(weight, change, group[SCALE]) if SCALE in group else change


def _tucker(group: Mapping[str, Tensor]) -> tuple[Tensor, int]:
    """A convolution in three steps: 1 x 1, in the narrow, 1 x 1 (LyCORIS, LoCon with `use_tucker`)."""
    down, middle, up = (group[name].float() for name in (DOWN, "lora_mid.weight", UP))
    return torch.einsum("om,mnkl,ni->oikl", up.flatten(1), middle, down.flatten(1)), len(down)


def of_lycoris(group: Mapping[str, Tensor]) -> tuple[Tensor, int | None]:
    """The difference without its scale, and the rank that the scale counts by; None where LyCORIS scales by one."""
    if "hada_w1_a" in group:  # the product, place by place, of two products (Hyeon-Woo et al. 2022)
        first, second = (_product(group, f"hada_w{n}_a", f"hada_w{n}_b", f"hada_t{n}") for n in (1, 2))
        return first * second, len(group["hada_w1_b"])
    ranks = [len(group[name]) for name in ("lokr_w1_b", "lokr_w2_b") if name in group]
    one = group["lokr_w1"].float() if "lokr_w1" in group else group["lokr_w1_a"].float() @ group["lokr_w1_b"].float()
    if "lokr_w2" in group:
        two = group["lokr_w2"].float()
    elif "lokr_t2" in group:
        two = torch.einsum("mnkl,mo,ni->oikl", *(group[n].float() for n in ("lokr_t2", "lokr_w2_a", "lokr_w2_b")))
    else:
        two = group["lokr_w2_a"].float() @ group["lokr_w2_b"].float().flatten(1)
    return _kronecker(one, two), ranks[-1] if ranks else None


def _product(group: Mapping[str, Tensor], a: str, b: str, core: str) -> Tensor:
    left, right = group[a].float(), group[b].float()
    if core in group:
        return torch.einsum("mnkl,mo,ni->oikl", group[core].float(), left, right)
    return left @ right.flatten(1)


def _kronecker(one: Tensor, two: Tensor) -> Tensor:
    """Each number of the first matrix times the whole second one (Edalati et al. 2022); filters stay whole."""
    while one.ndim < two.ndim:
        one = one.unsqueeze(-1)
    return torch.kron(one, two.contiguous())
