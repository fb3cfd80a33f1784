"""Which layers of a base does a name in a file of another tool mean?

sd-scripts writes `lora_unet_` and the name in the original code, with lines for dots, for every family, and for CLIP
`lora_te1_`, `lora_te2_` (kohya-ss/sd-scripts 077f6a4, networks/lora_sd3.py; 450630c, networks/lora_flux.py); OneTrainer
`lora_transformer_` and diffusers' name; ComfyUI reads both, and `diffusion_model.` with dots (comfy/lora.py,
`model_lora_keys_unet`). sd-scripts' OFT writes `oft_unet_`. In the original code of a transformer one layer joins
several of diffusers'.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from handstyle import digests
from handstyle.diffusion.original_layout import UNET, renamed, unet_modules, with_text_model
from handstyle.diffusion.original_transformers import layout_of
from handstyle.diffusion.pairs import turned
from handstyle.diffusion.pipeline_folder import denoiser_of, weight_files
from handstyle.diffusion.single_file import configs_in

LOOKED_UP = re.compile(r"(token|position)_embedding\.weight$")  # tables, which nothing is multiplied with
TEXTS = {"text_encoder": ("lora_te_", "lora_te1_"), "text_encoder_2": ("lora_te2_",)}
OFT_OF_KOHYA = "oft_unet_"
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Place:
    """One layer, or several that the original joins one below the other."""

    layers: tuple[str, ...]
    is_turned: bool = False  # the original has the halves of what comes out in each other's place

    def rows(self, shapes: Shapes) -> list[int]:
        return [shapes[layer][0] for layer in self.layers]

    def shape(self, shapes: Shapes) -> tuple[int, ...]:
        return (sum(self.rows(shapes)), *shapes[self.layers[0]][1:])


def layers_of(base: Path) -> dict[str, tuple[int, ...]]:
    """Each layer of a base that a matrix multiplies, with the shape of its weights; from headers alone. T5 is left
    out: no style changes it."""
    return {layer: shape for layer, shape, _, _ in _each_layer(base)}


class Weights:
    """Of a base, layer by layer: read from its files when they are asked for."""

    def __init__(self, base: Path) -> None:
        self._where = {layer: (file, name) for layer, _, file, name in _each_layer(base)}

    def at(self, place: Place) -> Tensor:
        """As the original has them: what it joins is joined."""
        parts = []
        for file, name in (self._where[layer] for layer in place.layers):
            with safe_open(file, framework="pt") as tensors:
                parts.append(tensors.get_tensor(name).float())
        whole = torch.cat(parts)
        return turned(whole) if place.is_turned else whole


def _each_layer(base: Path) -> Iterator[tuple[str, tuple[int, ...], Path, str]]:
    """Layer, shape, and where it is: the file, and the name in it."""
    denoiser = denoiser_of(base)
    for part, config in configs_in(base).items():
        if part == "vae" or (part != denoiser and not _is_clip(config)):
            continue
        for file in weight_files(base, part):
            for name, entry in digests.safetensors_header(file)[0].items():
                if name.endswith(".weight") and len(entry["shape"]) in (2, 4) and not LOOKED_UP.search(name):
                    own = name if part == denoiser else with_text_model(name)
                    yield f"{part}.{own.removesuffix('.weight')}", tuple(entry["shape"]), file, name


def _is_clip(config: Mapping[str, object]) -> bool:
    architectures = config.get("architectures") or ["CLIPTextModel"]
    return isinstance(architectures, list) and str(architectures[0]).startswith("CLIP")


def spellings(base: Path) -> dict[str, Place]:
    """Every name that a layer of this base, or several that are joined, is called by -> what it means."""
    denoiser, found = denoiser_of(base), dict[str, Place]()
    originals = _of_unet(base) if denoiser == "unet" else _of_transformer(base)
    for layer in layers_of(base):
        part, _, inside = layer.partition(".")
        names = [layer]
        if part == denoiser:
            names += [inside, *(prefix + _flat(inside) for prefix in ("lycoris_", "lora_unet_", OFT_OF_KOHYA))]
            names += [f"lora_transformer_{_flat(inside)}"] if denoiser == "transformer" else []
        else:
            names += [prefix + _flat(inside) for prefix in TEXTS[part]]
            names.append(f"{part}.{inside.removeprefix('text_model.')}")
        for name in names:
            found.setdefault(name, Place((layer,)))
    for original, place in originals.items():
        flat = (prefix + _flat(original) for prefix in ("lora_unet_", "lycoris_", OFT_OF_KOHYA))
        for name in (*flat, UNET.partition(".")[2] + original):
            found.setdefault(name, place)
    return found


def _flat(name: str) -> str:
    return name.replace(".", "_")


def _of_unet(base: Path) -> dict[str, Place]:
    back = {own: original for original, own in unet_modules(configs_in(base, "unet")["unet"]).items()}
    found = {}
    for layer in layers_of(base):
        part, _, inside = layer.partition(".")
        if part == "unet":
            original = (renamed(f"{inside}.weight", back) or f"{inside}.weight").removesuffix(".weight")
            found[original] = Place((layer,))
    return found


def _of_transformer(base: Path) -> dict[str, Place]:
    there = layers_of(base)
    places = places_in_original(base)
    return {name: place for name, place in places.items() if all(layer in there for layer in place.layers)}


def places_in_original(base: Path) -> dict[str, Place]:
    """Of a transformer: the original's name -> what it means here."""
    layout = layout_of(configs_in(base, "transformer")["transformer"])
    found = {name: Place((f"transformer.{own}",), name in layout.swapped) for name, own in layout.modules.items()}
    for name, several in layout.joined.items():
        found[name] = Place(tuple(f"transformer.{own}" for own in several))
    return found
