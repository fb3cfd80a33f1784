"""Are low-rank files of other tools read as those tools mean them?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from handstyle.diffusion import adapter_places, adapters
from handstyle.diffusion.adapter_places import layers_of, spellings
from handstyle.diffusion.pairs import Pair
from handstyle.diffusion.single_file import SHIPPED
from handstyle.errors import UsageMistake

LINEAR = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
OUT = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0"
FILTER = "down_blocks.0.resnets.0.conv1"
TEXT = "text_model.encoder.layers.0.self_attn.q_proj"
RANK, ALPHA = 2, 6.0


@pytest.fixture(scope="module")
def pairs(tiny_base: Path) -> dict[str, tuple[Tensor, Tensor]]:
    """A and B of four layers, of chance."""
    shapes, chance = layers_of(tiny_base), torch.Generator().manual_seed(0)
    found = {}
    for layer in (f"unet.{LINEAR}", f"unet.{OUT}", f"unet.{FILTER}", f"text_encoder.{TEXT}"):
        out, *into = shapes[layer]
        tail = (1, 1) if len(into) == 3 else ()
        found[layer] = (
            torch.randn(RANK, *into, generator=chance), torch.randn(out, RANK, *tail, generator=chance)
        )  # fmt: skip
    return found


def kohya(layer: str) -> tuple[str, str]:
    name = layer.replace("text_encoder.", "lora_te_", 1).replace("unet.", "lora_unet_", 1).replace(".", "_")
    return f"{name}.lora_down.weight", f"{name}.lora_up.weight"


def peft(layer: str) -> tuple[str, str]:
    return f"{layer}.lora_A.weight", f"{layer}.lora_B.weight"


def peft_flat(layer: str) -> tuple[str, str]:
    flat = layer.replace("text_model.", "")
    return f"{flat}.lora_A.weight", f"{flat}.lora_B.weight"


def diffusers_of_old(layer: str) -> tuple[str, str]:
    if layer.startswith("text_encoder"):
        return f"{layer}.lora_linear_layer.down.weight", f"{layer}.lora_linear_layer.up.weight"
    return f"{layer}.lora.down.weight", f"{layer}.lora.up.weight"


def processors(layer: str) -> tuple[str, str]:
    if ".attn1." not in layer:
        return diffusers_of_old(layer)
    stem, _, name = layer.removesuffix(".0").rpartition(".")
    return f"{stem}.processor.{name}_lora.down.weight", f"{stem}.processor.{name}_lora.up.weight"


@pytest.mark.parametrize("names", [kohya, peft, peft_flat, diffusers_of_old, processors])
def test_each_tools_names_lead_to_the_same_layers(
    names: Callable[[str], tuple[str, str]], pairs: Any, tiny_base: Path, tmp_path: Path
) -> None:
    tensors = {name: t for layer, both in pairs.items() for name, t in zip(names(layer), both, strict=True)}
    metadata = {}
    if names is kohya:
        tensors |= {names(layer)[0].partition(".")[0] + ".alpha": torch.tensor(ALPHA) for layer in pairs}
    else:
        told = {f"{part}.lora_alpha": ALPHA for part in ("unet", "text_encoder")}
        metadata = {"lora_adapter_metadata": json.dumps(told)}
    save_file(tensors, tmp_path / "a.safetensors", metadata)
    found = adapters.read(tmp_path / "a.safetensors", tiny_base)
    assert found.keys() == pairs.keys()
    for layer, (down, up) in pairs.items():
        pair = found[layer]
        assert isinstance(pair, Pair) and pair.alpha == ALPHA
        assert torch.equal(pair.down, down) and torch.equal(pair.up, up)


def test_without_an_alpha_the_scale_is_one(pairs: Any, tiny_base: Path, tmp_path: Path) -> None:
    """As ComfyUI and diffusers take it."""
    save_file(dict(zip(kohya(f"unet.{LINEAR}"), pairs[f"unet.{LINEAR}"], strict=True)), tmp_path / "a.safetensors")
    (pair,) = adapters.read(tmp_path / "a.safetensors", tiny_base).values()
    assert isinstance(pair, Pair) and pair.alpha == pair.rank == RANK


def test_alpha_of_one_layer_comes_before_that_of_all(pairs: Any, tiny_base: Path, tmp_path: Path) -> None:
    told = {"unet.lora_alpha": 1.0, "unet.alpha_pattern": {LINEAR: 8.0}}
    tensors = {
        n: t for layer in (LINEAR, OUT) for n, t in zip(peft(f"unet.{layer}"), pairs[f"unet.{layer}"], strict=True)
    }
    save_file(tensors, tmp_path / "a.safetensors", {"lora_adapter_metadata": json.dumps(told)})
    found = adapters.read(tmp_path / "a.safetensors", tiny_base)
    assert {layer: pair.alpha for layer, pair in found.items() if isinstance(pair, Pair)} == {
        f"unet.{LINEAR}": 8.0, f"unet.{OUT}": 1.0,
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["loha", "loha whole filters", "lokr", "lokr of factors", "lokr whole filters"])
def test_lycoris_kinds_change_a_layer_as_peft_says(kind: str, tiny_base: Path, tmp_path: Path) -> None:
    """PEFT's LoHa and LoKr are LyCORIS' own, and so are the names of their tensors."""
    from diffusers import UNet2DConditionModel
    from peft import LoHaConfig, LoKrConfig, inject_adapter_in_model

    torch.manual_seed(0)
    common = {"r": 3, "alpha": 5, "target_modules": [LINEAR, FILTER], "init_weights": False}
    whole = kind.endswith("whole filters")
    config: Any
    if kind.startswith("loha"):
        config = LoHaConfig(**common, use_effective_conv2d=not whole)
    else:
        config = LoKrConfig(**common, decompose_both="factors" in kind, use_effective_conv2d=not whole)
    unet = inject_adapter_in_model(config, UNet2DConditionModel.from_pretrained(tiny_base / "unet"))
    tensors, expected = {}, {}
    for module in (LINEAR, FILTER):
        layer = unet.get_submodule(module)
        expected[f"unet.{module}"] = layer.get_delta_weight("default").detach()
        prefix = f"lora_unet_{module.replace('.', '_')}"
        for name, value in layer.named_parameters():
            if name.endswith(".default"):
                tensors[f"{prefix}.{name.removesuffix('.default')}"] = value.detach().contiguous()
        tensors[f"{prefix}.alpha"] = torch.tensor(5.0)
    save_file(tensors, tmp_path / "a.safetensors")
    found = adapters.read(tmp_path / "a.safetensors", tiny_base)
    for layer, delta in expected.items():
        assert isinstance(found[layer], Tensor)
        torch.testing.assert_close(found[layer], delta.reshape(found[layer].shape), rtol=0, atol=1e-5)


def test_locon_in_three_steps_is_their_convolution(tiny_base: Path, tmp_path: Path) -> None:
    out, into, *kernel = layers_of(tiny_base)[f"unet.{FILTER}"]
    chance = torch.Generator().manual_seed(0)
    down, middle, up = (
        torch.randn(*shape, generator=chance) for shape in ((2, into, 1, 1), (2, 2, *kernel), (out, 2, 1, 1))
    )
    name = f"lora_unet_{FILTER.replace('.', '_')}"
    save_file({f"{name}.lora_down.weight": down, f"{name}.lora_mid.weight": middle, f"{name}.lora_up.weight": up,
               f"{name}.alpha": torch.tensor(4.0)}, tmp_path / "a.safetensors")  # fmt: skip
    delta = adapters.read(tmp_path / "a.safetensors", tiny_base)[f"unet.{FILTER}"]
    x, conv = torch.randn(1, into, 6, 6, generator=chance), torch.nn.functional.conv2d
    assert isinstance(delta, Tensor)
    torch.testing.assert_close(
        conv(x, delta, padding=1), conv(conv(conv(x, down), middle, padding=1), up) * 2, rtol=0, atol=1e-3
    )


def test_a_full_difference_is_taken_as_it_is(tiny_base: Path, tmp_path: Path) -> None:
    delta = torch.randn(layers_of(tiny_base)[f"unet.{LINEAR}"], generator=torch.Generator().manual_seed(0))
    save_file({f"lora_unet_{LINEAR.replace('.', '_')}.diff": delta}, tmp_path / "a.safetensors")
    found = adapters.read(tmp_path / "a.safetensors", tiny_base)
    assert torch.equal(found[f"unet.{LINEAR}"], delta)  # type: ignore[arg-type]


def test_xl_is_read_under_the_names_of_the_original_and_of_diffusers() -> None:
    known = spellings_of_shipped("stable-diffusion-xl")
    layer = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
    for name in (
        "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q",
        "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q",
        "lycoris_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q",
        "diffusion_model.input_blocks.4.1.transformer_blocks.0.attn1.to_q",
    ):
        assert known[name] == layer
    assert known["lora_te1_text_model_encoder_layers_0_mlp_fc1"] == "text_encoder.text_model.encoder.layers.0.mlp.fc1"
    assert known["lora_te2_text_model_encoder_layers_0_mlp_fc1"].startswith("text_encoder_2.")


def spellings_of_shipped(name: str) -> dict[str, str]:
    """Of a base at its true size, of which there are only headers."""
    from tests.diffusion.test_original_layout import at_true_size

    shapes = {}
    for part, network in at_true_size(name).items():
        for inside, tensor in network.state_dict().items():
            if part != "vae" and inside.endswith(".weight") and tensor.ndim in (2, 4):
                level = "" if part == "unet" or inside.startswith("text_") else "text_model."
                shapes[f"{part}.{level}{inside.removesuffix('.weight')}"] = tuple(tensor.shape)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adapter_places, "layers_of", lambda base: shapes)
        found = spellings(SHIPPED / name)
    assert all(len(place.layers) == 1 for place in found.values()), "nothing is joined in a U-Net"
    return {called: place.layers[0] for called, place in found.items()}


def test_a_file_for_another_base_is_refused_with_the_names_it_looked_for(tiny_base: Path, tmp_path: Path) -> None:
    save_file({"lora_unet_input_blocks_11_1_proj_in.lora_down.weight": torch.zeros(1, 1)}, tmp_path / "a.safetensors")
    with pytest.raises(UsageMistake, match="another base") as refused:
        adapters.read(tmp_path / "a.safetensors", tiny_base)
    assert "input_blocks_11" in str(refused.value)


@pytest.mark.parametrize("ending", ["diff_b", "ia3_l", "boft_R"])
def test_what_is_not_read_is_refused_rather_than_left_out(ending: str, tiny_base: Path, tmp_path: Path) -> None:
    name = f"lora_unet_{LINEAR.replace('.', '_')}"
    save_file(
        {f"{name}.lora_down.weight": torch.zeros(2, 32), f"{name}.{ending}": torch.zeros(2)}, tmp_path / "a.safetensors"
    )
    with pytest.raises(UsageMistake, match="not read here"):
        adapters.read(tmp_path / "a.safetensors", tiny_base)


def test_halves_that_do_not_fit_are_refused(tiny_base: Path, tmp_path: Path) -> None:
    name = f"lora_unet_{LINEAR.replace('.', '_')}"
    for bad in ({"lora_down.weight": torch.zeros(2, 5), "lora_up.weight": torch.zeros(32, 2)},
                {"lora_down.weight": torch.zeros(2, 32)}):  # fmt: skip
        save_file({f"{name}.{ending}": t for ending, t in bad.items()}, tmp_path / "a.safetensors")
        with pytest.raises(UsageMistake, match="does not fit"):
            adapters.read(tmp_path / "a.safetensors", tiny_base)
