"""Is a base that cannot be used refused with words, and nothing run that came in a file?"""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from handstyle.diffusion import catalogue, kinds
from handstyle.errors import BaseUnusable


@pytest.fixture
def base(tiny_base: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(tiny_base, tmp_path / "base"))


def refusal(base: Path) -> str:
    with pytest.raises(BaseUnusable) as unusable:
        catalogue.load(base)
    assert unusable.value.hint, "it says what to do next"
    return str(unusable.value)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "there is no base model folder" in refusal(tmp_path / "nowhere")


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"a": 1}', "\x00"])
def test_a_folder_that_names_no_pipeline_is_refused(base: Path, text: str | None) -> None:
    index = base / "model_index.json"
    index.unlink() if text is None else index.write_text(text)
    assert "model_index.json" in refusal(base)


def test_another_family_is_refused_with_those_we_know(base: Path) -> None:
    (base / "model_index.json").write_text('{"_class_name": "KolorsPipeline"}')
    said = refusal(base)
    assert "KolorsPipeline" in said and "StableDiffusionPipeline" in said


def test_all_that_is_missing_is_named_at_once(base: Path) -> None:
    for name in ("unet", "tokenizer", "scheduler"):
        shutil.rmtree(base / name)
    (base / "vae" / "config.json").unlink()
    said = refusal(base)
    for fault in ("unet/config.json is missing", "unet/diffusion_pytorch_model.safetensors is missing",
                  "vae/config.json is missing", "tokenizer/ is missing", "scheduler/ is missing"):  # fmt: skip
        assert fault in said


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4])


def without_a_tensor(path: Path) -> None:
    tensors = load_file(path)
    tensors.pop(sorted(tensors)[len(tensors) // 2])
    save_file(tensors, path, {"format": "pt"})


def of_another_shape(path: Path) -> None:
    tensors = load_file(path)
    name = max(tensors, key=lambda name: tensors[name].numel())
    save_file({**tensors, name: tensors[name][:-1].clone()}, path, {"format": "pt"})


WEIGHTS = [
    "unet/diffusion_pytorch_model.safetensors",
    "vae/diffusion_pytorch_model.safetensors",
    "text_encoder/model.safetensors",
]


@pytest.mark.parametrize("damage", [torn, without_a_tensor, of_another_shape, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_damaged_weights_are_refused(base: Path, weights: str, damage: Callable[[Path], None]) -> None:
    damage(base / weights)
    refusal(base)


@pytest.mark.parametrize("text", ["{", "null"])
@pytest.mark.parametrize("config", ["unet/config.json", "vae/config.json", "text_encoder/config.json",
                                    "scheduler/scheduler_config.json", "tokenizer/tokenizer.json"])  # fmt: skip
def test_damaged_configurations_are_refused(base: Path, config: str, text: str) -> None:
    (base / config).write_text(text)
    refusal(base)


@pytest.mark.parametrize("config", ["unet/config.json", "vae/config.json"])
def test_a_configuration_that_asks_for_the_impossible_is_refused(base: Path, config: str) -> None:
    wrong = {**json.loads((base / config).read_text()), "block_out_channels": "wide"}
    (base / config).write_text(json.dumps(wrong))
    refusal(base)


def test_a_text_encoder_under_its_older_names_is_read(base: Path, family: Any) -> None:
    """Checkpoints from before transformers 5 name its tensors `text_model.…` and carry the positions too."""
    weights = base / WEIGHTS[2]
    tensors = {f"text_model.{name.removeprefix('text_model.')}": tensor for name, tensor in load_file(weights).items()}
    save_file({**tensors, "text_model.embeddings.position_ids": torch.arange(32)[None]}, weights, {"format": "pt"})
    with torch.no_grad():
        assert torch.equal(catalogue.load(base).encode_texts(["a boat"]), family.encode_texts(["a boat"]))


def test_a_card_with_an_unknown_key_is_refused_with_the_nearest(base: Path) -> None:
    (base / "handstyle.toml").write_text('licens = "CC0-1.0"')
    assert "did you mean `licence`?" in refusal(base)


def test_a_base_without_a_card_goes_by_its_folder(base: Path) -> None:
    card = catalogue.load(base).card
    assert (card.name, card.licence, card.works) == ("base", "unknown", "unknown")


def test_another_prediction_is_refused(base: Path) -> None:
    path = base / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "prediction_type": "sample"}))
    assert "predicts `sample`" in refusal(base)


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a pickle was opened",))


@pytest.mark.parametrize("suffix", ["bin", "ckpt", "pt"])
def test_pickled_weights_are_neither_used_nor_opened(base: Path, suffix: str) -> None:
    for weights in map(base.joinpath, WEIGHTS):
        weights.with_suffix(f".{suffix}").write_bytes(pickle.dumps(Trap()))
        weights.unlink()
    assert "diffusion_pytorch_model.safetensors is missing" in refusal(base)


def test_a_folder_with_only_a_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.ckpt").write_bytes(pickle.dumps(Trap()))
    assert "no model_index.json" in refusal(tmp_path)


def test_pickled_weights_beside_safe_ones_stay_closed(base: Path) -> None:
    for weights in map(base.joinpath, WEIGHTS):
        weights.with_suffix(".bin").write_bytes(pickle.dumps(Trap()))
    assert catalogue.load(base).resolution == 16


def test_what_draws_the_same_is_the_same_base(base: Path, family: Any) -> None:
    """Neither the folder's name nor the file layout belongs to it; every weight, setting and word does."""
    unet = base / WEIGHTS[0]
    save_file(dict(reversed(load_file(unet).items())), unet, {"note": "written again"})
    assert catalogue.load(base).digest == family.digest
    scheduler = base / "scheduler" / "scheduler_config.json"
    scheduler.write_text(scheduler.read_text().replace("v_prediction", "epsilon"))
    other = catalogue.load(base)
    assert other.digest != family.digest
    assert (other.autoencoder_digest(), other.text_digest()) == (family.autoencoder_digest(), family.text_digest())


def test_each_part_has_an_identity_of_its_own(base: Path, family: Any) -> None:
    vae = base / WEIGHTS[1]
    tensors = load_file(vae)
    name = sorted(tensors)[0]
    save_file({**tensors, name: tensors[name] + torch.finfo(torch.float32).eps}, vae, {"format": "pt"})
    other = catalogue.load(base)
    assert other.autoencoder_digest() != family.autoencoder_digest()
    assert other.text_digest() == family.text_digest()
    assert other.digest != family.digest


@pytest.mark.parametrize("base", ["tiny_base", "xl_base", "sd3_base", "flux_base"])
def test_a_family_has_the_row_that_says_what_it_is_called(base: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(base)
    family = catalogue.load(folder)
    row = kinds.named(family.kind)
    assert row.name == family.kind and row.pipeline == catalogue.pipeline_class(folder)
    denoiser, *learning = family.networks.items()
    assert denoiser[0] == row.part and type(denoiser[1]).__name__ == row.denoiser
    assert {part: type(encoder).__name__ for part, encoder in learning} == row.text_encoders


def test_every_family_has_a_row() -> None:
    assert {row.pipeline for row in kinds.KINDS} == catalogue.FAMILIES.keys()
    assert len({row.name for row in kinds.KINDS}) == len(kinds.KINDS)
