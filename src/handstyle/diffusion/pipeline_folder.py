"""Is a folder a whole pipeline in the diffusers layout, and what is it, by digest?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from handstyle import digests
from handstyle.diffusion.checkpoints import each_tensor
from handstyle.diffusion.family import BaseCard
from handstyle.errors import BaseUnusable, RecordDamaged
from handstyle.records import load_json, load_toml

CARD = "handstyle.toml"
TRANSFORMERS = "model.safetensors"  # as transformers names the weights of a network; diffusers otherwise
DIFFUSERS = "diffusion_pytorch_model.safetensors"
HALF = "fp16"  # diffusers' name of the variant in half precision, which is read where there is no other
LOAD: dict[str, Any] = {"use_safetensors": True, "local_files_only": True}


def denoiser_of(folder: Path) -> str:
    """The part that removes noise: a transformer, or a U-Net."""
    return "transformer" if (folder / "transformer" / "config.json").is_file() else "unet"


def weights_of(folder: Path, part: str) -> Path:
    """Where the weights of a network are, or would be. A text encoder is transformers'."""
    plain = folder / part / (TRANSFORMERS if part.startswith("text_encoder") else DIFFUSERS)
    half = plain.with_name(f"{plain.stem}.{HALF}{plain.suffix}")
    return half if half.is_file() and not plain.is_file() else plain


def weight_files(folder: Path, part: str) -> list[Path]:
    """The files that hold the weights of a network: one, or the parts that an index beside them lists."""
    whole = weights_of(folder, part)
    if whole.is_file():
        return [whole]
    for stem, ending in ((whole.stem, ""), (whole.stem, f".{HALF}")):
        index = whole.with_name(f"{stem}{whole.suffix}.index{ending}.json")
        if index.is_file():
            listed = load_json(index).get("weight_map", {}).values()
            return [folder / part / Path(name).name for name in sorted(set(listed))]
    return [whole]


def how_to_load(folder: Path, part: str) -> dict[str, Any]:
    """For `from_pretrained`: without a network, without pickle, and the variant that is there."""
    first = weight_files(folder, part)[0]
    is_half = f".{HALF}" in first.stem and "shard" not in first.stem
    return {**LOAD, "variant": HALF} if is_half else LOAD


def check_folder(folder: Path, parts: Sequence[str], tokenizers: Sequence[str]) -> None:
    """Raises BaseUnusable naming everything that is missing or damaged, before anything is loaded."""
    faults = []
    for part in parts:
        files = weight_files(folder, part)
        for path in (folder / part / "config.json", *files):
            if not path.is_file():
                faults.append(f"{part}/{path.name} is missing")
        for weights in (path for path in files if path.is_file()):
            try:
                digests.safetensors_header(weights)
            except Exception as error:
                faults.append(str(error).splitlines()[0])
    for name in (*(f"{part}/config.json" for part in parts), "scheduler/scheduler_config.json"):
        if (folder / name).is_file():
            try:
                if not isinstance(load_json(folder / name), dict):
                    faults.append(f"{name} is not a table")
            except RecordDamaged as damaged:  # a loader would go on to ask for it on the network
                faults.append(damaged.what)
    for name in (*tokenizers, "scheduler"):
        if not (folder / name).is_dir():
            faults.append(f"{name}/ is missing")
    if faults:
        raise BaseUnusable(
            f"{folder} is not a whole diffusers folder of a Stable Diffusion model",
            faults=faults,
            hint="Give the folder that holds model_index.json, with safetensors weights; fetch damaged files again.",
        )


def read_card(folder: Path, drawn_with: Mapping[str, float] | None = None) -> BaseCard:
    """`drawn_with`: how a base of its family is drawn with where it does not say so itself."""
    path = folder / CARD
    if path.is_file():
        told = load_toml(path, BaseUnusable)
        return BaseCard.read({**(drawn_with or {}), **told}, where=str(path), error=BaseUnusable)
    return BaseCard.model_validate({**(drawn_with or {}), "name": folder.resolve().name})


def base_digest(folder: Path, parts: Sequence[str], tokenizers: Sequence[str] = ("tokenizer",)) -> str:
    """Of all that decides what the base draws: tensors, configurations and vocabulary, not file layout."""
    return digests.of_json(
        {
            "parts": {part: part_digest(folder, part) for part in parts},
            "scheduler": load_json(folder / "scheduler" / "scheduler_config.json"),
            **{name: files_digest(folder / name) for name in tokenizers},
        }
    )


def part_digest(folder: Path, part: str) -> str:
    config = {key: value for key, value in load_json(folder / part / "config.json").items() if key[0] != "_"}
    return digests.of_json({"config": config, "tensors": digests.of_tensor_files(weight_files(folder, part))})


def files_digest(folder: Path) -> dict[str, str]:
    return {path.name: digests.of_file(path) for path in sorted(folder.iterdir()) if path.is_file()}


def load_network(library: Any, folder: Path, part: str) -> Any:
    """A network of a diffusers class, in fp32."""
    return library.from_pretrained(folder / part, **how_to_load(folder, part), torch_dtype=torch.float32)


def load_text_encoder(library: Any, folder: Path, part: str, dtype: torch.dtype = torch.float32) -> Any:
    """A network of a transformers class. Raises ValueError where tensors are missing."""
    network, found = library.from_pretrained(
        folder / part, **how_to_load(folder, part), dtype=dtype, output_loading_info=True
    )
    if found["missing_keys"]:  # transformers would fill them with chance and go on
        raise ValueError(f"{part} lacks {len(found['missing_keys'])} tensors")
    return network


@torch.no_grad()
def put_back(network: nn.Module, weights: Sequence[Path], load: Callable[[], nn.Module]) -> None:
    """Tensor by tensor: a second network beside it might not fit. Files may hold more than parameters."""
    parameters = dict(network.named_parameters())
    headers = (digests.safetensors_header(path)[0] for path in weights)
    file_names = [name for header in headers for name in header if name != "__metadata__"]
    own_names = {name: _own_name(name, parameters) for name in file_names}
    if parameters.keys() <= set(own_names.values()):
        read = ((own_names[name], original) for path in weights for name, original in each_tensor(path))
        originals = ((name, original) for name, original in read if name in parameters)
    else:  # names of an earlier library, which it translates while loading
        originals = ((name, original.detach()) for name, original in load().named_parameters())
    for name, original in originals:
        parameters[name].copy_(original)


def _own_name(name: str, parameters: dict[str, nn.Parameter]) -> str:
    """Of a parameter whose file has a name; transformers has taken this level of CLIP away."""
    return name if name in parameters else name.removeprefix("text_model.")
