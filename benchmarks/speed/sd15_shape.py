"""What stands in for Stable Diffusion 1.5 where its weights cannot be had: how is a base of its shape made?

A whole folder of the true shape with weights from chance, as fast as the real one.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

UNET = {
    "sample_size": 64,
    "block_out_channels": (320, 640, 1280, 1280),
    "layers_per_block": 2,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
    "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
}
VAE = {
    "sample_size": 512,
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "latent_channels": 4,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}
CLIP = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}


def save(folder: Path, embedded: Path) -> Path:
    """The words are the embedded base's: their number changes no time worth measuring."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    vocabulary = json.loads((embedded / "text_encoder" / "config.json").read_text())
    words = {key: vocabulary[key] for key in ("vocab_size", "bos_token_id", "eos_token_id", "pad_token_id")}
    length = {"max_position_embeddings": vocabulary["max_position_embeddings"]}
    for name in ("scheduler", "tokenizer"):
        shutil.copytree(embedded / name, folder / name)
    shutil.copy(embedded / "model_index.json", folder)
    makers: dict[str, Callable[[], Any]] = {
        "unet": lambda: UNet2DConditionModel(**UNET),
        "vae": lambda: AutoencoderKL(**VAE),
        "text_encoder": lambda: CLIPTextModel(CLIPTextConfig(**CLIP, **words, **length)),
    }
    for part, make in makers.items():
        with torch.device("meta"):
            network = make()
        (folder / part).mkdir()
        if part == "text_encoder":
            network.config.architectures = ["CLIPTextModel"]
            network.config.save_pretrained(folder / part)
        else:
            network.save_config(folder / part)
        name = "model" if part == "text_encoder" else "diffusion_pytorch_model"
        save_file(by_chance(network), folder / part / f"{name}.safetensors", {"format": "pt"})
    return folder


def by_chance(network: nn.Module) -> dict[str, torch.Tensor]:
    """Values that neither vanish nor explode through the layers; the norms do nothing."""
    chance = torch.Generator().manual_seed(0)
    weights = {}
    for name, parameter in network.named_parameters():
        if parameter.ndim == 1:
            weights[name] = (torch.ones if "norm" in name and name.endswith("weight") else torch.zeros)(parameter.shape)
        else:
            width = (3 / parameter[0].numel()) ** 0.5 if "embedding" not in name else 0.02
            weights[name] = torch.empty(parameter.shape).uniform_(-width, width, generator=chance)
    return weights
