"""What does a vision model on this disk see in a picture?

DINO, SigLIP, CLIP, and networks of their build that learnt something else: models of the transformers library, from a
folder and never from the network; and CSD and SSCD, from a file with the names they were published under
(`published_models`). Weights as safetensors, and no code that came with them. Their licence is the user's matter: none
of them is shipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from handstyle.errors import BaseUnusable, HandstyleError, UsageMistake
from handstyle.inspection.published_models import published
from handstyle.records import load_json

# The kind that config.json names, and the class that reads a picture with it.
KINDS = {
    "vit": "ViTModel",  # DINO
    "dinov2": "Dinov2Model",
    "dinov2_with_registers": "Dinov2WithRegistersModel",
    "dinov3_vit": "DINOv3ViTModel",
    "siglip": "SiglipVisionModel",
    "siglip_vision_model": "SiglipVisionModel",
    "clip": "CLIPVisionModelWithProjection",
    "clip_vision_model": "CLIPVisionModelWithProjection",
    "resnet": "ResNetModel",
}
BATCH = 16


class VisionModel:
    """Raises UsageMistake for a folder that holds none, BaseUnusable for what cannot be loaded."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.resolve().name
        if folder.is_file():
            found = published(folder)
            self.network, self.side = found.network, found.side
            self.mean, self.deviation = torch.tensor(found.mean), torch.tensor(found.deviation)
            return
        self.network = _loaded(folder, _kind(folder))
        self.side, self.mean, self.deviation = _preparation(folder)

    @torch.no_grad()
    def seen(self, pictures: Sequence[Image.Image]) -> Tensor:
        """N x D, each of length 1."""
        found = []
        for begin in range(0, len(pictures), BATCH):
            told = self.network(pixel_values=self._prepared(pictures[begin : begin + BATCH]))
            found.append(torch.nn.functional.normalize(_one_each(told).flatten(1).float(), dim=-1))
        return torch.cat(found)

    def _prepared(self, pictures: Sequence[Image.Image]) -> Tensor:
        """The whole picture, never a part of it: what stands at the edge was put there."""
        squares = [one.convert("RGB").resize((self.side, self.side), Image.Resampling.BICUBIC) for one in pictures]
        pixels_BHWC = torch.from_numpy(np.stack([np.asarray(one, dtype=np.float32) for one in squares])) / 255
        return ((pixels_BHWC - self.mean) / self.deviation).permute(0, 3, 1, 2)


def _one_each(told: Any) -> Tensor:
    """The projection (CLIP, and so CSD), else what was pooled, else the token of the whole picture."""
    for name in ("image_embeds", "pooler_output"):
        found = getattr(told, name, None)
        if isinstance(found, Tensor):
            return found
    first: Tensor = told.last_hidden_state[:, 0]
    return first


def _kind(folder: Path) -> str:
    try:
        kind = load_json(folder / "config.json").get("model_type")
    except (HandstyleError, AttributeError) as error:
        raise UsageMistake(
            f"{folder} holds no vision model", hint="Name a folder with a model of the transformers library."
        ) from error
    if kind not in KINDS:
        raise UsageMistake(
            f"{folder} holds a model of the kind {kind}", hint=f"Vision models are: {', '.join(sorted(KINDS))}."
        )
    return str(kind)


def _loaded(folder: Path, kind: str) -> Any:
    import transformers

    try:
        network, told = getattr(transformers, KINDS[kind]).from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise BaseUnusable(
            f"the vision model in {folder} cannot be loaded: {error}",
            hint="Fetch it again, with weights as safetensors.",
        ) from error
    # transformers draws by chance what a file lacks; a head that nothing reads may be absent.
    lacking = sorted(name for name in told["missing_keys"] if not (kind == "vit" and name.startswith("pooler.")))
    if lacking:
        raise BaseUnusable(
            f"the vision model in {folder} lacks {len(lacking)} tensors, first: {lacking[0]}",
            hint="Fetch it again; a file of another layout must be converted to that of transformers first.",
        )
    if kind == "vit":
        network.pooler = None  # DINO has none: the token of the whole picture is what it learnt
    return network.eval().requires_grad_(False)


def _preparation(folder: Path) -> tuple[int, Tensor, Tensor]:
    """Pixels a side, mean and deviation of each channel, as preprocessor_config.json tells them."""
    try:
        told = load_json(folder / "preprocessor_config.json")
        size = told.get("crop_size") or told["size"]
        side = size if isinstance(size, int) else size.get("height") or size["shortest_edge"]
        mean, deviation = (torch.tensor(told[name], dtype=torch.float32) for name in ("image_mean", "image_std"))
    except (HandstyleError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise BaseUnusable(
            f"{folder / 'preprocessor_config.json'} does not say how a picture is to be prepared",
            hint="Fetch the model again, with this file.",
        ) from error
    return int(side), mean, deviation
