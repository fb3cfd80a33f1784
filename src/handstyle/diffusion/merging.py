"""How do updates become part of a base, as one file or as a folder?

Each sum is made in fp64 and rounded once, to the precision the base has: a full finetuning comes out with its own bits.
What nothing changes stays, bit for bit.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from handstyle import tensor_files
from handstyle.diffusion.adapter_places import layers_of
from handstyle.diffusion.checkpoints import each_tensor, plain
from handstyle.diffusion.original_layout import file_of_parts
from handstyle.diffusion.pairs import Adapter, Pair
from handstyle.diffusion.pipeline_folder import weights_of
from handstyle.diffusion.single_file import configs_in
from handstyle.tensor_files import write_tensors

LEFT_BEHIND = ("base.json", "handstyle.toml")  # they speak of the base as it was


def deltas(changes: Adapter, base: Path) -> dict[str, Tensor]:
    """Parameter -> what is added to it. A layer's name stands for its weights; biases and norms have names of their
    own."""
    shapes = layers_of(base)
    found = {}
    for layer, update in changes.items():
        if isinstance(update, Pair):
            found[f"{layer}.weight"] = update.delta(shapes[layer])
        else:
            found[layer if layer.endswith(".bias") else f"{layer}.weight"] = update
    return found


def merged(base: Path, part: str, deltas: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """The tensors of a network, under the names they have in the base's file."""
    for name, tensor in each_tensor(weights_of(base, part)):
        delta = deltas.get(f"{part}.{name}", deltas.get(f"{part}.text_model.{name}"))
        if delta is not None:
            tensor = (tensor.double() + delta.double().reshape(tensor.shape)).to(tensor.dtype)
        yield name, tensor


def precisions(base: Path) -> dict[str, torch.dtype]:
    """Parameter, as `deltas` names it -> what it is rounded to."""
    found = {}
    for part in (part for part in configs_in(base) if part != "vae"):
        for name, tensor in each_tensor(weights_of(base, part)):
            found[f"{part}.{name}"] = found[f"{part}.text_model.{name}"] = tensor.dtype
    return found


def write_checkpoint(path: Path, base: Path, deltas: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    configs = configs_in(base)
    parts = {part: plain(dict(merged(base, part, deltas))) for part in configs}
    file = file_of_parts(parts, configs)
    write_tensors(path, file, {**metadata, "modelspec.hash_sha256": f"0x{tensor_files.data_digest(file)}"})


def write_folder(folder: Path, base: Path, deltas: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """All that is in the base's folder, with the weights that change."""
    for path in sorted(found for found in base.rglob("*") if found.is_file() and found.suffix != ".safetensors"):
        place = folder / path.relative_to(base)
        if path.name not in LEFT_BEHIND and not any(part.startswith(".") for part in place.relative_to(folder).parts):
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
    for part in configs_in(base):
        tensors = plain(dict(merged(base, part, deltas)))
        write_tensors(folder / weights_of(base, part).relative_to(base), tensors, {**metadata, "format": "pt"})
