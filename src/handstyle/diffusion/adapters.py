"""Which updates of a base does a file from another tool hold?

Read are LoRA and LoCon under the names of kohya's trainer, of PEFT and of diffusers old and new, and LyCORIS' LoHa,
LoKr and full differences. Every tensor has to find its layer in the base, and none may be left over; what the original
code of a transformer joins is cut apart.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from handstyle.diffusion.adapter_places import Place, Shapes, layers_of, spellings
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
}
KNOWN = (
    *(DOWN, UP, "lora_mid.weight", "alpha", "diff"),
    *("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2"),
    *("lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2"),
)
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
    if unread:
        raise UsageMistake(
            f"{path} holds {len(unread)} tensors of a kind that is not read here, first: {unread[0]:.120}",
            hint="Read are LoRA, LoCon, LoHa, LoKr and full differences; not DoRA, OFT, IA3, GLoRA or biases.",
        )
    if strange or not groups:
        raise UsageMistake(
            f"{path} was made for another base than the one given: {len(strange)} of its tensors find no layer, "
            f"first: {strange[0] if strange else 'it has none':.120}",
            hint="Name the base it was made for with --base.",
        )
    shapes, told, found = layers_of(base), _told(metadata), Adapter()
    for place, group in groups.items():
        for layer, update in _at(place, group, shapes, told, path):
            if layer in found:
                raise UsageMistake(
                    f"{path} changes {layer} twice, under two names", hint="Fetch the file again, or another."
                )
            found[layer] = update
    return dict(sorted(found.items()))


def _at(
    place: Place, group: Mapping[str, Tensor], shapes: Shapes, told: Mapping[str, object], path: Path
) -> Iterator[tuple[str, Update]]:
    """The update of each layer that the original joins there."""
    update = _update(place.layers[0], group, place.shape(shapes), told, path)
    if place.is_turned:
        update = turned(update)
    if len(place.layers) == 1:
        yield place.layers[0], update
        return
    for layer, part in zip(place.layers, cut(update, place.rows(shapes)), strict=True):
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


def _told(metadata: Mapping[str, str]) -> dict[str, object]:
    """What PEFT's configuration says, as diffusers writes it into the header."""
    try:
        found = json.loads(metadata.get("lora_adapter_metadata", "{}"))
        return found if isinstance(found, dict) else {}
    except ValueError:
        return {}


def _alpha(layer: str, group: Mapping[str, Tensor], rank: int, told: Mapping[str, object]) -> float:
    """Beside the tensors, else in the header; where neither says it, the scale is one."""
    if "alpha" in group:
        return float(group["alpha"])
    part, _, inside = layer.partition(".")
    patterns = told.get(f"{part}.alpha_pattern") or {}
    assert isinstance(patterns, dict)
    inside = inside.removeprefix("text_model.")
    found = next((value for key, value in patterns.items() if re.fullmatch(rf"(.*\.)?({key})", inside)), None)
    alpha = found if found is not None else told.get(f"{part}.lora_alpha", rank)
    assert isinstance(alpha, int | float)
    return float(alpha) * (math.sqrt(rank) if told.get(f"{part}.use_rslora") else 1.0)


def _update(
    layer: str, group: Mapping[str, Tensor], shape: tuple[int, ...], told: Mapping[str, object], path: Path
) -> Update:
    try:
        if "diff" in group:
            return group["diff"].float().reshape(shape)
        if DOWN in group and "lora_mid.weight" not in group:
            pair = Pair(group[DOWN], group[UP], _alpha(layer, group, len(group[DOWN]), told))
            if math.prod(pair.up.shape[:1] + pair.down.shape[1:]) != math.prod(shape):
                raise ValueError(f"its product is no {shape}")
            return pair
        change, rank = _tucker(group) if DOWN in group else of_lycoris(group)
        scale = 1.0 if rank is None else float(group.get("alpha", torch.tensor(float(rank)))) / rank
        return (scale * change).reshape(shape)
    except (KeyError, RuntimeError, ValueError) as fault:
        raise UsageMistake(
            f"{path}: what it holds for {layer} does not fit together, or not this base: {fault}",
            hint="Name the base it was made for with --base, or fetch the file again.",
        ) from fault


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
