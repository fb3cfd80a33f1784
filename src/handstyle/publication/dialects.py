"""What does each tool call the same tensor?

    ours       unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight
    diffusers  the same; in the text encoder always with `text_model.`, which ComfyUI needs and diffusers accepts
    kohya      lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight

Recent transformers have no `text_model.` level, so a style may have been saved without it.
"""

from __future__ import annotations

from collections.abc import Mapping

from handstyle.errors import RecordDamaged
from handstyle.tensor_files import Tensor, scalar

PARTS = ("unet", "text_encoder")
DOWN, UP = ".lora_A.weight", ".lora_B.weight"


def module_of(name: str) -> str:
    """The module a low-rank tensor belongs to, with its part: `unet.mid_block…to_q`."""
    for ending in (DOWN, UP):
        if name.endswith(ending):
            return name.removesuffix(ending)
    raise RecordDamaged(f"{name} is not a low-rank update", hint="Finetune again with the method `lora`.")


def with_text_model(name: str) -> str:
    part, _, rest = name.partition(".")
    if part != "text_encoder" or rest.startswith("text_model."):
        return name
    return f"{part}.text_model.{rest}"


def without_text_model(name: str) -> str:
    return name.replace("text_encoder.text_model.", "text_encoder.", 1)


def kohya_module(module: str) -> str:
    part, _, rest = with_text_model(module).partition(".")
    return {"unet": "lora_unet_", "text_encoder": "lora_te_"}[part] + rest.replace(".", "_")


def as_diffusers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {with_text_model(name): tensor for name, tensor in tensors.items()}


def as_kohya(tensors: Mapping[str, Tensor], alpha: float) -> dict[str, Tensor]:
    """With the true alpha beside every module: readers that find none take the scale to be one."""
    renamed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        module = kohya_module(module_of(name))
        renamed[f"{module}.lora_down.weight" if name.endswith(DOWN) else f"{module}.lora_up.weight"] = tensor
        renamed[f"{module}.alpha"] = scalar(alpha)
    if len(renamed) * 2 != len(tensors) * 3:
        raise RecordDamaged("Two modules of the style have the same name in the kohya format")
    return renamed


def part_of(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    """The tensors of one network, named from inside it."""
    return {name.removeprefix(f"{part}."): tensor for name, tensor in tensors.items() if name.startswith(f"{part}.")}


def rank_of(tensors: Mapping[str, Tensor]) -> int:
    """The rank every update has: the first axis of its `lora_A`."""
    ranks = {tensor.shape[0] for name, tensor in tensors.items() if name.endswith(DOWN)}
    if len(ranks) != 1:
        raise RecordDamaged(f"The style's updates have the ranks {sorted(ranks)} and must have one")
    return ranks.pop()
