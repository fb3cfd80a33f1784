"""Do settings of scripts for Stable Diffusion 3 and FLUX.1 mean here what they meant there?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.training_utils import compute_density_for_timestep_sampling
from tests.finetuning import foreign_files
from tests.finetuning.foreign_files import differences
from torch import Tensor

from handstyle.diffusion.noise import FlowSchedule, style_friendly
from handstyle.errors import RecipeInvalid
from handstyle.finetuning.flow_recipes import KINDS
from handstyle.finetuning.translation import Translated

ROWS = 200_000


def read(folder: Path, text: str, name: str = "train.sh") -> Translated:
    return foreign_files.read(folder, text, name)


def lost(found: Translated) -> set[str]:
    return {line.partition(":")[0] for line in found.without_counterpart}


SD3 = r"""
export MODEL_NAME="stabilityai/stable-diffusion-3-medium-diffusers"
accelerate launch train_dreambooth_lora_sd3.py \
  --pretrained_model_name_or_path=$MODEL_NAME --instance_data_dir="dog" --output_dir="trained-sd3-lora" \
  --mixed_precision="fp16" --instance_prompt="a photo of sks dog" --resolution=512 --train_batch_size=1 \
  --gradient_accumulation_steps=4 --learning_rate=4e-4 --report_to="wandb" --lr_scheduler="constant" \
  --lr_warmup_steps=0 --max_train_steps=500 --weighting_scheme="logit_normal" --validation_epochs=25 \
  --rank=16 --lora_blocks="12,30" --seed="0" --cache_latents --push_to_hub
"""


def test_a_command_line_for_stable_diffusion_3_means_what_it_meant(tmp_path: Path) -> None:
    """Of examples/dreambooth/README_sd3.md, with ranks and blocks."""
    found = read(tmp_path, SD3)
    assert differences(found) == {
        "rank": 16, "lora_alpha": 16.0, "lora_modules": ["attention"], "caption_dropout": 0.0, "resolution": 512,
        "lora_blocks": ["transformer_blocks.12", "transformer_blocks.30"], "train_batch_size": 1,
        "gradient_accumulation_steps": 4, "learning_rate": 4e-4, "text_encoder_lr": 5e-6, "lr_scheduler": "constant",
        "lr_warmup_steps": 0, "max_train": "500 steps", "adam_weight_decay": 1e-4, "snr_gamma": "none",
        "num_class_images": 100,
    }  # fmt: skip
    assert lost(found) == {"precondition_outputs = 1", "max_sequence_length = 77"}
    assert "stable-diffusion-3-medium" in "\n".join(found.notes)


FLUX = r"""
accelerate launch train_dreambooth_lora_flux.py --pretrained_model_name_or_path=black-forest-labs/FLUX.1-dev \
  --instance_data_dir=dog --instance_prompt="a photo of sks dog" --resolution=512 --train_batch_size=1 \
  --guidance_scale=1 --gradient_accumulation_steps=4 --optimizer="prodigy" --learning_rate=1. --report_to="wandb" \
  --lr_scheduler="constant" --lr_warmup_steps=0 --max_train_steps=500 --train_text_encoder --rank 8 --seed="0"
"""


def test_a_command_line_for_flux_means_what_it_meant(tmp_path: Path) -> None:
    """Of examples/dreambooth/README_flux.md."""
    found = read(tmp_path, FLUX)
    assert differences(found) == {
        "lora_alpha": 4.0, "lora_modules": ["attention", "feed-forward"], "caption_dropout": 0.0, "resolution": 512,
        "train_text_encoder": True, "train_batch_size": 1, "gradient_accumulation_steps": 4, "optimizer": "prodigy",
        "learning_rate": 1.0, "text_encoder_lr": 1.0, "lr_scheduler": "constant", "lr_warmup_steps": 0,
        "max_train": "500 steps", "adam_weight_decay": 1e-4, "snr_gamma": "none", "mixed_precision": "no",
        "num_class_images": 100,
    }  # fmt: skip
    by_key = {line.partition(" = ")[0]: line for line in found.without_counterpart}
    assert by_key.keys() == {
        "weighting_scheme", "lora_layers", "adam_weight_decay_text_encoder", "text_encoder_lr"
    }  # fmt: skip
    assert "evenly" not in by_key["weighting_scheme"] and "none: timesteps are drawn" in by_key["weighting_scheme"]
    assert by_key["lora_layers"].endswith("proj_mlp, proj_out learn, too")


def test_the_defaults_of_these_scripts_are_taken_over_and_told(tmp_path: Path) -> None:
    whole = read(tmp_path, "python train_dreambooth_flux.py")
    assert (whole.recipe.method, whole.recipe.learning_rate, whole.recipe.resolution) == ("full", 1e-4, 512)
    assert lost(whole) == {"weighting_scheme = none", "guidance_scale = 3.5", "max_sequence_length = 77"}
    whole = read(tmp_path, "python train_dreambooth_sd3.py --precondition_outputs=0 --max_sequence_length=256")
    assert whole.recipe.method == "full" and not whole.without_counterpart
    assert not whole.recipe.style_friendly_sampling


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("--weighting_scheme=sigma_sqrt", {"weighting_scheme = sigma_sqrt"}),  # it undoes what preconditioning does
        ("--weighting_scheme=sigma_sqrt --precondition_outputs=0", {"weighting_scheme = sigma_sqrt"}),
        ("--weighting_scheme=cosmap", {"weighting_scheme = cosmap"}),
        ("--weighting_scheme=mode --mode_scale=1.4", {"weighting_scheme = mode", "precondition_outputs = 1"}),
        ("--lora_layers=attn.to_k,attn.to_q", {"precondition_outputs = 1", "lora_layers = attn.to_k,attn.to_q"}),
        ("--lora_layers=nothing", {"precondition_outputs = 1", "lora_layers = nothing"}),
        ("--lora_blocks=one", {"precondition_outputs = 1", "lora_blocks = one"}),
        ("--logit_mean=wide", {"precondition_outputs = 1", "logit_mean = wide"}),
        ("--logit_mean=50", {"precondition_outputs = 1", "timesteps = logit-normal, -48.9014, 1"}),
    ],
)
def test_what_is_otherwise_is_told(asked: str, told: set[str], tmp_path: Path) -> None:
    assert lost(read(tmp_path, f"python train_dreambooth_lora_sd3.py --max_sequence_length=256 {asked}")) == told


def test_layers_that_are_named_choose_kinds_of_layers(tmp_path: Path) -> None:
    everything = ",".join([*KINDS["attention"], *KINDS["feed-forward"], "proj_mlp", "proj_out"])
    found = read(tmp_path, f"python train_dreambooth_lora_flux.py --lora_layers={everything}")
    assert found.recipe.lora_modules == ("attention", "feed-forward") and "lora_layers" not in str(lost(found))
    found = read(tmp_path, "python train_dreambooth_lora_sd3.py --lora_layers=to_k,to_q,to_v,to_out.0,add_k_proj,"
                 "add_q_proj,add_v_proj,to_add_out")  # fmt: skip
    assert found.recipe.lora_modules == ("attention",) and "lora_layers" not in str(lost(found))


KOHYA = r"""
accelerate launch --mixed_precision bf16 flux_train_network.py --pretrained_model_name_or_path flux1-dev.safetensors \
  --clip_l clip_l.safetensors --t5xxl t5xxl_fp16.safetensors --ae ae.safetensors --cache_latents_to_disk \
  --save_model_as safetensors --sdpa --persistent_data_loader_workers --max_data_loader_n_workers 2 --seed 42 \
  --gradient_checkpointing --save_precision bf16 --network_module networks.lora_flux --network_dim 4 \
  --network_train_unet_only --optimizer_type adamw8bit --learning_rate 1e-4 --cache_text_encoder_outputs \
  --cache_text_encoder_outputs_to_disk --fp8_base --highvram --max_train_epochs 4 --save_every_n_epochs 1 \
  --dataset_config dataset_1024_bs2.toml --output_dir out --output_name flux-lora --timestep_sampling shift \
  --discrete_flow_shift 3.1582 --model_prediction_type raw --guidance_scale 1.0
"""


def test_a_command_line_of_kohya_for_flux_means_what_it_meant(tmp_path: Path) -> None:
    """Of sd-scripts' docs/flux_train_network.md."""
    found = read(tmp_path, KOHYA)
    assert differences(found) == {
        "rank": 4, "lora_alpha": 1.0, "lora_modules": ["attention", "feed-forward"], "caption_dropout": 0.0,
        "train_batch_size": 1, "text_encoder_lr": 1e-4, "lr_scheduler": "constant", "lr_warmup_steps": 0,
        "max_train": "4 epochs", "snr_gamma": "none", "seed": 42, "gradient_checkpointing": True,
        "base_model_precision": "int8", "style_friendly_sampling": True,
        "log_snr_mean": -2.300004,
    }  # fmt: skip
    assert lost(found) == {"network_module = lora_flux"}  # layers of modulation do not learn here


@pytest.mark.parametrize(
    ("asked", "blocks"),
    [
        ("train_blocks=single", ("single_transformer_blocks",)),
        ("train_blocks=double", ("transformer_blocks",)),
        ("train_double_block_indices=0-1,5", (
            "transformer_blocks.0", "transformer_blocks.1", "transformer_blocks.5", "single_transformer_blocks")),
        ("train_single_block_indices=none", ("transformer_blocks",)),
        ("train_single_block_indices=9000000000", ()),
        ("train_blocks=all", ()),
    ],
)  # fmt: skip
def test_blocks_of_kohya_are_blocks_here(asked: str, blocks: tuple[str, ...], tmp_path: Path) -> None:
    found = read(tmp_path, f'python flux_train_network.py --network_module networks.lora_flux --network_args "{asked}"')
    assert found.recipe.lora_blocks == blocks
    assert ("network_args" in str(lost(found))) == ("9000000000" in asked)


def test_what_these_scripts_do_not_hear_is_not_taken_over(tmp_path: Path) -> None:
    found = read(tmp_path, "python sd3_train_network.py --network_module networks.lora_sd3 --min_snr_gamma 5 "
                 "--noise_offset 0.1 --clip_skip 2 --network_args train_block_indices=3 train_t5xxl=True")  # fmt: skip
    assert (found.recipe.snr_gamma, found.recipe.noise_offset, found.recipe.clip_skip) == (None, 0, 0)
    assert found.recipe.lora_blocks == ("transformer_blocks.3",) and found.recipe.train_text_encoder
    assert lost(found) == {
        "network_module = lora_sd3", "weighting_scheme = uniform", "loss = of the picture",
        "network_args train_t5xxl = True",
    }  # fmt: skip
    assert "min_snr_gamma: the scripts for these bases do not hear it" in found.notes


def test_a_toml_is_known_for_one_of_these_scripts(tmp_path: Path) -> None:
    same = 'pretrained_model_name_or_path = "x"\nnetwork_module = "networks.lora_flux"\nmin_snr_gamma = 5\n'
    found = read(tmp_path, same, "config.toml")
    assert found.recipe.snr_gamma is None
    assert lost(found) == {
        "network_module = lora_flux", "timestep_sampling = sigma, uniform", "model_prediction_type = sigma_scaled",
        "guidance_scale = 3.5",
    }  # fmt: skip


def test_another_base_of_the_same_script_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeInvalid, match="another base"):
        read(tmp_path, "python flux_train_network.py --model_type chroma")


def of_diffusers(mean: float, deviation: float, shift: float) -> Tensor:
    """The lines of the scripts."""
    scheduler = FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=shift)
    u = compute_density_for_timestep_sampling("logit_normal", ROWS, logit_mean=mean, logit_std=deviation)
    found: Tensor = scheduler.timesteps[(u * 1000).long()] / 1000
    return found


def of_kohya(scale: float, shift: float) -> Tensor:
    """sd-scripts, library/flux_train_utils.py, get_noisy_model_input_and_timesteps: sigmoid, shift, flux_shift."""
    sigmas = (torch.randn(ROWS) * scale).sigmoid()
    return (sigmas * shift) / (1 + (shift - 1) * sigmas)


@pytest.mark.parametrize(
    ("command", "there"),
    [
        ("train_dreambooth_lora_flux.py --weighting_scheme logit_normal --logit_mean 0.5 --logit_std 0.8",
         lambda: of_diffusers(0.5, 0.8, 1.0)),
        ("train_dreambooth_flux.py --weighting_scheme logit_normal", lambda: of_diffusers(0.0, 1.0, 1.0)),
        ("train_dreambooth_lora_sd3.py", lambda: of_diffusers(0.0, 1.0, 3.0)),
        ("train_dreambooth_lora_sd3.py --logit_mean -0.4 --logit_std 1.3", lambda: of_diffusers(-0.4, 1.3, 3.0)),
        ("flux_train_network.py --timestep_sampling sigmoid --sigmoid_scale 0.7", lambda: of_kohya(0.7, 1.0)),
        ("flux_train_network.py --timestep_sampling shift --discrete_flow_shift 3.1582", lambda: of_kohya(1.0, 3.1582)),
        ("flux_train_network.py --timestep_sampling flux_shift --resolution 512",
         lambda: of_kohya(1.0, torch.tensor(0.5 + 768 * 0.65 / 3840).exp().item())),
        ("flux_train_network.py --weighting_scheme logit_normal --logit_mean 0.3 --discrete_flow_shift 2",
         lambda: of_diffusers(0.3, 1.0, 2.0)),
        ("sd3_train_network.py --weighting_scheme logit_normal --logit_mean 0.3 --training_shift 2",
         lambda: of_kohya(1.0, 2.0 * torch.tensor(0.3).exp().item())),
    ],
)  # fmt: skip
def test_the_noise_that_is_learnt_at_is_that_of_the_script(command: str, there: Any, tmp_path: Path) -> None:
    """By the tenths of what is drawn."""
    recipe = read(tmp_path, f"python {command}").recipe
    noise = FlowSchedule(1000, 3.0 if "dreambooth_lora_sd3" in command else 1.0)  # as the bases' schedulers say
    chance = torch.Generator().manual_seed(0)
    if recipe.style_friendly_sampling:
        here = noise.at(style_friendly(ROWS, chance, recipe.log_snr_mean, recipe.log_snr_std)) / 1000
    else:
        here = noise.drawn(ROWS, chance) / 1000
    tenths = torch.linspace(0.1, 0.9, 9)
    torch.manual_seed(1)
    assert torch.allclose(here.float().quantile(tenths), there().float().quantile(tenths), atol=5e-3)
