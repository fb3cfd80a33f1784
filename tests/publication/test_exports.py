"""Do other tools, given our files, draw with the network that was trained?"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ingredients import EMBEDDED, TODAY, collected, mozilla, report_on, style_of

from handstyle import digests
from handstyle.errors import BaseUnusable, RecordDamaged, UsageMistake
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.publication import exports
from handstyle.publication.clearance import Clearance, clearance
from handstyle.publication.provenance import Weights
from handstyle.tensor_files import Tensor, metadata_of, tensors_in, write_tensors

torch = pytest.importorskip("torch")

UNET_MODULES = [
    *("to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2"),
    *("conv1", "conv2", "conv_shortcut", "time_emb_proj", "conv", "conv_in", "conv_out", "linear_1", "linear_2"),
]
TEXT_MODULES = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]
RANK, ALPHA = 4, 16.0


@pytest.fixture(scope="session")
def small_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real classes with random weights, in two levels of one layer."""
    return made_base(
        tmp_path_factory.mktemp("base"),
        block_out_channels=(32, 64),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )


def made_base(folder: Path, **unet: Any) -> Path:
    from diffusers import DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    UNet2DConditionModel(sample_size=8, cross_attention_dim=32, attention_head_dim=8, **unet).save_pretrained(
        folder / "unet"
    )
    config = CLIPTextConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, vocab_size=100,
        bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    CLIPTextModel(config).save_pretrained(folder / "text_encoder")
    DDIMScheduler(prediction_type="v_prediction").save_pretrained(folder / "scheduler")
    return folder


def low_rank(base: Path, *, text_encoder: bool = True) -> dict[str, Any]:
    """Random updates of every module that can learn, named as PEFT names them."""
    from diffusers import UNet2DConditionModel
    from peft import LoraConfig, get_peft_model_state_dict
    from transformers import CLIPTextModel

    networks = {"unet": (UNet2DConditionModel.from_pretrained(base / "unet"), UNET_MODULES)}
    if text_encoder:
        networks["text_encoder"] = (CLIPTextModel.from_pretrained(base / "text_encoder"), TEXT_MODULES)
    updates = {}
    random = torch.Generator().manual_seed(1)
    for part, (network, modules) in networks.items():
        network.add_adapter(LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=modules))
        for name, tensor in get_peft_model_state_dict(network).items():
            updates[f"{part}.{name}"] = torch.randn(tensor.shape, generator=random) * 0.05
    return updates


def saved(path: Path, tensors: dict[str, Any], **recipe: Any) -> tuple[TrainedStyle, Clearance]:
    raw = {
        name: Tensor("F32", tuple(t.shape), t.detach().contiguous().numpy().tobytes()) for name, t in tensors.items()
    }
    write_tensors(path, raw, {})
    collection = collected(mozilla())
    style = style_of(collection, digests.of_tensor_file(path), **{"rank": RANK, "lora_alpha": ALPHA, **recipe})
    return style, clearance(collection, style, report_on(style), "Soft outline", on=TODAY)


def written(folder: Path, base: Path, tensors: dict[str, Any], **recipe: Any) -> tuple[Weights, ...]:
    style, cleared = saved(folder / "style.safetensors", tensors, **recipe)
    return exports.write(folder / "weights", style, folder / "style.safetensors", base, cleared)


@pytest.mark.parametrize("text_encoder", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_both_files_give_the_trained_network_back(small_base: Path, tmp_path: Path, text_encoder: bool) -> None:
    files = written(tmp_path, small_base, low_rank(small_base, text_encoder=text_encoder))
    assert [file.format for file in files] == ["diffusers-lora", "kohya-lora"]
    for file in files:
        assert file.largest_difference < 1e-5
        assert file.tensors == digests.of_tensor_file(tmp_path / "weights" / file.path)


def test_ranks_that_count_by_the_noise_are_in_no_format_and_are_not_published(small_base: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageMistake, match="no format of another tool"):
        written(tmp_path, small_base, low_rank(small_base), tlora=True)
    assert not (tmp_path / "weights").exists()


@pytest.mark.slow
def test_they_do_for_every_block_of_stable_diffusion(tmp_path: Path) -> None:
    base = made_base(tmp_path / "base", block_out_channels=(32, 32, 64, 64))  # narrow, otherwise the same
    files = written(tmp_path, base, low_rank(base, text_encoder=False))
    assert all(file.largest_difference < 1e-5 for file in files)


@pytest.mark.slow
def test_they_do_on_the_base_that_is_shipped(tmp_path: Path) -> None:
    files = written(tmp_path, EMBEDDED, low_rank(EMBEDDED))
    assert all(file.largest_difference < 1e-5 for file in files)


def test_a_style_that_changed_nothing_is_exported_too(small_base: Path, tmp_path: Path) -> None:
    untouched = {
        name: tensor * (0 if "lora_B" in name else 1)
        for name, tensor in low_rank(small_base, text_encoder=False).items()
    }
    assert all(file.largest_difference < 1e-5 for file in written(tmp_path, small_base, untouched))


Spoil = Callable[[dict[str, Tensor], dict[str, str]], None]


def wrong_alpha(tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    settings = json.loads(metadata["lora_adapter_metadata"])
    metadata["lora_adapter_metadata"] = json.dumps({**settings, "unet.lora_alpha": RANK})


def no_alpha(tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    del metadata["lora_adapter_metadata"]


def one_module_less(tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    settings = json.loads(metadata["lora_adapter_metadata"])
    module = settings["unet.target_modules"].pop()
    metadata["lora_adapter_metadata"] = json.dumps(settings)
    for ending in ("lora_A", "lora_B"):
        del tensors[f"unet.{module}.{ending}.weight"]


@pytest.mark.parametrize("spoil", [wrong_alpha, no_alpha, pytest.param(one_module_less, marks=pytest.mark.slow)])
def test_a_file_that_draws_otherwise_does_not_count_as_written(small_base: Path, tmp_path: Path, spoil: Spoil) -> None:
    from handstyle.publication import reloads

    style, cleared = saved(tmp_path / "style.safetensors", low_rank(small_base, text_encoder=False))
    exports.write_files(tmp_path, style, tmp_path / "style.safetensors", small_base, cleared)
    path = tmp_path / exports.DIFFUSERS_LORA
    metadata = metadata_of(path)
    with tensors_in(path) as mapped:
        tensors = {name: tensor._replace(data=bytes(tensor.data)) for name, tensor in mapped.items()}
    spoil(tensors, metadata)
    write_tensors(path, tensors, metadata)
    with pytest.raises(RecordDamaged, match="loaded again"):
        reloads.largest_differences(small_base, tmp_path / "style.safetensors", style, {path: "diffusers-lora"})


def test_a_kohya_file_with_the_rank_as_alpha_does_not_count(small_base: Path, tmp_path: Path) -> None:
    from handstyle.publication import reloads

    style, cleared = saved(tmp_path / "style.safetensors", low_rank(small_base, text_encoder=False))
    lying = style.model_copy(update={"recipe": style.recipe.changed(lora_alpha=RANK)})
    exports.write_files(tmp_path, lying, tmp_path / "style.safetensors", small_base, cleared)
    with pytest.raises(RecordDamaged):
        path = tmp_path / "soft-outline.safetensors"
        reloads.largest_differences(small_base, tmp_path / "style.safetensors", style, {path: "kohya-lora"})


def test_a_full_finetuning_is_a_folder_diffusers_loads(small_base: Path, tmp_path: Path) -> None:
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextModel

    networks = {
        "unet": UNet2DConditionModel.from_pretrained(small_base / "unet"),
        "text_encoder": CLIPTextModel.from_pretrained(small_base / "text_encoder"),
    }
    trained = {
        f"{part}.{name}": parameter + 0.01
        for part, network in networks.items()
        for name, parameter in network.named_parameters()
    }
    files = written(tmp_path, small_base, trained, method="full")
    assert [(file.path, file.largest_difference) for file in files] == [
        ("unet/diffusion_pytorch_model.safetensors", 0.0),
        ("text_encoder/model.safetensors", 0.0),
    ]
    with tensors_in(tmp_path / "weights" / "text_encoder" / "model.safetensors") as tensors:
        assert all(name.startswith("text_model.") for name in tensors), "older readers know no other spelling"


def test_half_a_network_is_no_full_finetuning(small_base: Path, tmp_path: Path) -> None:
    from diffusers import UNet2DConditionModel

    unet = UNet2DConditionModel.from_pretrained(small_base / "unet")
    some = {f"unet.{name}": parameter for name, parameter in list(unet.named_parameters())[:5]}
    with pytest.raises(RecordDamaged, match="holds 5 of the"):
        written(tmp_path, small_base, some, method="full")


def test_the_metadata_says_what_user_interfaces_ask_and_no_more(small_base: Path, tmp_path: Path) -> None:
    written(tmp_path, small_base, low_rank(small_base, text_encoder=False))
    metadata = metadata_of(tmp_path / "weights" / "soft-outline.safetensors")
    assert set(metadata) == {
        *(
            "ss_v2",
            "ss_base_model_version",
            "ss_network_module",
            "ss_network_dim",
            "ss_network_alpha",
            "ss_network_args",
        ),
        *("modelspec.sai_model_spec", "modelspec.architecture", "modelspec.implementation", "modelspec.title"),
        *("modelspec.resolution", "modelspec.date", "modelspec.license", "modelspec.trigger_phrase"),
        *("modelspec.prediction_type", "modelspec.hash_sha256"),
    }
    assert metadata["ss_network_dim"] == "4" and math.isclose(float(metadata["ss_network_alpha"]), ALPHA)
    assert metadata["modelspec.prediction_type"] == "v"
    assert metadata["modelspec.license"] == "Apache-2.0"


def test_another_base_is_refused(small_base: Path, tmp_path: Path) -> None:
    style, cleared = saved(tmp_path / "style.safetensors", low_rank(small_base, text_encoder=False))
    with pytest.raises((RecordDamaged, BaseUnusable)):
        exports.write(tmp_path / "weights", style, tmp_path / "style.safetensors", EMBEDDED, cleared)


def test_weights_that_are_not_the_styles_are_refused(small_base: Path, tmp_path: Path) -> None:
    style, cleared = saved(tmp_path / "style.safetensors", low_rank(small_base, text_encoder=False))
    other = style.model_copy(update={"tensors": "c" * 64})
    with pytest.raises(RecordDamaged, match="does not hold the tensors"):
        exports.write(tmp_path / "weights", other, tmp_path / "style.safetensors", small_base, cleared)


@pytest.mark.slow
def test_checking_an_export_leaves_the_random_numbers_of_a_run_alone(small_base: Path, tmp_path: Path) -> None:
    updates = low_rank(small_base, text_encoder=False)
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    written(tmp_path, small_base, updates)
    assert torch.equal(torch.rand(3), expected)


def test_verifying_needs_neither_torch_nor_the_hub() -> None:
    code = (
        "import sys; from handstyle.publication import verification, package, exports;"
        "print([name for name in sys.argv[1:] if name in sys.modules])"
    )
    heavy = ["torch", "diffusers", "transformers", "peft", "huggingface_hub", "numpy"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    printed = subprocess.run(
        [sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True, env=environment
    )
    assert printed.stdout.strip() == "[]"
