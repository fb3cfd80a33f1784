"""What is each tensor of a transformer called, and how does it lie, in a checkpoint of the original layout?

That of Stability's SD3 and of Black Forest Labs' FLUX.1, against diffusers'. The originals join queries, keys and
values (and in FLUX.1's single blocks what goes into the feed-forward part) into one tensor, and in the last modulation
shift comes before scale. What is turned over twice is, bit for bit, what it was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from handstyle.diffusion.original_layout import (
    UNET,
    VAE,
    Config,
    Tensors,
    file_of_vae,
    vae_of_file,
    with_text_model,
)
from handstyle.errors import BaseUnusable
from handstyle.tensor_files import Tensor

QUERY_KEY_VALUE = ("to_q", "to_k", "to_v")
PLACES_THERE, PLACES = "pos_embed", "pos_embed.pos_embed"  # a table that Stable Diffusion 3 reads and never learns
ADDED = ("add_q_proj", "add_k_proj", "add_v_proj")
EMBEDDER = {"in_layer": "linear_1", "out_layer": "linear_2"}


@dataclass(frozen=True)
class Layout:
    """Of one transformer: original name -> ours, in full where they end otherwise, else of modules."""

    modules: dict[str, str] = field(default_factory=dict)
    tensors: dict[str, str] = field(default_factory=dict)
    joined: dict[str, tuple[str, ...]] = field(default_factory=dict)  # modules one below the other
    swapped: frozenset[str] = frozenset()  # original modules whose halves change places


def layout_of(config: Config) -> Layout:
    return _flux(config) if config["_class_name"] == "FluxTransformer2DModel" else _stable_diffusion_3(config)


def layouts_with(double: int, single: int, twice: Collection[int]) -> Iterator[Layout]:
    """Every one with so many blocks, where no configuration is at hand; `twice`: those with two attentions. The last
    block of Stable Diffusion 3 is not like the others, and may not show in the names."""
    yield _flux({"num_layers": double, "num_single_layers": single})
    for layers in (double, double + 1):
        yield _stable_diffusion_3({"num_layers": layers, "dual_attention_layers": tuple(twice)})


def _stable_diffusion_3(config: Config) -> Layout:
    last, twice = config["num_layers"] - 1, tuple(config.get("dual_attention_layers") or ())
    modules = {
        "x_embedder.proj": "pos_embed.proj",
        "context_embedder": "context_embedder",
        "final_layer.linear": "proj_out",
        "final_layer.adaLN_modulation.1": "norm_out.linear",
    }
    for old, new in (("t_embedder", "timestep_embedder"), ("y_embedder", "text_embedder")):
        modules |= {f"{old}.mlp.{2 * n}": f"time_text_embed.{new}.linear_{n + 1}" for n in range(2)}
    joined: dict[str, tuple[str, ...]] = {}
    for layer in range(last + 1):
        x, c = (f"joint_blocks.{layer}.{side}_block" for side in ("x", "context"))
        own = f"transformer_blocks.{layer}"
        modules |= {
            f"{x}.adaLN_modulation.1": f"{own}.norm1.linear",
            f"{c}.adaLN_modulation.1": f"{own}.norm1_context.linear",
            f"{x}.attn.proj": f"{own}.attn.to_out.0",
            f"{x}.attn.ln_q": f"{own}.attn.norm_q",
            f"{x}.attn.ln_k": f"{own}.attn.norm_k",
            f"{c}.attn.ln_q": f"{own}.attn.norm_added_q",
            f"{c}.attn.ln_k": f"{own}.attn.norm_added_k",
            f"{x}.mlp.fc1": f"{own}.ff.net.0.proj",
            f"{x}.mlp.fc2": f"{own}.ff.net.2",
        }
        joined[f"{x}.attn.qkv"] = tuple(f"{own}.attn.{name}" for name in QUERY_KEY_VALUE)
        joined[f"{c}.attn.qkv"] = tuple(f"{own}.attn.{name}" for name in ADDED)
        if layer != last:  # the words' last word is not asked for
            modules |= {
                f"{c}.attn.proj": f"{own}.attn.to_add_out",
                f"{c}.mlp.fc1": f"{own}.ff_context.net.0.proj",
                f"{c}.mlp.fc2": f"{own}.ff_context.net.2",
            }
        if layer in twice:
            joined[f"{x}.attn2.qkv"] = tuple(f"{own}.attn2.{name}" for name in QUERY_KEY_VALUE)
            modules |= {
                f"{x}.attn2.proj": f"{own}.attn2.to_out.0",
                f"{x}.attn2.ln_q": f"{own}.attn2.norm_q",
                f"{x}.attn2.ln_k": f"{own}.attn2.norm_k",
            }
    swapped = {"final_layer.adaLN_modulation.1", f"joint_blocks.{last}.context_block.adaLN_modulation.1"}
    return Layout(modules, {PLACES_THERE: PLACES}, joined, frozenset(swapped))


def _flux(config: Config) -> Layout:
    modules = {
        "txt_in": "context_embedder",
        "img_in": "x_embedder",
        "final_layer.linear": "proj_out",
        "final_layer.adaLN_modulation.1": "norm_out.linear",
    }
    for old, new in (("time_in", "timestep"), ("vector_in", "text"), ("guidance_in", "guidance")):
        modules |= {f"{old}.{a}": f"time_text_embed.{new}_embedder.{b}" for a, b in EMBEDDER.items()}
    joined: dict[str, tuple[str, ...]] = {}
    tensors: dict[str, str] = {}
    for layer in range(config["num_layers"]):
        old, own = f"double_blocks.{layer}", f"transformer_blocks.{layer}"
        for side, context, out, norm, names in (
            ("img", "", "to_out.0", "norm_", QUERY_KEY_VALUE),
            ("txt", "_context", "to_add_out", "norm_added_", ADDED),
        ):
            modules |= {
                f"{old}.{side}_mod.lin": f"{own}.norm1{context}.linear",
                f"{old}.{side}_attn.proj": f"{own}.attn.{out}",
                f"{old}.{side}_mlp.0": f"{own}.ff{context}.net.0.proj",
                f"{old}.{side}_mlp.2": f"{own}.ff{context}.net.2",
            }
            joined[f"{old}.{side}_attn.qkv"] = tuple(f"{own}.attn.{name}" for name in names)
            tensors |= {
                f"{old}.{side}_attn.norm.{which}_norm.scale": f"{own}.attn.{norm}{which[0]}.weight"
                for which in ("query", "key")
            }
    for layer in range(config["num_single_layers"]):
        old, own = f"single_blocks.{layer}", f"single_transformer_blocks.{layer}"
        modules |= {f"{old}.modulation.lin": f"{own}.norm.linear", f"{old}.linear2": f"{own}.proj_out"}
        joined[f"{old}.linear1"] = (*(f"{own}.attn.{name}" for name in QUERY_KEY_VALUE), f"{own}.proj_mlp")
        tensors |= {
            f"{old}.norm.{which}_norm.scale": f"{own}.attn.norm_{which[0]}.weight" for which in ("query", "key")
        }
    return Layout(modules, tensors, joined, frozenset({"final_layer.adaLN_modulation.1"}))


def from_original(tensors: Mapping[str, Tensor], config: Config) -> Tensors:
    """In diffusers' names. What belongs to no layer is left off."""
    layout, found = layout_of(config), Tensors()
    width = config["num_attention_heads"] * config["attention_head_dim"]
    for name, tensor in tensors.items():
        module, _, ending = name.rpartition(".")
        if name in layout.tensors:
            found[layout.tensors[name]] = tensor
        elif module in layout.joined:
            own = layout.joined[module]
            sizes = [width] * 3 + [tensor.shape[0] - 3 * width] * (len(own) - 3)
            found |= {f"{one}.{ending}": part for one, part in zip(own, cut(tensor, sizes), strict=True)}
        elif module in layout.modules:
            found[f"{layout.modules[module]}.{ending}"] = swapped(tensor) if module in layout.swapped else tensor
    return found


def to_original(tensors: Mapping[str, Tensor], config: Config) -> Tensors:
    """The other way. Raises BaseUnusable where a tensor has no place there."""
    return dict(each_in_original(tensors, config))


def each_in_original(tensors: Mapping[str, Tensor], config: Config) -> Iterator[tuple[str, Tensor]]:
    """The same one by one, so that no more than one is joined at a time."""
    layout, left = layout_of(config), dict(tensors)
    for original, own in layout.tensors.items():
        if own in left:
            yield original, left.pop(own)
    for original, modules in layout.joined.items():
        for ending in ("weight", "bias"):
            if f"{modules[0]}.{ending}" in left:
                yield f"{original}.{ending}", stacked([left.pop(f"{one}.{ending}") for one in modules])
    back = {own: original for original, own in layout.modules.items()}
    for name, tensor in left.items():
        module, _, ending = name.rpartition(".")
        if module not in back:
            raise BaseUnusable(
                f"the transformer has a tensor {name} that the original layout has no place for",
                hint="Only SD3, SD3.5 and FLUX.1 can be written as one file.",
            )
        original = back[module]
        yield f"{original}.{ending}", swapped(tensor) if original in layout.swapped else tensor


def cut(tensor: Tensor, rows: list[int]) -> list[Tensor]:
    """Along the first axis. Raises BaseUnusable where it has another number of rows."""
    if sum(rows) != tensor.shape[0] or min(rows) < 0:
        raise BaseUnusable(
            f"a tensor has {tensor.shape[0]} rows and the configuration asks for {sum(rows)}",
            hint="Name a folder with the configurations of this very model with --config.",
        )
    size, parts, begin = len(tensor.data) // tensor.shape[0], [], 0
    for number in rows:
        data = bytes(tensor.data[begin * size : (begin + number) * size])
        parts.append(Tensor(tensor.kind, (number, *tensor.shape[1:]), data))
        begin += number
    return parts


def stacked(parts: list[Tensor]) -> Tensor:
    """Along the first axis."""
    rows = sum(part.shape[0] for part in parts)
    return Tensor(parts[0].kind, (rows, *parts[0].shape[1:]), b"".join(bytes(part.data) for part in parts))


def swapped(tensor: Tensor) -> Tensor:
    """With the halves in each other's place."""
    half = tensor.shape[0] // 2
    return stacked(cut(tensor, [half, tensor.shape[0] - half])[::-1])


FIRST = ("joint_blocks.0.x_block.attn.qkv.weight", "double_blocks.0.img_attn.qkv.weight")
# Where ComfyUI looks for the other networks (comfy/supported_models.py c4d1a8d, `SD3` and `Flux`), as diffusers does.
CLIP_L, CLIP_G, T5 = (f"text_encoders.{name}.transformer." for name in ("clip_l", "clip_g", "t5xxl"))
VAE_OF_FLUX = "vae."
ONE = {"F16": b"\x00\x3c", "BF16": b"\x80\x3f", "F32": b"\x00\x00\x80\x3f"}


def is_of_a_transformer(tensors: Mapping[str, Tensor]) -> bool:
    return any(prefix + name in tensors for prefix in ("", UNET) for name in FIRST)


def parts_of_file(tensors: Mapping[str, Tensor], configs: Mapping[str, Config]) -> dict[str, Tensors]:
    """The networks that are in the file: often the transformer alone. Names may begin as those of a U-Net do."""
    inside = {name.removeprefix(UNET): tensor for name, tensor in tensors.items()}
    vae = next((prefix for prefix in (VAE, VAE_OF_FLUX) if any(name.startswith(prefix) for name in tensors)), VAE)
    found = {
        "transformer": from_original(inside, configs["transformer"]),
        "vae": vae_of_file(tensors, configs["vae"], vae),
    }
    for prefix, part in text_encoders(configs["transformer"]).items():
        own = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        if own and part in configs:
            found[part] = _with_projection(own, configs[part])
    return {part: network for part, network in found.items() if network}


def text_encoders(config: Config) -> dict[str, str]:
    """What their names begin with -> the part, by the transformer that reads them."""
    if config["_class_name"] == "FluxTransformer2DModel":
        return {CLIP_L: "text_encoder", T5: "text_encoder_2"}
    return {CLIP_L: "text_encoder", CLIP_G: "text_encoder_2", T5: "text_encoder_3"}


def parts_in(names: Collection[str], config: Config) -> set[str]:
    """Which networks a file of these names holds."""
    begins = {**text_encoders(config), VAE: "vae", VAE_OF_FLUX: "vae"}
    held = {part for prefix, part in begins.items() if any(name.startswith(prefix) for name in names)}
    return {"transformer", *held}


def file_of_parts(parts: Mapping[str, Mapping[str, Tensor]], configs: Mapping[str, Config]) -> Tensors:
    """The other way: one file, of the networks that are given."""
    return dict(each_of_parts(parts, configs))


def each_of_parts(
    parts: Mapping[str, Mapping[str, Tensor]], configs: Mapping[str, Config]
) -> Iterator[tuple[str, Tensor]]:
    config = configs["transformer"]
    for name, tensor in each_in_original(parts["transformer"], config):
        yield UNET + name, tensor
    if "vae" in parts:
        prefix = VAE_OF_FLUX if config["_class_name"] == "FluxTransformer2DModel" else VAE
        yield from file_of_vae(parts["vae"], configs["vae"], prefix).items()
    for prefix, part in text_encoders(config).items():
        for name, tensor in parts.get(part, {}).items():
            yield prefix + (name if prefix == T5 else with_text_model(name)), tensor


def _with_projection(inside: dict[str, Tensor], config: Config) -> Tensors:
    """The smaller CLIP's summary is not projected, and the file leaves that out."""
    found = {name: tensor for name, tensor in inside.items() if not name.endswith("position_ids")}
    projects = "CLIPTextModelWithProjection" in config.get("architectures", ())
    if projects and "text_projection.weight" not in found:
        kind, side = next(iter(found.values())).kind, config["hidden_size"]
        nothing = b"\x00" * len(ONE[kind])
        rows = (nothing * row + ONE[kind] + nothing * (side - 1 - row) for row in range(side))
        found["text_projection.weight"] = Tensor(kind, (side, side), b"".join(rows))
    return found
