"""What does a captioning model on this disk say that a picture shows?

Models of the transformers library, from a folder and never from the network; weights as safetensors, and no code that
came with them. What it says is a suggestion for the table of captions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from handstyle.errors import BaseUnusable, HandstyleError, UsageMistake
from handstyle.records import load_json

KINDS = ("blip", "git", "vision-encoder-decoder")  # that need no prompt
LONGEST = 40  # tokens


@torch.no_grad()
def captions(folder: Path, images: Iterable[Image.Image]) -> Iterator[str]:
    """One caption an image. Raises UsageMistake for a folder that holds no captioner, BaseUnusable for one that cannot
    be loaded."""
    from transformers import AutoProcessor

    model = _model(folder)
    try:
        processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise BaseUnusable(f"the captioner in {folder} cannot be loaded: {error}", hint="Fetch it again.") from error
    for image in images:
        inputs = processor(images=image.convert("RGB"), return_tensors="pt")
        tokens = model.generate(pixel_values=inputs["pixel_values"], max_new_tokens=LONGEST, do_sample=False)
        yield " ".join(processor.batch_decode(tokens, skip_special_tokens=True)[0].split())


def _model(folder: Path) -> Any:
    from transformers import AutoModelForImageTextToText, VisionEncoderDecoderModel

    try:
        kind = load_json(folder / "config.json").get("model_type")
    except (HandstyleError, AttributeError) as error:
        raise UsageMistake(
            f"{folder} holds no captioner", hint="Name a folder with a model of the transformers library."
        ) from error
    if kind not in KINDS:
        raise UsageMistake(f"{folder} holds a model of the kind {kind}", hint=f"Captioners are: {', '.join(KINDS)}.")
    loader = VisionEncoderDecoderModel if kind == "vision-encoder-decoder" else AutoModelForImageTextToText
    try:
        return loader.from_pretrained(folder, local_files_only=True, use_safetensors=True).eval()
    except (OSError, ValueError, RuntimeError) as error:
        raise BaseUnusable(
            f"the captioner in {folder} cannot be loaded: {error}", hint="Fetch it again, with weights as safetensors."
        ) from error
