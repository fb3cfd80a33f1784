"""Does a base of Stable Diffusion 3 or FLUX.1, with a style merged into it, draw as the base wears the style?"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.conftest import save_tiny_flux, save_tiny_sd3
from torch import Tensor

from handstyle.converting import Converted, convert
from handstyle.diffusion import adapter_places, adapters, catalogue, factoring, original_transformers, single_file
from handstyle.diffusion.pairs import Pair
from handstyle.errors import RecordDamaged, UsageMistake
from handstyle.generation import wardrobe
from handstyle.generation.generate import attached
from handstyle.publication import reloaded_checkpoints
from handstyle.tensor_files import metadata_of
from handstyle.workspace import Workspace

WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"
BASES = ["sd3", "sd3.5", "as published", "flux", "quick flux"]


def made(name: str, folder: Path) -> Path:
    if name.endswith("flux"):
        return save_tiny_flux(folder, guided=name == "flux")
    base = save_tiny_sd3(folder, of_35=name == "sd3.5")
    return unprojected(base) if name == "as published" else base


def unprojected(base: Path) -> Path:
    """As Stability publishes it: the smaller CLIP's summary is what it is, and the transformer reads as much more."""
    config = json.loads((base / "text_encoder" / "config.json").read_text(encoding="utf-8"))
    side, before = config["hidden_size"], config["projection_dim"]
    weights = load_file(base / "text_encoder" / "model.safetensors")
    weights["text_projection.weight"] = torch.eye(side)
    save_file(weights, base / "text_encoder" / "model.safetensors", {"format": "pt"})
    (base / "text_encoder" / "config.json").write_text(json.dumps({**config, "projection_dim": side}), encoding="utf-8")
    there, first = base / "transformer" / "config.json", "time_text_embed.text_embedder.linear_1.weight"
    told = json.loads(there.read_text(encoding="utf-8"))
    told["pooled_projection_dim"] += side - before
    there.write_text(json.dumps(told), encoding="utf-8")
    weights = load_file(base / WEIGHTS)
    weights[first] = torch.cat([weights[first], 0.1 * torch.randn(len(weights[first]), side - before)], dim=1)
    save_file(weights, base / WEIGHTS, {"format": "pt"})
    return base


@pytest.fixture(params=BASES)
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return made(request.param, tmp_path / "base")


def style_for(base: Path, to: Path) -> Path:
    """Every layer of the transformer and of the first text encoder that is multiplied with has a pair."""
    chance, tensors = torch.Generator().manual_seed(0), dict[str, Tensor]()
    for layer, shape in adapter_places.layers_of(base).items():
        if len(shape) == 2 and layer.startswith(("transformer.", "text_encoder.")) and "projection" not in layer:
            tensors[f"{layer}.lora_A.weight"] = 0.3 * torch.randn(2, shape[1], generator=chance)
            tensors[f"{layer}.lora_B.weight"] = 0.1 * torch.randn(shape[0], 2, generator=chance)
    save_file(tensors, to)
    return to


def predicted(family: Any) -> Tensor:
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found: Tensor = family.predict(latents, torch.tensor([300]), family.encode_texts(["a boat"]))
    return found


def merged(base: Path, form: str, tmp_path: Path, weight: str = "") -> Converted:
    style = style_for(base, tmp_path / "theirs.safetensors")
    return convert(Workspace(tmp_path / "desk"), [f"{style}{weight}"], tmp_path / "merged", form, base=base)


def worn(base: Path, tmp_path: Path, weight: str = "") -> Tensor:
    family = catalogue.load(base)
    with attached(
        wardrobe.worn(Workspace(tmp_path / "desk"), [f"{tmp_path / 'theirs.safetensors'}{weight}"], family), family
    ):
        return predicted(family)


@pytest.mark.parametrize("form", ["checkpoint", "folder"])
def test_it_draws_as_the_base_that_wears_the_style(form: str, base: Path, tmp_path: Path) -> None:
    found = merged(base, form, tmp_path, "=0.5")
    folder = single_file.folder_of(Path(found.file), base) if form == "checkpoint" else Path(found.file)
    plain, expected = predicted(catalogue.load(base)), worn(base, tmp_path, "=0.5")
    scale = float(expected.abs().max())
    torch.testing.assert_close(predicted(catalogue.load(folder)), expected, rtol=0, atol=2e-4 * scale)
    assert float((expected - plain).abs().max()) > 0.05 * scale, "else it would show nothing"
    assert found.largest_difference < 1e-4


def test_what_nothing_changes_is_written_bit_for_bit(base: Path, tmp_path: Path) -> None:
    found = merged(base, "checkpoint", tmp_path, "=0")
    folder = single_file.folder_of(Path(found.file), base)
    for part in single_file.configs_in(base):
        (was,), (is_now,) = (list((place / part).glob("*.safetensors")) for place in (base, folder))
        own, found_there = (
            {without_text_model(name, part): tensor for name, tensor in load_file(path).items()}
            for path in (was, is_now)
        )
        assert own.keys() == found_there.keys()
        assert all(torch.equal(found_there[name], tensor) for name, tensor in own.items())


def without_text_model(name: str, part: str) -> str:
    """Recent transformers leave this level of CLIP out, which the file has."""
    return name.removeprefix("text_model.") if part == "text_encoder" else name


@pytest.mark.parametrize("name", BASES)
def test_diffusers_reads_it_again_where_it_can(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base, asked = made(name, tmp_path / "base"), []
    read = reloaded_checkpoints._by_diffusers

    def by_diffusers(*given: Any) -> Any:
        asked.append(given)
        return read(*given)

    monkeypatch.setattr(reloaded_checkpoints, "_by_diffusers", by_diffusers)
    found = merged(base, "checkpoint", tmp_path)
    assert bool(asked) == (name == "as published")
    assert ("read again by handstyle itself" in " ".join(found.notes)) != bool(asked)


def test_the_whole_pipeline_comes_from_the_file_alone(tmp_path: Path) -> None:
    from diffusers import StableDiffusion3Pipeline

    base = made("as published", tmp_path / "base")
    found = merged(base, "checkpoint", tmp_path, "=0")
    bare = Path(shutil.copytree(base, tmp_path / "bare"))
    for weights in bare.rglob("*.safetensors"):
        weights.unlink()
    pipeline = StableDiffusion3Pipeline.from_single_file(found.file, config=str(bare), local_files_only=True)
    for part in ("transformer", "text_encoder", "text_encoder_2", "text_encoder_3", "vae"):
        (file,) = (base / part).glob("*.safetensors")
        there = dict(getattr(pipeline, part).state_dict())
        own = {
            name: there[name] if name in there else there[name.removeprefix("text_model.")] for name in load_file(file)
        }
        assert all(torch.equal(own[name], tensor) for name, tensor in load_file(file).items())


def test_names_are_those_that_comfyui_looks_for(base: Path, tmp_path: Path) -> None:
    """comfyanonymous/ComfyUI c4d1a8d, comfy/supported_models.py: `SD3` and `Flux`, their `text_encoder_key_prefix`,
    `vae_key_prefix` and the names that `clip_target` asks for."""
    found = merged(base, "checkpoint", tmp_path)
    names, is_flux = set(load_file(found.file)), "flux" in str(catalogue.load(base).kind)
    first = (
        "double_blocks.0.img_attn.norm.key_norm.scale" if is_flux else "joint_blocks.0.context_block.attn.qkv.weight"
    )
    assert f"model.diffusion_model.{first}" in names
    assert "text_encoders.clip_l.transformer.text_model.final_layer_norm.weight" in names
    assert "text_encoders.t5xxl.transformer.encoder.final_layer_norm.weight" in names
    assert ("text_encoders.clip_g.transformer.text_model.final_layer_norm.weight" in names) != is_flux
    assert f"{'vae.' if is_flux else 'first_stage_model.'}decoder.conv_in.weight" in names
    assert all(
        name.startswith(("model.diffusion_model.", "text_encoders.", "vae.", "first_stage_model.")) for name in names
    )


def test_the_header_says_what_it_was_made_from_and_no_path(base: Path, tmp_path: Path) -> None:
    told = metadata_of(Path(merged(base, "checkpoint", tmp_path).file))
    assert (
        told["modelspec.architecture"] in ("stable-diffusion-3", "flux-1-dev")
        and "modelspec.prediction_type" not in told
    )
    assert "sha256:" in told["modelspec.merged_from"] and str(tmp_path) not in json.dumps(told)


def test_a_style_is_extracted_from_the_checkpoint_it_was_merged_into(base: Path, tmp_path: Path) -> None:
    whole = merged(base, "folder", tmp_path)
    again = convert(
        Workspace(tmp_path / "desk"), [], tmp_path / "again", "kohya", base=base, extract=Path(whole.file), rank=2
    )
    shapes = adapter_places.layers_of(base)
    assert again.missed < 1e-2
    found, given = (adapters.read(path, base) for path in (Path(again.file), tmp_path / "theirs.safetensors"))
    for layer, pair in given.items():
        twin = found[layer]
        assert isinstance(pair, Pair) and isinstance(twin, Pair)
        delta = pair.delta(shapes[layer])
        torch.testing.assert_close(twin.delta(shapes[layer]), delta, rtol=0, atol=2e-2 * float(delta.abs().max()))


def test_another_base_is_no_origin_of_a_checkpoint(tmp_path: Path) -> None:
    one, other = made("sd3", tmp_path / "base"), made("flux", tmp_path / "other")
    with pytest.raises(UsageMistake, match="was not made from this base"):
        factoring.difference(one, other)


def test_weights_in_several_files_stay_in_several(tmp_path: Path) -> None:
    base = made("flux", tmp_path / "base")
    whole = load_file(base / WEIGHTS)
    names = sorted(whole)
    files = {f"diffusion_pytorch_model-0000{n + 1}-of-00002.safetensors": names[n::2] for n in range(2)}
    for file, own in files.items():
        save_file({name: whole[name] for name in own}, base / "transformer" / file, {"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: file for file, own in files.items() for name in own}}
    (base / "transformer" / "diffusion_pytorch_model.safetensors.index.json").write_text(
        json.dumps(index), encoding="utf-8"
    )
    (base / WEIGHTS).unlink()
    found = merged(base, "folder", tmp_path)
    assert sorted(path.name for path in Path(found.file, "transformer").glob("*.safetensors")) == sorted(files)
    torch.testing.assert_close(predicted(catalogue.load(Path(found.file))), worn(base, tmp_path), rtol=0, atol=1e-3)
    one = convert(
        Workspace(tmp_path / "desk"), [str(tmp_path / "theirs.safetensors")], tmp_path / "one", "checkpoint", base=base
    )
    again = catalogue.load(single_file.folder_of(Path(one.file), made("flux", tmp_path / "same")))
    torch.testing.assert_close(predicted(again), worn(base, tmp_path), rtol=0, atol=1e-3)


def test_a_checkpoint_that_computes_otherwise_is_not_there(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stacked = original_transformers.stacked
    monkeypatch.setattr(original_transformers, "stacked", lambda parts: stacked(parts[::-1]))  # values for queries
    with pytest.raises(RecordDamaged):
        merged(base, "checkpoint", tmp_path)
    assert not (tmp_path / "merged").exists()
