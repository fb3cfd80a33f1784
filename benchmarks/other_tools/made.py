"""What are other tools given, and what must they compute?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.bench import run
from benchmarks.speed.sd15_shape import by_chance
from handstyle.demonstration import EXAMPLE
from handstyle.diffusion.checkpoints import plain
from handstyle.diffusion.family import ModelFamily
from handstyle.diffusion.original_layout import file_of_parts
from handstyle.diffusion.single_file import SHIPPED, configs_in, folder_of
from handstyle.finetuning.trained_style import WEIGHTS, TrainedStyle
from handstyle.generation.generate import Worn
from handstyle.generation.wardrobe import worn
from handstyle.publication import exports
from handstyle.publication.clearance import Clearance
from handstyle.publication.exports import DIFFUSERS_LORA, EMBEDDING, PEFT
from handstyle.publication.style_licence import StyleLicence
from handstyle.tensor_files import write_tensors
from handstyle.workspace import Workspace

FOR_DIFFUSERS = (DIFFUSERS_LORA, PEFT, EMBEDDING)
WORDS = "a red fox in a hat, icon"
TIMESTEP = 500
SIDE = 64  # pixels: the networks have their true size, the pictures need not
RATE = "0.02"  # so that two steps change what is computed by about as much as a whole training does
NEW_WORD = "hndstyl"
STYLES: dict[str, list[str]] = {
    "lora": ["--set", "train_text_encoder=true", "--set", f"text_encoder_lr={RATE}"],
    "loha": ["--algo", "loha"],
    "lokr": ["--algo", "lokr"],
    "word": ["--train-text-encoder-ti", "--token-lr", RATE, "--set", f"identifier={NEW_WORD}"],
}


def base(folder: Path) -> Path:
    """One file in the original layout, in half precision; from its configuration and chance."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    configs = configs_in(SHIPPED / "stable-diffusion-1")
    with torch.device("meta"):
        networks: dict[str, Any] = {
            "unet": UNet2DConditionModel.from_config(configs["unet"]),
            "vae": AutoencoderKL.from_config(configs["vae"]),
            "text_encoder": CLIPTextModel(CLIPTextConfig(**configs["text_encoder"])),
        }
    parts = {}
    for part, network in networks.items():
        parts[part] = plain({name: tensor.half() for name, tensor in by_chance(network).items()})
    path = folder / "base.safetensors"
    write_tensors(path, file_of_parts(parts, configs), {})
    return path


@dataclass(frozen=True)
class Case:
    """Which files a tool is to load, and of which style they are."""

    checkpoint: Path
    style: str = ""
    lora: Path | None = None
    embedding: Path | None = None
    bundled: bool = False  # the new word is in the file of the LoRA

    def as_json(self) -> dict[str, str | bool]:
        files = {"checkpoint": self.checkpoint, "lora": self.lora, "embedding": self.embedding}
        named = {what: str(path) for what, path in files.items() if path is not None}
        return {"style": self.style, "words": words_of(self.style), "bundled": self.bundled, **named}


@dataclass(frozen=True)
class Made:
    """Of one style: the run that it comes from, and the files that `publish` puts into a release."""

    workspace: Workspace
    run: str
    weights: Path

    def worn(self, family: ModelFamily) -> list[Worn]:
        return worn(self.workspace, [self.run], family)


def trained(folder: Path, base: Path, name: str) -> Made:
    """From collecting to the files, without looking at pictures that chance has drawn."""
    workspace, works = Workspace(folder / "workspaces" / name), EXAMPLE / "works"
    common = ("--workspace", str(workspace.root))
    run("collect", str(works), "--rights", str(works / "rights.toml"), "--leave-out", "none", *common)
    chosen = (
        *("max_train=2 steps", "train_batch_size=1", f"resolution={SIDE}", "rank=4", "lora_alpha=2"),
        *("lr_scheduler=constant", f"learning_rate={RATE}"),
    )
    settings = [part for one in chosen for part in ("--set", one)]
    off = ("--stop", "max_train", "--sample-every", "0")
    found = run("finetune", *settings, *STYLES[name], *off, "--base", str(base), *common)
    style, weights = TrainedStyle.open(Path(found["style"])), folder / "weights" / name
    named = Clearance.model_construct(
        title=f"Chance {name}",
        name=f"chance-{name}",
        on=date.today().isoformat(),
        licence=StyleLicence(name="Apache-2.0", hub="apache-2.0", why="of the works"),
    )
    exports.write_files(weights, style, Path(found["style"]) / WEIGHTS, folder_of(base), named)
    return Made(workspace, str(found["run"]), weights)


def merged(folder: Path, base: Path, lora: Made) -> Path:
    """The base with the LoRA merged into it, as one file."""
    on = ("--workspace", str(lora.workspace.root), "--base", str(base))
    return Path(run("convert", lora.run, "--as", "checkpoint", "--to", str(folder / "merged"), *on)["file"])


def tokens(tokenizer: Any) -> Tensor:
    ids: Tensor = tokenizer(
        [WORDS], padding="max_length", max_length=tokenizer.model_max_length, return_tensors="pt"
    ).input_ids
    return ids


@torch.no_grad()
def answer(family: ModelFamily, words: str, latents_BCHW: Tensor) -> dict[str, Tensor]:
    """What the text encoder says, and what the denoiser says to that."""
    conditioning_BLD = family.encode_texts([words])
    predicted_BCHW = family.predict(latents_BCHW, torch.tensor([TIMESTEP]), conditioning_BLD)
    return {"conditioning": conditioning_BLD, "prediction": predicted_BCHW}


def words_of(style: str) -> str:
    return f"{WORDS}, {NEW_WORD}" if style == "word" else WORDS


def cases_of(name: str, style: Made, base: Path) -> dict[str, Case]:
    """Each file that other tools than diffusers are to read."""
    weights = style.weights
    for_others = next(path for path in weights.glob("*.safetensors") if path.name not in FOR_DIFFUSERS)
    if name != "word":
        return {name: Case(base, name, for_others)}
    return {
        "lora and a new word": Case(base, name, for_others, weights / EMBEDDING),
        "lora with a new word in one file": Case(base, name, for_others, bundled=True),
    }
