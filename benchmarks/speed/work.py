"""How much work is in a step, counted?"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from handstyle.diffusion import low_rank
from handstyle.diffusion.attention import use_plain_attention
from handstyle.diffusion.unet_family import LAYERS


def floating_point_operations(base: Path, method: str, rank: int, size: int, rows: int) -> int:
    """Of the U-Net forward and back for `rows` pictures, without anything computed twice; nothing is multiplied."""
    from diffusers import UNet2DConditionModel

    config: dict[str, Any] = json.loads((base / "unet" / "config.json").read_text(encoding="utf-8"))
    levels = len(json.loads((base / "vae" / "config.json").read_text(encoding="utf-8"))["block_out_channels"])
    length = json.loads((base / "text_encoder" / "config.json").read_text(encoding="utf-8"))["max_position_embeddings"]
    side = size // 2 ** (levels - 1)
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(config)
        use_plain_attention(unet)
        unet.requires_grad_(method == "full")
        if method == "lora":
            names = [name for name, _ in unet.named_modules() if re.search(LAYERS["attention"], name)]
            low_rank.attach_trainable(unet, names, rank, rank, 0.0)
        latents = torch.empty(rows, config["in_channels"], side, side)
        words = torch.empty(rows, length, config["cross_attention_dim"])
        with FlopCounterMode(display=False) as counter:
            unet(latents, torch.zeros(rows), words).sample.sum().backward()
    return int(counter.get_total_flops())
