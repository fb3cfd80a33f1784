"""What is each tensor called, and how does it lie, in a checkpoint of the original layout?

The layout of CompVis' and Stability's own code, in which checkpoints are traded as one file, against diffusers'. Only
names and shapes change: what is turned over twice is, bit for bit, what it was. Nothing here needs torch.
"""

from __future__ import annotations

import array
from collections.abc import Callable, Mapping
from typing import Any

from handstyle.errors import BaseUnusable
from handstyle.tensor_files import Tensor

Config = Mapping[str, Any]
Table = dict[str, str]  # module in the original -> module in diffusers
Tensors = dict[str, Tensor]

UNET, VAE = "model.diffusion_model.", "first_stage_model."
# Where text encoders lie: prefix -> (part, whether OpenCLIP's own names are used). The first two: 1.x and 2.x.
TEXT_ENCODERS = {
    "cond_stage_model.transformer.": ("text_encoder", False),
    "cond_stage_model.model.": ("text_encoder", True),
    "conditioner.embedders.0.transformer.": ("text_encoder", False),
    "conditioner.embedders.1.model.": ("text_encoder_2", True),
}
RESNET = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",
}
VAE_ATTENTION = {"norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0"}
OPEN_CLIP_BLOCK = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
    "attn.out_proj": "self_attn.out_proj",
}
QUERY_KEY_VALUE = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")


def unet_modules(config: Config) -> Table:
    layers, down, up = config["layers_per_block"], config["down_block_types"], config["up_block_types"]
    table = {
        "input_blocks.0.0": "conv_in",
        "time_embed.0": "time_embedding.linear_1",
        "time_embed.2": "time_embedding.linear_2",
        "label_emb.0.0": "add_embedding.linear_1",
        "label_emb.0.2": "add_embedding.linear_2",
        "out.0": "conv_norm_out",
        "out.2": "conv_out",
        "middle_block.1": "mid_block.attentions.0",
        **_resnet("middle_block.0", "mid_block.resnets.0"),
        **_resnet("middle_block.2", "mid_block.resnets.1"),
    }
    for level, kind in enumerate(down):
        for layer in range(layers):
            block = f"input_blocks.{1 + level * (layers + 1) + layer}"
            table |= _resnet(f"{block}.0", f"down_blocks.{level}.resnets.{layer}")
            if "CrossAttn" in kind:
                table[f"{block}.1"] = f"down_blocks.{level}.attentions.{layer}"
        table[f"input_blocks.{(level + 1) * (layers + 1)}.0.op"] = f"down_blocks.{level}.downsamplers.0.conv"
    for level, kind in enumerate(up):
        for layer in range(layers + 1):
            block = f"output_blocks.{level * (layers + 1) + layer}"
            table |= _resnet(f"{block}.0", f"up_blocks.{level}.resnets.{layer}")
            if "CrossAttn" in kind:
                table[f"{block}.1"] = f"up_blocks.{level}.attentions.{layer}"
        last = f"output_blocks.{level * (layers + 1) + layers}.{2 if 'CrossAttn' in kind else 1}"
        table[f"{last}.conv"] = f"up_blocks.{level}.upsamplers.0.conv"
    return table


def _resnet(original: str, own: str) -> Table:
    return {f"{original}.{inside}": f"{own}.{name}" for inside, name in RESNET.items()}


def vae_modules(config: Config) -> Table:
    layers, levels = config["layers_per_block"], len(config["block_out_channels"])
    table: Table = {"quant_conv": "quant_conv", "post_quant_conv": "post_quant_conv"}
    for half, number, below in (("encoder", layers, "down"), ("decoder", layers + 1, "up")):
        table |= {f"{half}.conv_in": f"{half}.conv_in", f"{half}.conv_out": f"{half}.conv_out"}
        table |= {f"{half}.norm_out": f"{half}.conv_norm_out"}
        table |= {f"{half}.mid.block_{n + 1}": f"{half}.mid_block.resnets.{n}" for n in range(2)}
        attention = (f"{half}.mid.attn_1", f"{half}.mid_block.attentions.0")
        table |= {f"{attention[0]}.{old}": f"{attention[1]}.{new}" for old, new in VAE_ATTENTION.items()}
        for level in range(levels):
            at = level if half == "encoder" else levels - 1 - level
            old, new = f"{half}.{below}.{at}", f"{half}.{below}_blocks.{level}"
            for layer in range(number):
                table[f"{old}.block.{layer}"] = f"{new}.resnets.{layer}"
                table[f"{old}.block.{layer}.nin_shortcut"] = f"{new}.resnets.{layer}.conv_shortcut"
            table[f"{old}.{below}sample.conv"] = f"{new}.{below}samplers.0.conv"
    return table


def open_clip_modules(config: Config) -> Table:
    """Without what OpenCLIP keeps in one tensor: queries, keys and values; and what belongs to no module."""
    table = {"token_embedding": "text_model.embeddings.token_embedding", "ln_final": "text_model.final_layer_norm"}
    for layer in range(config["num_hidden_layers"]):
        old, new = f"transformer.resblocks.{layer}", f"text_model.encoder.layers.{layer}"
        table |= {f"{old}.{inside}": f"{new}.{name}" for inside, name in OPEN_CLIP_BLOCK.items()}
    return table


def renamed(name: str, table: Mapping[str, str]) -> str | None:
    """By the longest module that stands in the table; None where none does."""
    module = name
    while "." in module:
        module = module.rpartition(".")[0]
        if module in table:
            return table[module] + name[len(module) :]
    return None


def parts_of_file(tensors: Mapping[str, Tensor], configs: Mapping[str, Config]) -> dict[str, Tensors]:
    """Each network of a file in the original layout, in diffusers' names. What belongs to none is left off: averages,
    noise schedules, the layer of OpenCLIP that nobody asks. Raises BaseUnusable where a network is not in it."""
    found = {
        "unet": _from_original(tensors, UNET, unet_modules(configs["unet"]), lambda name, tensor: tensor),
        "vae": vae_of_file(tensors, configs["vae"]),
    }
    for prefix, (part, is_open_clip) in TEXT_ENCODERS.items():
        inside = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        if inside and part in configs:
            found[part] = _from_open_clip(inside, configs[part]) if is_open_clip else _from_clip(inside)
    missing = [part for part in configs if not found.get(part)]
    if missing:
        raise BaseUnusable(
            f"the checkpoint has no {', no '.join(missing)} in the original layout",
            hint="A file that holds one network alone is no base. Give a whole checkpoint, or a diffusers folder.",
        )
    return found


def vae_of_file(tensors: Mapping[str, Tensor], config: Config, prefix: str = VAE) -> Tensors:
    return _from_original(tensors, prefix, vae_modules(config), _flat)


def file_of_vae(tensors: Mapping[str, Tensor], config: Config, prefix: str = VAE) -> Tensors:
    back = {own: original for original, own in vae_modules(config).items()}
    return {
        prefix + _known(renamed(name, back), "vae", name): _convolution(name, tensor)
        for name, tensor in tensors.items()
    }


def file_of_parts(parts: Mapping[str, Mapping[str, Tensor]], configs: Mapping[str, Config]) -> Tensors:
    """The other way: one file in the original layout. The texts' names follow from how many encoders there are."""
    file = file_of_vae(parts["vae"], configs["vae"])
    back = {own: original for original, own in unet_modules(configs["unet"]).items()}
    for name, tensor in parts["unet"].items():
        file[UNET + _known(renamed(name, back), "unet", name)] = tensor
    for part in (part for part in parts if part.startswith("text_encoder")):
        prefix, is_open_clip = _place_of_texts(part, configs)
        inside = {with_text_model(name): tensor for name, tensor in parts[part].items()}
        back_again = _to_open_clip(inside, configs[part]) if is_open_clip else inside
        file |= {prefix + name: tensor for name, tensor in back_again.items()}
    return file


def _place_of_texts(part: str, configs: Mapping[str, Config]) -> tuple[str, bool]:
    if "text_encoder_2" in configs:
        prefix = "conditioner.embedders.0.transformer." if part == "text_encoder" else "conditioner.embedders.1.model."
    else:
        is_open_clip = configs[part].get("hidden_act") == "gelu"  # OpenAI's own has quick_gelu
        prefix = "cond_stage_model.model." if is_open_clip else "cond_stage_model.transformer."
    return prefix, TEXT_ENCODERS[prefix][1]


def _known(original: str | None, part: str, name: str) -> str:
    if original is None:
        raise BaseUnusable(
            f"{part} has a tensor {name} that the original layout has no place for",
            hint="Only Stable Diffusion 1, 2 and XL can be written as one file.",
        )
    return original


def _from_original(
    tensors: Mapping[str, Tensor], prefix: str, table: Table, shaped: Callable[[str, Tensor], Tensor]
) -> Tensors:
    found: Tensors = {}
    for name, tensor in tensors.items():
        own = renamed(name.removeprefix(prefix), table) if name.startswith(prefix) else None
        if own is not None:
            found[own] = shaped(own, tensor)
    return found


def _is_attention(own: str) -> bool:
    return ".attentions." in own and own.endswith(".weight") and ".group_norm" not in own


def _flat(own: str, tensor: Tensor) -> Tensor:
    """The attention of the autoencoder, which the original writes as convolutions of one pixel."""
    return tensor._replace(shape=tensor.shape[:2]) if _is_attention(own) else tensor


def _convolution(own: str, tensor: Tensor) -> Tensor:
    return tensor._replace(shape=(*tensor.shape, 1, 1)) if _is_attention(own) and len(tensor.shape) == 2 else tensor


def with_text_model(name: str) -> str:
    return name if name.startswith(("text_model.", "text_projection.")) else f"text_model.{name}"


def _from_clip(inside: Mapping[str, Tensor]) -> Tensors:
    """transformers' names already. Their positions are counted out, not learnt; some files hold them, too."""
    return {with_text_model(name): tensor for name, tensor in inside.items() if not name.endswith("position_ids")}


def _from_open_clip(inside: Mapping[str, Tensor], config: Config) -> Tensors:
    table, found = open_clip_modules(config), {}
    for name, tensor in inside.items():
        own = renamed(name, table)
        if own is not None:
            found[own] = tensor
    found["text_model.embeddings.position_embedding.weight"] = inside["positional_embedding"]
    for layer in range(config["num_hidden_layers"]):
        for kind in ("weight", "bias"):
            together = inside[f"transformer.resblocks.{layer}.attn.in_proj_{kind}"]
            for name, tensor in zip(QUERY_KEY_VALUE, thirds(together), strict=True):
                found[f"text_model.encoder.layers.{layer}.{name}.{kind}"] = tensor
    if "CLIPTextModelWithProjection" in config.get("architectures", ()):
        found["text_projection.weight"] = turned(inside["text_projection"])
    return found


def _to_open_clip(inside: Mapping[str, Tensor], config: Config) -> Tensors:
    back = {own: original for original, own in open_clip_modules(config).items()}
    file = {original: tensor for name, tensor in inside.items() if (original := renamed(name, back)) is not None}
    file["positional_embedding"] = inside["text_model.embeddings.position_embedding.weight"]
    for layer in range(config["num_hidden_layers"]):
        for kind in ("weight", "bias"):
            parts = [inside[f"text_model.encoder.layers.{layer}.{name}.{kind}"] for name in QUERY_KEY_VALUE]
            file[f"transformer.resblocks.{layer}.attn.in_proj_{kind}"] = joined(parts)
    if "text_projection.weight" in inside:
        file["text_projection"] = turned(inside["text_projection.weight"])
    return file


def thirds(tensor: Tensor) -> list[Tensor]:
    """Along the first axis."""
    size, shape = len(tensor.data) // 3, (tensor.shape[0] // 3, *tensor.shape[1:])
    return [Tensor(tensor.kind, shape, bytes(tensor.data[n * size : (n + 1) * size])) for n in range(3)]


def joined(parts: list[Tensor]) -> Tensor:
    """Along the first axis."""
    rows = sum(part.shape[0] for part in parts)
    return Tensor(parts[0].kind, (rows, *parts[0].shape[1:]), b"".join(bytes(part.data) for part in parts))


def turned(tensor: Tensor) -> Tensor:
    """A matrix, transposed."""
    rows, columns = tensor.shape
    code: Any = {2: "H", 4: "I", 8: "Q"}[len(tensor.data) // (rows * columns)]
    values, across = memoryview(bytes(tensor.data)).cast(code), array.array(code)
    for column in range(columns):
        across.extend(values[column::columns])
    return Tensor(tensor.kind, (columns, rows), across.tobytes())
