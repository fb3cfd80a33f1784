"""How does a base lie on the disk, for diffusers and for people?"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tomli_w

from handstyle.collection.works import Collection
from handstyle.diffusion.checkpoints import write_tensors
from handstyle.origination import card, credits, denoiser
from handstyle.origination.card import Effort
from handstyle.origination.figures import Measured
from handstyle.origination.recipe import BaseRecipe, Round
from handstyle.records import load_json, write

ENCODER, WORDS, DENOISER = "vae", "text_encoder", "unet"
WEIGHTS = "diffusion_pytorch_model.safetensors"
MODEL_INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.42.1",
    "feature_extractor": [None, None],
    "image_encoder": [None, None],
    "requires_safety_checker": False,
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}


def begin(base: Path, recipe: BaseRecipe, part: Round) -> None:
    """What is not learnt, and a denoiser for this round that knows nothing yet; where one of these sizes is there
    already, it stays."""
    denoiser.new_scheduler(part).save_pretrained(base / "scheduler")
    network = denoiser.new_denoiser(recipe, part.resolution)
    if not _is_there(base / DENOISER, network):
        write(base / "model_index.json", json.dumps(MODEL_INDEX, indent=2).encode() + b"\n")
        save_half(network, base / DENOISER)


def _is_there(folder: Path, network: Any) -> bool:
    if not (folder / WEIGHTS).is_file() or not (folder / "config.json").is_file():
        return False
    kept, sizes = load_json(folder / "config.json"), json.loads(network.to_json_string())
    return all(kept.get(name) == value for name, value in sizes.items() if not name.startswith("_"))


def begin_smaller(beside: Path, base: Path, recipe: BaseRecipe, part: Round) -> None:
    """A folder for a round of smaller pictures, with the autoencoder and the words of `base`."""
    for name in (ENCODER, WORDS, "tokenizer"):
        shutil.copytree(base / name, beside / name, dirs_exist_ok=True)
    begin(beside, recipe, part)


def save_half(network: Any, folder: Path) -> None:
    """In bfloat16: group norms on a processor refuse fp16. Where it was loaded from stays on this machine."""
    network.save_config(folder)
    config = {name: value for name, value in load_json(folder / "config.json").items() if name != "_name_or_path"}
    write(folder / "config.json", json.dumps(config, indent=2, sort_keys=True).encode() + b"\n")
    tensors = {name: tensor.detach().bfloat16().contiguous() for name, tensor in network.state_dict().items()}
    write_tensors(folder / WEIGHTS, tensors, {"format": "pt"})


def save_text_encoder(clip: Any, folder: Path) -> None:
    """In fp32, as transformers loads what was saved and diffusers loads fp32: mixed types fail. Names are the classic
    ones, with the level that transformers 5 has taken away. diffusers' training scripts ask for the class by name."""
    clip.config.architectures = [type(clip).__name__]
    clip.config.save_pretrained(folder)
    tensors = {
        f"text_model.{name.removeprefix('text_model.')}": tensor.detach().float().contiguous()
        for name, tensor in clip.state_dict().items()
        if not name.endswith("position_ids")
    }
    write_tensors(folder / "model.safetensors", tensors, {"format": "pt"})


def describe(
    base: Path,
    recipe: BaseRecipe,
    collection: Collection,
    phrases: dict[str, str],
    held_out: int,
    efforts: Sequence[Effort],
    quality: dict[str, str],
    measured: Measured | None,
    goes_on_from: str = "",
) -> None:
    """Card, credits and recipe beside the weights. `phrases`: whose hand each one calls; `goes_on_from`: what was there
    before it."""
    page = card.page(recipe, collection, held_out, efforts, quality, measured, goes_on_from)
    write(base / "handstyle.toml", card.settings(recipe, collection, phrases).encode())
    write(base / "recipe.toml", tomli_w.dumps(_without_nothing(recipe.as_json())).encode())
    write(base / "credits.jsonl", credits.lines(collection).encode())
    write(base / "ORIGIN.md", page.encode())


def _without_nothing(settings: Any) -> Any:
    """TOML has no word for nothing: what is left out means the default."""
    if isinstance(settings, dict):
        return {name: _without_nothing(value) for name, value in settings.items() if value is not None}
    return [_without_nothing(value) for value in settings] if isinstance(settings, list) else settings
