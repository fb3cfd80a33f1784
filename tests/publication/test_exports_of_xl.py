"""Do other tools, given a style of Stable Diffusion XL, draw with the networks that were trained?"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ingredients import ALPHA as OWN_ALPHA
from ingredients import numbers
from test_exports import ALPHA, RANK, TEXT_MODULES, UNET_MODULES, saved

from handstyle.diffusion import kinds
from handstyle.diffusion.original_layout import file_of_parts
from handstyle.diffusion.single_file import SHIPPED, configs_in
from handstyle.errors import RecordDamaged
from handstyle.publication import dialects, exports
from handstyle.publication.provenance import Weights
from handstyle.tensor_files import Tensor, metadata_of, tensors_in

torch = pytest.importorskip("torch")


def low_rank(base: Path, *parts: str) -> dict[str, Any]:
    """Random updates of every module that can learn, named as PEFT names them."""
    from diffusers import UNet2DConditionModel
    from peft import LoraConfig, get_peft_model_state_dict
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    classes = {
        "unet": UNet2DConditionModel,
        "text_encoder": CLIPTextModel,
        "text_encoder_2": CLIPTextModelWithProjection,
    }
    updates, random = {}, torch.Generator().manual_seed(1)
    for part in parts:
        network = classes[part].from_pretrained(base / part)
        modules = UNET_MODULES if part == "unet" else TEXT_MODULES
        network.add_adapter(LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=modules))
        for name, tensor in get_peft_model_state_dict(network).items():
            updates[f"{part}.{name}"] = torch.randn(tensor.shape, generator=random) * 0.05
    return updates


def written(folder: Path, base: Path, tensors: dict[str, Any], **recipe: Any) -> tuple[Weights, ...]:
    style, cleared = saved(folder / "style.safetensors", tensors, **recipe)
    return exports.write(folder / "weights", style, folder / "style.safetensors", base, cleared)


@pytest.fixture
def kohya(xl_base: Path, tmp_path: Path) -> Path:
    written(tmp_path, xl_base, low_rank(xl_base, "unet", "text_encoder", "text_encoder_2"))
    return tmp_path / "weights" / "soft-outline.safetensors"


@pytest.mark.parametrize("parts", [("unet",), ("unet", "text_encoder", "text_encoder_2")], ids=["U-Net", "all"])
def test_both_files_give_the_trained_networks_back(xl_base: Path, tmp_path: Path, parts: tuple[str, ...]) -> None:
    files = written(tmp_path, xl_base, low_rank(xl_base, *parts))
    assert [file.format for file in files] == ["diffusers-lora", "kohya-lora"]
    assert all(file.largest_difference < 1e-5 for file in files)


def test_kohyas_names_are_those_of_the_original_code(xl_base: Path, kohya: Path) -> None:
    """`lora_unet_` and the original's name with underscores: `model_lora_keys_unet` in ComfyUI a125cd8, comfy/lora.py;
    sd-scripts 48d368f, networks/lora.py, whose U-Net of SDXL is library/sdxl_original_unet.py."""
    parts = {}
    for part in configs_in(xl_base):
        with tensors_in(next((xl_base / part).glob("*.safetensors"))) as tensors:
            parts[part] = {name: tensor._replace(data=bytes(tensor.data)) for name, tensor in tensors.items()}
    original = file_of_parts(parts, configs_in(xl_base))
    known = {
        "lora_unet_" + name.removeprefix("model.diffusion_model.").removesuffix(".weight").replace(".", "_")
        for name in original
        if name.startswith("model.diffusion_model.") and name.endswith(".weight")
    }
    with tensors_in(kohya) as tensors:
        modules = {name.partition(".")[0] for name in tensors}
    unet = {module for module in modules if module.startswith("lora_unet_")}
    assert unet and unet <= known
    assert "lora_unet_input_blocks_3_1_transformer_blocks_0_attn1_to_q" in unet
    texts = sorted(modules - unet)
    assert all(name.startswith(("lora_te1_text_model_", "lora_te2_text_model_")) for name in texts)
    assert "lora_te2_text_model_encoder_layers_2_mlp_fc1" in texts


def test_at_the_true_size_every_layer_that_can_learn_has_a_name_of_its_own() -> None:
    """722 of them attend or feed forward: what sd-scripts says it makes ("create LoRA for U-Net: 722 modules")."""
    from diffusers import UNet2DConditionModel

    from handstyle.diffusion.unet_family import LAYERS

    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(configs_in(SHIPPED / "stable-diffusion-xl")["unet"])
    spelling = dialects.spelling_of(SHIPPED / "stable-diffusion-xl")
    found = {kind: [n for n, _ in unet.named_modules() if re.search(p, n)] for kind, p in LAYERS.items()}
    names = [spelling.module(f"unet.{name}") for kind in found for name in found[kind]]
    assert len(names) == len(set(names))
    assert len(found["attention"]) + len(found["feed-forward"]) == 722
    assert "lora_unet_input_blocks_4_1_proj_in" in names and "lora_unet_output_blocks_2_2_conv" in names


def test_alpha_is_the_true_one_and_the_header_says_what_it_is(kohya: Path) -> None:
    with tensors_in(kohya) as tensors:
        alphas = {bytes(tensor.data) for name, tensor in tensors.items() if name.endswith(".alpha")}
        assert len(alphas) == 1 and len(tensors) % 3 == 0
    metadata = metadata_of(kohya)
    assert float(metadata["ss_network_alpha"]) == ALPHA and metadata["ss_v2"] == "False"
    assert not any("caption" in key or "dir" in key or "tag" in key for key in metadata)


def test_a_true_base_is_called_by_its_name(xl_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kinds.WIDTHS, 56, kinds.named("stable-diffusion-xl"))
    written(tmp_path, xl_base, low_rank(xl_base, "unet"))
    metadata = metadata_of(tmp_path / "weights" / "soft-outline.safetensors")
    assert metadata["ss_base_model_version"] == "sdxl_base_v1-0"
    assert metadata["modelspec.architecture"] == "stable-diffusion-xl-v1-base/lora"


def test_diffusers_is_told_the_rank_and_alpha_of_each_network(xl_base: Path, tmp_path: Path) -> None:
    written(tmp_path, xl_base, low_rank(xl_base, "unet", "text_encoder", "text_encoder_2"))
    told = json.loads(metadata_of(tmp_path / "weights" / exports.DIFFUSERS_LORA)["lora_adapter_metadata"])
    for part in ("unet", "text_encoder", "text_encoder_2"):
        assert (told[f"{part}.r"], told[f"{part}.lora_alpha"]) == (RANK, ALPHA)


def test_a_full_finetuning_is_three_folders_diffusers_loads(xl_base: Path, tmp_path: Path) -> None:
    trained = {}
    for part in ("unet", "text_encoder", "text_encoder_2"):
        with tensors_in(next((xl_base / part).glob("*.safetensors"))) as tensors:
            for name, tensor in tensors.items():
                values = torch.frombuffer(bytearray(tensor.data), dtype=torch.float32).reshape(tensor.shape)
                trained[f"{part}.{name}"] = values + 0.01
    files = written(tmp_path, xl_base, trained, method="full")
    assert [(file.path, file.largest_difference) for file in files] == [
        ("unet/diffusion_pytorch_model.safetensors", 0.0),
        ("text_encoder/model.safetensors", 0.0),
        ("text_encoder_2/model.safetensors", 0.0),
    ]


def test_a_release_is_checked_without_the_base_and_a_swapped_name_is_seen(xl_base: Path) -> None:
    from handstyle.publication.release_records import _is_the_same_in_kohyas_format as same

    modules = ["unet.down_blocks.1.attentions.0.proj_in", "unet.up_blocks.0.upsamplers.0.conv",
               "unet.mid_block.resnets.0.conv1", "text_encoder_2.text_model.encoder.layers.0.mlp.fc1"]  # fmt: skip
    own: dict[str, Tensor] = {}
    for seed, module in enumerate(modules):
        own |= {f"{module}.lora_A.weight": numbers((2, 4), seed), f"{module}.lora_B.weight": numbers((4, 2), 9 + seed)}
    held = dialects.as_kohya(own, OWN_ALPHA, dialects.spelling_of(SHIPPED / "stable-diffusion-xl"))
    assert "lora_unet_output_blocks_2_2_conv.alpha" in held and same(own, OWN_ALPHA, held)
    assert not same(own, 1.0, held)
    one, other = "lora_unet_input_blocks_4_1_proj_in", "lora_unet_middle_block_0_in_layers_2"
    swapped = {name.replace(one, "?").replace(other, one).replace("?", other): tensor for name, tensor in held.items()}
    assert swapped.keys() == held.keys() and not same(own, OWN_ALPHA, swapped)


def test_a_part_that_no_spelling_knows_is_refused() -> None:
    with pytest.raises(RecordDamaged, match="no name for"):
        dialects.as_kohya({"text_encoder_3.a.lora_A.weight": numbers((2, 2), 0)}, 1.0)
