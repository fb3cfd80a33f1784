"""Is a transformer read from the original layout as diffusers reads it, and written back to the bit?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.conftest import save_tiny_flux, save_tiny_sd3

from handstyle.diffusion import catalogue, original_transformers, single_file
from handstyle.errors import BaseUnusable, UsageMistake
from handstyle.records import load_json
from handstyle.tensor_files import tensors_in, write_tensors

MADE: dict[str, Callable[[Path], Path]] = {
    "sd3": save_tiny_sd3,
    "sd3.5": lambda folder: save_tiny_sd3(folder, of_35=True),
    "flux": save_tiny_flux,
}
WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"


@pytest.fixture(params=MADE)
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return MADE[request.param](tmp_path / "base")


def original_of(base: Path, to: Path, prefix: str = "") -> Path:
    with tensors_in(base / WEIGHTS) as tensors:
        found = original_transformers.to_original(tensors, load_json(base / "transformer" / "config.json"))
        write_tensors(to, {prefix + name: tensor for name, tensor in found.items()}, {})
    return to


def test_what_is_turned_over_twice_is_what_it_was(base: Path) -> None:
    config = load_json(base / "transformer" / "config.json")
    with tensors_in(base / WEIGHTS) as tensors:
        back = original_transformers.from_original(original_transformers.to_original(tensors, config), config)
        assert back.keys() == tensors.keys()
        assert all(bytes(back[name].data) == bytes(tensor.data) for name, tensor in tensors.items())


@pytest.mark.parametrize("name", ["sd3", "sd3.5"])
def test_diffusers_reads_the_same_from_the_file(name: str, tmp_path: Path) -> None:
    """FLUX.1's reader counts with the true width only; its names and shapes are compared below."""
    from diffusers.loaders.single_file_utils import convert_sd3_transformer_checkpoint_to_diffusers
    from safetensors.torch import load_file

    base = MADE[name](tmp_path / "base")
    theirs = convert_sd3_transformer_checkpoint_to_diffusers(load_file(original_of(base, tmp_path / "one.safetensors")))
    own = load_file(base / WEIGHTS)
    assert theirs.keys() == own.keys()
    assert all(torch.equal(theirs[key], own[key]) for key in own)


def test_at_the_true_size_of_flux_every_name_and_shape_is_that_of_diffusers() -> None:
    from diffusers import FluxTransformer2DModel
    from diffusers.loaders.single_file_utils import convert_flux_transformer_checkpoint_to_diffusers

    from handstyle.tensor_files import Tensor

    config = {"_class_name": "FluxTransformer2DModel", "num_layers": 19, "num_single_layers": 38,
              "num_attention_heads": 24, "attention_head_dim": 128}  # fmt: skip
    with torch.device("meta"):
        network = FluxTransformer2DModel(guidance_embeds=True)
    own = {name: tensor.shape for name, tensor in network.state_dict().items()}
    # One byte a row stands for the row: what is joined and cut is rows.
    rows = {name: Tensor("U8", (shape[0],), bytes(shape[0])) for name, shape in own.items()}
    original = original_transformers.to_original(rows, config)
    wide = {name: len(network.state_dict()[_first_of(name, config)].shape) for name in original}
    theirs = convert_flux_transformer_checkpoint_to_diffusers(
        {name: torch.empty((tensor.shape[0], 1)[: wide[name]], device="meta") for name, tensor in original.items()}
    )
    assert {name: tensor.shape[0] for name, tensor in theirs.items()} == {name: shape[0] for name, shape in own.items()}


def _first_of(original: str, config: dict[str, Any]) -> str:
    layout = original_transformers.layout_of(config)
    module, _, ending = original.rpartition(".")
    if original in layout.tensors:
        return layout.tensors[original]
    return f"{layout.modules[module] if module in layout.modules else layout.joined[module][0]}.{ending}"


@pytest.mark.parametrize("prefix", ["", "model.diffusion_model."])
def test_a_file_with_the_transformer_alone_is_a_base_beside_the_folder_that_is_named(
    base: Path, prefix: str, tmp_path: Path
) -> None:
    file = original_of(base, tmp_path / "one.safetensors", prefix)
    with pytest.raises(UsageMistake, match="configurations are not shipped"):
        catalogue.load(file)
    folder = single_file.folder_of(file, base)
    assert catalogue.load(folder).digest == catalogue.load(base).digest
    assert single_file.folder_of(file) == folder, "it is said once"


def test_all_that_is_in_neither_is_named(tmp_path: Path) -> None:
    base = save_tiny_flux(tmp_path / "base")
    file = original_of(base, tmp_path / "one.safetensors")
    (base / "text_encoder_2" / "model.safetensors").unlink()
    with pytest.raises(BaseUnusable, match="has text_encoder_2"):
        single_file.folder_of(file, base)


def test_text_encoders_in_the_file_are_read_and_the_smaller_clip_gets_the_projection_it_needs(tmp_path: Path) -> None:
    base = save_tiny_sd3(tmp_path / "base")
    config = load_json(base / "transformer" / "config.json")
    clip = base / "text_encoder" / "model.safetensors"
    with tensors_in(base / WEIGHTS) as tensors, tensors_in(clip) as words:
        file = original_transformers.to_original(tensors, config)
        own = {name: tensor for name, tensor in words.items() if not name.startswith("text_projection.")}
        file |= {f"text_encoders.clip_l.transformer.{name}": tensor for name, tensor in own.items()}
        configs = single_file.configs_in(base, "transformer")
        square = {**configs["text_encoder"], "projection_dim": configs["text_encoder"]["hidden_size"]}
        parts = original_transformers.parts_of_file(file, {**configs, "text_encoder": square})
    assert set(parts) == {"transformer", "text_encoder"}
    projection = parts["text_encoder"].pop("text_projection.weight")
    side = square["hidden_size"]
    assert torch.equal(
        torch.frombuffer(bytearray(projection.data), dtype=torch.float32).reshape(side, side), torch.eye(side)
    )
    assert parts["text_encoder"].keys() == own.keys()


def test_a_configuration_of_another_size_is_told(tmp_path: Path) -> None:
    base = save_tiny_sd3(tmp_path / "base")
    config = load_json(base / "transformer" / "config.json")
    with tensors_in(base / WEIGHTS) as tensors:
        file = original_transformers.to_original(tensors, config)
        with pytest.raises(BaseUnusable, match="rows and the configuration asks for"):
            original_transformers.from_original(file, {**config, "num_attention_heads": 8})


def test_what_is_asked_for_a_u_net_and_has_none_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(BaseUnusable, match="describes no Stable Diffusion 1, 2 or XL"):
        single_file.configs_in(save_tiny_flux(tmp_path / "base"), "unet")
