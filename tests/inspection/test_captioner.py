"""Are captioning models read from a folder alone, and refused where they could run code or are none?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from handstyle.errors import BaseUnusable, UsageMistake
from handstyle.inspection.captioner import captions

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[DEC]", "[ENC]", "a", "boat", "hut", "red", "sea", "kite"]


@pytest.fixture(scope="module")
def blip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_blip(tmp_path_factory.mktemp("blip"))


def saved_blip(folder: Path) -> Path:
    """The real class, as small as it goes, with weights drawn by chance."""
    from transformers import BertTokenizerFast, BlipConfig, BlipForConditionalGeneration, BlipProcessor
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    torch.manual_seed(0)
    text = {"vocab_size": len(WORDS), "hidden_size": 16, "encoder_hidden_size": 16, "intermediate_size": 32,
            "projection_dim": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 64,
            "bos_token_id": 4, "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0}  # fmt: skip
    vision = {"hidden_size": 16, "intermediate_size": 32, "projection_dim": 8, "num_hidden_layers": 1,
              "num_attention_heads": 2, "image_size": 32, "patch_size": 8}  # fmt: skip
    model = BlipForConditionalGeneration(BlipConfig(text_config=text, vision_config=vision, projection_dim=8))
    model.save_pretrained(folder)
    tokenizer = BertTokenizerFast(vocab=str(folder / "vocab.txt"))
    BlipProcessor(BlipImageProcessorPil(size={"height": 32, "width": 32}), tokenizer).save_pretrained(folder)
    return folder


def images() -> list[Image.Image]:
    return [Image.new("RGB", (40, 24), colour) for colour in ("red", "white")]


def test_a_model_on_disk_says_something_of_each_picture_and_the_same_each_time(blip: Path) -> None:
    first, again = list(captions(blip, images())), list(captions(blip, images()))
    assert first == again and len(first) == 2
    assert all(set(words.split()) <= set(WORDS) for words in first)


def test_a_folder_without_a_captioner_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageMistake, match="holds no captioner"):
        list(captions(tmp_path, images()))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}), encoding="utf-8")
    with pytest.raises(UsageMistake, match="of the kind llama"):
        list(captions(tmp_path, images()))


def test_a_name_is_not_looked_up_anywhere() -> None:
    with pytest.raises(UsageMistake, match="holds no captioner"):
        list(captions(Path("Salesforce/blip-image-captioning-base"), images()))


def test_weights_that_could_run_code_are_not_read(blip: Path, tmp_path: Path) -> None:
    for name in ("config.json", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"):
        if (blip / name).is_file():
            (tmp_path / name).write_bytes((blip / name).read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04N.")
    with pytest.raises(BaseUnusable, match="cannot be loaded"):
        list(captions(tmp_path, images()))
