"""Are files of other tools for Stable Diffusion 3 and FLUX.1 read, and written, as these tools name things?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from handstyle.converting import convert
from handstyle.diffusion import adapter_places, adapters
from handstyle.diffusion.pairs import Adapter, Pair
from handstyle.errors import UsageMistake
from handstyle.workspace import Workspace

BASES = ["sd3_base", "flux_base"]


@pytest.fixture(params=BASES)
def base(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


def file_of(base: Path, to: Path, rank: int = 2) -> Path:
    """As diffusers writes it: every layer of the transformer and of the first text encoder has a pair of its own."""
    chance, tensors = torch.Generator().manual_seed(0), dict[str, Tensor]()
    for layer, shape in adapter_places.layers_of(base).items():
        if len(shape) == 2 and layer.startswith(("transformer.", "text_encoder.")) and "projection" not in layer:
            tensors[f"{layer}.lora_A.weight"] = 0.3 * torch.randn(rank, shape[1], generator=chance)
            tensors[f"{layer}.lora_B.weight"] = 0.3 * torch.randn(shape[0], rank, generator=chance)
    save_file(tensors, to)
    return to


def same(one: Adapter, other: Adapter) -> bool:
    def equal(first: Any, second: Any) -> bool:
        assert isinstance(first, Pair) and isinstance(second, Pair)
        alike = torch.equal(first.down, second.down) and torch.equal(first.up, second.up)
        return alike and first.alpha == second.alpha

    return one.keys() == other.keys() and all(equal(update, other[layer]) for layer, update in one.items())


def test_through_kohyas_format_and_back_every_bit_is_kept(base: Path, tmp_path: Path) -> None:
    given, workspace = file_of(base, tmp_path / "given.safetensors"), Workspace(tmp_path / "desk")
    there = convert(workspace, [str(given)], tmp_path / "kohya", "kohya", base=base)
    back = convert(workspace, [there.file], tmp_path / "back", "diffusers", base=base)
    assert there.missed == back.missed == 0 and max(there.largest_difference, back.largest_difference) < 1e-4
    assert same(adapters.read(Path(there.file), base), adapters.read(given, base))
    assert same(adapters.read(Path(back.file), base), adapters.read(given, base))
    own, was = load_file(back.file), load_file(given)
    assert own.keys() == was.keys() and all(torch.equal(own[name], was[name]) for name in was)


@pytest.mark.parametrize(
    ("which", "names"),
    [
        # kohya-ss/sd-scripts 450630c, networks/lora_flux.py: the names of the original modules, `.` as `_`.
        ("flux_base", "double_blocks_0_img_attn_qkv double_blocks_0_txt_attn_proj double_blocks_0_img_mlp_0 "
         "double_blocks_0_img_mod_lin single_blocks_0_linear1 single_blocks_0_linear2 single_blocks_0_modulation_lin "
         "img_in txt_in time_in_in_layer vector_in_out_layer final_layer_linear final_layer_adaLN_modulation_1"),
        # 077f6a4, networks/lora_sd3.py
        ("sd3_base", "joint_blocks_0_x_block_attn_qkv joint_blocks_0_context_block_attn_qkv "
         "joint_blocks_0_x_block_attn_proj joint_blocks_0_x_block_mlp_fc1 joint_blocks_1_context_block_attn_qkv "
         "joint_blocks_0_x_block_adaLN_modulation_1 context_embedder final_layer_linear"),
    ],
)  # fmt: skip
def test_kohyas_names_are_those_of_its_trainer(
    which: str, names: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    base = request.getfixturevalue(which)
    given = file_of(base, tmp_path / "given.safetensors")
    made = convert(Workspace(tmp_path / "desk"), [str(given)], tmp_path / "kohya", "kohya", base=base)
    modules = {name.partition(".")[0] for name in load_file(made.file)}
    assert {f"lora_unet_{name}" for name in names.split()} <= modules
    assert any(name.startswith("lora_te1_text_model_encoder_layers_0_") for name in modules)
    assert not any("transformer_blocks" in name for name in modules)


def test_diffusers_reads_the_double_blocks_of_a_file_as_they_were(flux_base: Path, tmp_path: Path) -> None:
    from diffusers.loaders.lora_conversion_utils import _convert_kohya_flux_lora_to_diffusers

    given = file_of(flux_base, tmp_path / "given.safetensors")
    made = convert(Workspace(tmp_path / "desk"), [str(given)], tmp_path / "kohya", "kohya", base=flux_base)
    double = {name: tensor for name, tensor in load_file(made.file).items() if "_double_blocks_" in name}
    read, was = _convert_kohya_flux_lora_to_diffusers(double), load_file(given)
    assert read.keys() == {name for name in was if name.startswith("transformer.transformer_blocks.")}
    for name in (name for name in read if name.endswith("lora_A.weight")):
        up = name.replace("lora_A", "lora_B")
        torch.testing.assert_close(read[up] @ read[name], was[up] @ was[name], rtol=1e-5, atol=1e-6)


def test_one_pair_for_queries_keys_and_values_is_one_for_each(flux_base: Path, tmp_path: Path) -> None:
    """As sd-scripts trains them, unless it is told to split: ComfyUI adds the product to the joined weight."""
    down, up = torch.randn(4, 32), torch.randn(96, 4)
    names = ("lora_unet_double_blocks_0_img_attn_qkv", "diffusion_model.double_blocks.0.img_attn.qkv")
    for name, ends in zip(names, (("lora_down", "lora_up"), ("lora_A", "lora_B")), strict=True):
        file = {f"{name}.{ends[0]}.weight": down, f"{name}.{ends[1]}.weight": up}
        save_file(file | {f"{name}.alpha": torch.tensor(2.0)}, tmp_path / "one.safetensors")
        found = adapters.read(tmp_path / "one.safetensors", flux_base)
        own = [f"transformer.transformer_blocks.0.attn.{part}" for part in ("to_q", "to_k", "to_v")]
        assert sorted(found) == sorted(own)
        deltas = [pair.delta((32, 32)) for pair in (found[name] for name in own) if isinstance(pair, Pair)]
        torch.testing.assert_close(torch.cat(deltas), up @ down * 0.5, rtol=1e-5, atol=1e-5)


def test_names_of_onetrainer_and_peft_are_read(base: Path, tmp_path: Path) -> None:
    layer = "transformer_blocks.0.attn.to_q"
    expected, width = None, adapter_places.layers_of(base)[f"transformer.{layer}"][0]
    down, up = torch.randn(2, width), torch.randn(width, 2)
    flat = layer.replace(".", "_")
    for name, ends in (
        (f"transformer.{layer}", ("lora_A", "lora_B")),
        (f"base_model.model.{layer}", ("lora_A", "lora_B")),
        (f"lora_transformer_{flat}", ("lora_down", "lora_up")),
        (f"lycoris_{flat}", ("lora_down", "lora_up")),
    ):
        save_file({f"{name}.{ends[0]}.weight": down, f"{name}.{ends[1]}.weight": up}, tmp_path / "x.safetensors")
        found = adapters.read(tmp_path / "x.safetensors", base)
        assert expected is None or same(found, expected)
        expected = found
    assert expected is not None and list(expected) == [f"transformer.{layer}"]


def test_a_layer_under_two_names_is_refused(flux_base: Path, tmp_path: Path) -> None:
    file = {"transformer.transformer_blocks.0.attn.to_q.lora_A.weight": torch.randn(2, 32),
            "transformer.transformer_blocks.0.attn.to_q.lora_B.weight": torch.randn(32, 2),
            "lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight": torch.randn(2, 32),
            "lora_unet_double_blocks_0_img_attn_qkv.lora_up.weight": torch.randn(96, 2)}  # fmt: skip
    save_file(file, tmp_path / "twice.safetensors")
    with pytest.raises(UsageMistake, match="twice, under two names"):
        adapters.read(tmp_path / "twice.safetensors", flux_base)
