"""What is a low-rank style of a transformer called in kohya's format, which joins several of its layers into one?

    ours    transformer.transformer_blocks.0.attn.to_q, .to_k and .to_v, each with lora_A and lora_B
    kohya   lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight, .lora_up.weight, .alpha

sd-scripts has the modules of the original code (kohya-ss/sd-scripts 450630c, networks/lora_flux.py; 077f6a4,
networks/lora_sd3.py). There each A stands below the other, and each B is a block of its own rows and columns; the scale
stays alpha / rank, and every number its bits. Nothing here needs torch: whoever verifies a release reckons it anew.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from itertools import accumulate

from handstyle.diffusion.adapter_names import PAIR
from handstyle.diffusion.original_transformers import Layout, layouts_with, stacked, swapped
from handstyle.errors import RecordDamaged
from handstyle.tensor_files import Tensor, scalar

DOWN, UP = PAIR
TRANSFORMER = "transformer."
TEXTS = {"text_encoder": "lora_te1_", "text_encoder_2": "lora_te2_"}
BLOCK = re.compile(r"(single_)?transformer_blocks\.(\d+)\.(attn2\.)?")


def as_kohya(tensors: Mapping[str, Tensor], alpha: float, layout: Layout, rows: Mapping[str, int]) -> dict[str, Tensor]:
    """`rows`: what comes out of each layer of the transformer, needed where some of those that are joined do not
    learn. Raises RecordDamaged for a layer without a name there."""
    left = _pairs(tensors)
    found: dict[str, Tensor] = {}
    for original, layers in layout.joined.items():
        own = [left.pop(f"{TRANSFORMER}{layer}", None) for layer in layers]
        there = [pair for pair in own if pair is not None]
        if there:
            heights = [pair[1].shape[0] if pair else rows[layer] for pair, layer in zip(own, layers, strict=True)]
            down, up = stacked([down for down, _ in there]), _blocks([pair and pair[1] for pair in own], heights)
            found |= _module(f"lora_unet_{_flat(original)}", down, up, alpha * len(there))
    back = {own: original for original, own in layout.modules.items()}
    for layer, (down, up) in left.items():
        part, _, inside = layer.partition(".")
        if part in TEXTS:
            inside = inside if inside.startswith(("text_model.", "text_projection")) else f"text_model.{inside}"
            found |= _module(TEXTS[part] + _flat(inside), down, up, alpha)
        elif layer.startswith(TRANSFORMER) and inside in back:
            up = swapped(up) if back[inside] in layout.swapped else up
            found |= _module(f"lora_unet_{_flat(back[inside])}", down, up, alpha)
        else:
            raise RecordDamaged(f"kohya's format has no name for {layer}", hint="Publish with the base it learned on.")
    return found


def is_the_same(tensors: Mapping[str, Tensor], alpha: float, held: Mapping[str, Tensor]) -> bool:
    """Does a file in kohya's format hold these tensors? On which base they learned only names and sizes show."""
    for layout in _layouts(tensors):
        try:
            expected = as_kohya(tensors, alpha, layout, _rows(tensors, held, layout))
        except (RecordDamaged, KeyError):  # not the layout of this base
            continue
        if expected.keys() == held.keys() and all(_is(held[name], tensor) for name, tensor in expected.items()):
            return True
    return False


def _module(name: str, down: Tensor, up: Tensor, alpha: float) -> dict[str, Tensor]:
    return {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up, f"{name}.alpha": scalar(alpha)}


def _pairs(tensors: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    layers = sorted({name.removesuffix(DOWN) for name in tensors if name.endswith(DOWN)})
    if tensors.keys() != {f"{layer}{ending}" for layer in layers for ending in PAIR}:
        raise RecordDamaged("the style holds more than low-rank pairs", hint="Finetune again with the method `lora`.")
    return {layer: (tensors[layer + DOWN], tensors[layer + UP]) for layer in layers}


def _blocks(ups: list[Tensor | None], heights: list[int]) -> Tensor:
    """One below the other, each in columns of its own."""
    there = [up for up in ups if up is not None]
    ranks = [up.shape[1] if up is not None else 0 for up in ups]
    number = len(there[0].data) // (there[0].shape[0] * there[0].shape[1])  # bytes
    data = bytearray()
    for up, height, rank, before in zip(ups, heights, ranks, accumulate(ranks, initial=0), strict=False):
        if up is None:
            data += bytes(height * sum(ranks) * number)
            continue
        left, right = bytes(before * number), bytes((sum(ranks) - before - rank) * number)
        for row in range(height):
            data += left + bytes(up.data[row * rank * number : (row + 1) * rank * number]) + right
    return Tensor(there[0].kind, (sum(heights), sum(ranks)), bytes(data))


def _layouts(names: Collection[str]) -> Iterator[Layout]:
    """Every one that a style of these names can have; the last block of Stable Diffusion 3 is not like the others."""
    blocks = [found for name in names if name.startswith(TRANSFORMER) and (found := BLOCK.search(name))]
    double, single = (
        max((int(block[2]) + 1 for block in blocks if bool(block[1]) == is_single), default=0)
        for is_single in (False, True)
    )
    if max(double, single) > len(names):  # a name costs a stranger nothing, and a block of a layout some time
        return
    twice = {int(block[2]) for block in blocks if block[3]}
    yield from layouts_with(double, single, twice)


def _rows(tensors: Mapping[str, Tensor], held: Mapping[str, Tensor], layout: Layout) -> dict[str, int]:
    """Of layers that do not learn, by the size of what they are joined into: queries, keys and values are as wide as
    each other."""
    found: dict[str, int] = {}
    for original, layers in layout.joined.items():
        own = [tensors.get(f"{TRANSFORMER}{layer}{UP}") for layer in layers]
        there = [up for up in own if up is not None]
        whole = held.get(f"lora_unet_{_flat(original)}.lora_up.weight")
        if whole is None or not there or len(there) == len(own):
            continue
        across = sum(len(up.data) // up.shape[0] for up in there)  # bytes a row, whatever the header of `whole` says
        rest = len(whole.data) // across - sum(up.shape[0] for up in there)
        width = next((up.shape[0] for up in own[:3] if up is not None), rest // 3)
        narrow = sum(up is None for up in own[:3])
        sizes = [width] * 3 + [rest - narrow * width]
        found |= dict(zip(layers, sizes, strict=False))
    return found


def _is(one: Tensor, other: Tensor) -> bool:
    return (one.kind, one.shape, bytes(one.data)) == (other.kind, other.shape, bytes(other.data))


def _flat(name: str) -> str:
    return name.replace(".", "_")
