"""Are vision models read from a folder alone, as they are meant to be read, and refused where that cannot be?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from PIL import Image, ImageDraw

from handstyle.errors import BaseUnusable, UsageMistake
from handstyle.inspection.vision_models import VisionModel

SMALL: dict[str, Any] = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 32, "patch_size": 8,
}  # fmt: skip
WIDE = {**SMALL, "intermediate_size": 32}
CLASSES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "dino": ("ViTConfig", "ViTModel", WIDE),
    "dinov2": ("Dinov2Config", "Dinov2Model", SMALL),
    "siglip": ("SiglipVisionConfig", "SiglipVisionModel", WIDE),
    "csd": ("CLIPVisionConfig", "CLIPVisionModelWithProjection", {**WIDE, "projection_dim": 8}),
    "sscd": ("ResNetConfig", "ResNetModel", {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]}),
}
PREPARATION = {"size": {"height": 32, "width": 32}, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}


def saved(folder: Path, name: str, **options: Any) -> Any:
    config, model, numbers = CLASSES[name]
    torch.manual_seed(0)
    network = getattr(transformers, model)(getattr(transformers, config)(**numbers), **options).eval()
    network.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPARATION), encoding="utf-8")
    return network


def pictures() -> list[Image.Image]:
    found = []
    for colour in ("red", "blue", "green"):
        image = Image.new("RGB", (40, 40), "white")
        ImageDraw.Draw(image).rectangle((8, 8, 24, 30), fill=colour)
        found.append(image)
    return found


@pytest.mark.parametrize("name", CLASSES)
def test_each_kind_says_of_each_picture_a_direction_and_the_same_each_time(name: str, tmp_path: Path) -> None:
    saved(tmp_path, name)
    first, again = VisionModel(tmp_path).seen(pictures()), VisionModel(tmp_path).seen(pictures())
    assert torch.equal(first, again) and len(first) == 3
    torch.testing.assert_close(first.norm(dim=1), torch.ones(3))
    assert (first[0] - first[1]).abs().max() > 1e-4, "another picture looks different"


def test_dino_without_a_pooler_is_read_by_its_first_token(tmp_path: Path) -> None:
    network = saved(tmp_path, "dino", add_pooling_layer=False)
    model = VisionModel(tmp_path)
    [red, *_] = pictures()
    told = network(pixel_values=model._prepared([red])).last_hidden_state[:, 0]
    torch.testing.assert_close(model.seen([red]), torch.nn.functional.normalize(told, dim=-1))


def test_tensors_that_a_file_lacks_are_never_drawn_by_chance(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    saved(tmp_path, "dinov2")
    tensors = load_file(tmp_path / "model.safetensors")
    tensors.pop("layernorm.weight")
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(BaseUnusable, match="lacks 1 tensors, first: layernorm"):
        VisionModel(tmp_path)


def test_a_folder_that_holds_no_vision_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageMistake, match="holds no vision model"):
        VisionModel(tmp_path)
    with pytest.raises(UsageMistake, match="holds no vision model"):
        VisionModel(Path("facebook/dinov2-small"))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}), encoding="utf-8")
    with pytest.raises(UsageMistake, match="of the kind llama"):
        VisionModel(tmp_path)


def test_weights_that_could_run_code_are_not_read(tmp_path: Path) -> None:
    saved(tmp_path, "dinov2")
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04N.")
    with pytest.raises(BaseUnusable, match="cannot be loaded"):
        VisionModel(tmp_path)


def test_a_model_that_does_not_say_how_to_prepare_a_picture_is_refused(tmp_path: Path) -> None:
    saved(tmp_path, "dinov2")
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.raises(BaseUnusable, match="does not say how a picture is to be prepared"):
        VisionModel(tmp_path)
