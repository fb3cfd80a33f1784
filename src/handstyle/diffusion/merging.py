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

from handstyle import digests, tensor_files
from handstyle.diffusion import original_layout, original_transformers
from handstyle.diffusion.adapter_places import layers_of
from handstyle.diffusion.checkpoints import KINDS, each_tensor, plain
from handstyle.diffusion.pairs import Adapter, Pair
from handstyle.diffusion.pipeline_folder import weight_files
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


def merged(file: Path, part: str, deltas: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """The tensors of a file of one of the base's networks, under the names they have there."""
    for name, tensor in each_tensor(file):
        delta = deltas.get(f"{part}.{name}", deltas.get(f"{part}.text_model.{name}"))
        if delta is not None:
            tensor = (tensor.double() + delta.double().reshape(tensor.shape)).to(tensor.dtype)
        yield name, tensor


def precisions(base: Path) -> dict[str, torch.dtype]:
    """Parameter, as `deltas` names it -> what it is rounded to; from headers alone."""
    kinds = {kind: dtype for dtype, kind in KINDS.items()}
    found = {}
    for part in (part for part in configs_in(base) if part != "vae"):
        for file in weight_files(base, part):
            for name, entry in digests.safetensors_header(file)[0].items():
                if name != "__metadata__" and entry["dtype"] in kinds:
                    found[f"{part}.{name}"] = found[f"{part}.text_model.{name}"] = kinds[entry["dtype"]]
    return found


def write_checkpoint(path: Path, base: Path, deltas: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """All networks of the base, in the original layout."""
    configs = configs_in(base)
    parts = {
        part: plain(dict(pair for file in weight_files(base, part) for pair in merged(file, part, deltas)))
        for part in configs
    }
    layout = original_transformers if "transformer" in configs else original_layout
    file = layout.file_of_parts(parts, configs)
    write_tensors(path, file, {**metadata, "modelspec.hash_sha256": f"0x{tensor_files.data_digest(file)}"})


def write_folder(folder: Path, base: Path, deltas: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """All that is in the base's folder, with the weights that change; in as many files as they are there."""
    for path in sorted(found for found in base.rglob("*") if found.is_file() and found.suffix != ".safetensors"):
        place = folder / path.relative_to(base)
        if path.name not in LEFT_BEHIND and not any(part.startswith(".") for part in place.relative_to(folder).parts):
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
    for part in configs_in(base):
        for file in weight_files(base, part):
            tensors = plain(dict(merged(file, part, deltas)))
            write_tensors(folder / file.relative_to(base), tensors, {**metadata, "format": "pt"})
