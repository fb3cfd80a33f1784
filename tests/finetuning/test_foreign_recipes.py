"""Do settings of other tools mean here what they meant there, and is everything told that they cannot mean?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.finetuning import foreign_files
from tests.finetuning.foreign_files import differences

from handstyle.errors import RecipeInvalid
from handstyle.finetuning.foreign_recipes import KNOWN, as_file
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.translation import Translated
from handstyle.records import toml_in


def read(folder: Path, text: str, name: str = "config.toml") -> Translated:
    return foreign_files.read(folder, text, name)


KOHYA = """
[model_arguments]
pretrained_model_name_or_path = "/models/sd15.safetensors"
[additional_network_arguments]
network_module = "networks.lora"
network_dim = 32
network_alpha = 16
unet_lr = 5e-4
text_encoder_lr = 1e-4
network_args = ["conv_dim=8", "conv_alpha=4"]
[training_arguments]
optimizer_type = "AdamW8bit"
optimizer_args = ["weight_decay=0.1", "betas=0.9,0.99"]
max_train_epochs = 10
train_batch_size = 2
lr_scheduler = "cosine_with_restarts"
lr_scheduler_num_cycles = 3
lr_warmup_steps = 100
min_snr_gamma = 5.0
clip_skip = 2
mixed_precision = "fp16"
noise_offset = 0.05
ip_noise_gamma = 0.1
seed = 42
output_dir = "/somewhere"
cache_latents = true
[dataset_arguments]
resolution = "512,768"
enable_bucket = true
bucket_no_upscale = true
shuffle_caption = true
keep_tokens = 1
flip_aug = true
caption_dropout_rate = 0.05
color_aug = false
"""


def test_a_toml_of_kohya_means_what_it_meant(tmp_path: Path) -> None:
    found = read(tmp_path, KOHYA)
    assert differences(found) == {
        "rank": 32, "lora_alpha": 16.0, "train_text_encoder": True, "learning_rate": 5e-4, "text_encoder_lr": 1e-4,
        "adam_weight_decay": 0.1, "adam_beta2": 0.99, "max_train": "10 epochs", "train_batch_size": 2,
        "lr_scheduler": "cosine", "lr_warmup_steps": 100, "clip_skip": 1, "seed": 42, "resolution": 627,
        "enable_bucket": True, "min_bucket_reso": 256, "max_bucket_reso": 1024, "bucket_reso_steps": 64,
        "bucket_no_upscale": True, "shuffle_caption": True, "keep_tokens": 1, "random_flip": True,
        "caption_dropout": 0.05, "noise_offset": 0.05,
    }  # fmt: skip
    lost = "\n".join(found.without_counterpart)
    for key in (
        "lr_scheduler = cosine_with_restarts",
        "lr_scheduler_num_cycles = 3",
        "ip_noise_gamma = 0.1",
        "conv_dim",
    ):
        assert key in lost
    assert "output_dir" not in lost and "cache_latents" not in lost and "color_aug" not in lost
    notes = "\n".join(found.notes)
    assert "--base" in notes and "fp16: bf16 is used" in notes and "AdamW in 32 bits" in notes


def test_what_kohya_does_where_nothing_is_said_is_taken_over(tmp_path: Path) -> None:
    found = read(tmp_path, 'pretrained_model_name_or_path = "x"\nnetwork_dim = 8\n').recipe
    assert (found.lora_alpha, found.snr_gamma, found.caption_dropout, found.mixed_precision) == (1, None, 0, "no")
    assert (found.train_text_encoder, found.text_encoder_lr, found.learning_rate) == (True, 2e-6, 2e-6)
    assert found.lora_modules == ("attention", "feed-forward") and found.max_train.count == 1600
    assert found.lr_warmup_steps == 0 and found.train_batch_size == 1


@pytest.mark.parametrize(
    ("said", "settings"),
    [
        ("network_train_unet_only = true", {"train_text_encoder": False}),
        ("text_encoder_lr = 0", {"train_text_encoder": False}),
        ("text_encoder_lr = [1e-5, 2e-5]", {"text_encoder_lr": 1e-5}),
        ("max_train_steps = 1000\nlr_warmup_steps = 0.05", {"lr_warmup_steps": 50}),
        ("max_grad_norm = 0", {"max_grad_norm": 1e9}),
        ("alpha_mask = true", {"alpha_mask": True, "unmasked_weight": 0}),
        ("debiased_estimation_loss = true", {"debiased_estimation_loss": True, "snr_gamma": None}),
        ("debiased_estimation_loss = true\nmin_snr_gamma = 5", {"debiased_estimation_loss": False, "snr_gamma": 5}),
        ('loss_type = "huber"\nhuber_c = 0.3', {"loss_type": "huber", "huber_c": 0.3, "huber_schedule": "snr"}),
        ('loss_type = "smooth_l1"', {"loss_type": "l2"}),
        ("clip_skip = 1", {"clip_skip": 0}),
        ("min_snr_gamma = 0", {"snr_gamma": None}),
        ("min_bucket_reso = 320", {"min_bucket_reso": None}),
        ("gradient_checkpointing = true", {"gradient_checkpointing": True}),
        ("fp8_base = true", {"base_model_precision": "int8"}),
        ("fp8_base_unet = true", {"base_model_precision": "int8"}),
        ("fp8_base = false", {"base_model_precision": "no_change"}),
        ('fp8_base = true\nnetwork_module = "lycoris.kohya"\nnetwork_args = ["algo=lokr"]', {
            "base_model_precision": "no_change", "algo": "lokr"}),
        ("fused_backward_pass = true", {"optimizer_in_backward": True}),
        ("fused_backward_pass = true\ngradient_accumulation_steps = 4", {"optimizer_in_backward": False}),
        ("reg_data_dir = 'reg'", {"with_prior_preservation": True}),
        ('optimizer_type = "Prodigy"\nunet_lr = 1.0\ntext_encoder_lr = 0.5', {
            "optimizer": "prodigy", "learning_rate": 1.0, "text_encoder_lr": 1.0}),
        ('optimizer_type = "Prodigy"', {"optimizer": "prodigy", "learning_rate": 1.0}),
        ('optimizer_type = "AdamWScheduleFree"\nlr_scheduler = "cosine"', {
            "optimizer": "adamwschedulefree", "lr_scheduler": "constant_with_warmup", "learning_rate": 1e-4}),
        ('optimizer_type = "DAdaptAdam"\nunet_lr = 1.0\ntext_encoder_lr = 1.0', {
            "optimizer": "adamw", "learning_rate": 1e-4, "text_encoder_lr": 1e-4}),
    ],
)  # fmt: skip
def test_a_choice_of_kohya_is_this_one_here(said: str, settings: dict[str, Any], tmp_path: Path) -> None:
    found = read(tmp_path, f"network_dim = 8\nlearning_rate = 1e-4\n{said}\n").recipe
    assert {name: getattr(found, name) for name in settings} == settings


def test_without_a_network_the_whole_base_learns(tmp_path: Path) -> None:
    assert read(tmp_path, "learning_rate = 1e-6\nmax_train_steps = 400\n").recipe.method == "full"


def test_of_a_data_set_only_what_it_says_is_taken(tmp_path: Path) -> None:
    found = read(tmp_path, """
        [general]
        shuffle_caption = true
        [[datasets]]
        resolution = 768
        batch_size = 4
        [[datasets.subsets]]
        image_dir = "one"
        keep_tokens = 2
        random_crop = true
        [[datasets.subsets]]
        image_dir = "two"
        keep_tokens = 1
    """)  # fmt: skip
    assert differences(found) == {
        "shuffle_caption": True, "keep_tokens": 2, "resolution": 768, "train_batch_size": 4
    }  # fmt: skip
    lost = "\n".join(found.without_counterpart)
    assert "random_crop" in lost and "keep_tokens: differs" in lost and "image_dir" not in lost


DIFFUSERS = r"""
#!/bin/bash
export MODEL_NAME="CompVis/stable-diffusion-v1-4"
RANK=8
echo "starting" && cd $HOME
accelerate launch --mixed_precision=fp16 examples/dreambooth/train_dreambooth_lora.py \
  --pretrained_model_name_or_path=$MODEL_NAME  \
  --instance_data_dir="my dogs" --instance_prompt="a photo of sks dog" \
  --with_prior_preservation --class_prompt "a photo of dog" --num_class_images=200 \
  --resolution=512 --train_batch_size=1 --gradient_accumulation_steps=2 --rank ${RANK} \
  --learning_rate=1e-4 --lr_scheduler="polynomial" --lr_warmup_steps=0 --max_train_steps=500 \
  --validation_prompt="A photo of sks dog in a bucket" --seed="0" --use_8bit_adam --use_dora \
  --push_to_hub && rm -rf everything
"""


def test_a_command_line_of_diffusers_means_what_it_meant(tmp_path: Path) -> None:
    found = read(tmp_path, DIFFUSERS, "train.sh")
    assert differences(found) == {
        "lora_modules": ["attention"], "with_prior_preservation": True, "class_prompt": "a photo of dog",
        "num_class_images": 200, "resolution": 512, "train_batch_size": 1, "gradient_accumulation_steps": 2,
        "lr_warmup_steps": 0, "max_train": "500 steps", "caption_dropout": 0.0, "snr_gamma": "none",
        "text_encoder_lr": 1e-4, "algo": "dora",
    }  # fmt: skip
    assert found.recipe.lora_alpha == found.recipe.rank == 8
    assert found.without_counterpart == ("lr_scheduler = polynomial: constant_with_warmup is used",)
    notes = "\n".join(found.notes)
    assert "fp16: bf16 is used" in notes
    assert "CompVis/stable-diffusion-v1-4" in notes and "my dogs" in notes and "sks dog" in notes


def test_the_defaults_of_diffusers_are_taken_over(tmp_path: Path) -> None:
    lora = read(tmp_path, "python train_dreambooth_lora.py", "a.txt").recipe
    assert (lora.rank, lora.lora_alpha, lora.learning_rate, lora.lr_warmup_steps) == (4, 4, 5e-4, 500)
    xl = read(tmp_path, "python train_dreambooth_lora_sdxl.py --train_text_encoder", "b.txt").recipe
    assert (xl.learning_rate, xl.text_encoder_lr, xl.resolution) == (1e-4, 5e-6, 1024)
    whole = read(tmp_path, "python train_dreambooth.py --snr_gamma 5", "c.txt").recipe
    assert (whole.method, whole.learning_rate, whole.snr_gamma, str(whole.max_train)) == ("full", 5e-6, 5, "1 epochs")


def test_a_command_line_of_kohya_is_read_like_its_toml(tmp_path: Path) -> None:
    found = read(tmp_path, 'accelerate launch sdxl_train_network.py ^\n --network_dim=16 --network_args "conv_dim=16" '
                 '"conv_alpha=1" ^\n --learning_rate 1e-4 --network_train_unet_only\n', "train.bat").recipe  # fmt: skip
    assert (found.rank, found.learning_rate, found.train_text_encoder) == (16, 1e-4, False)
    assert "convolution" in found.lora_modules


def test_a_value_that_is_not_known_is_told_and_not_guessed(tmp_path: Path) -> None:
    found = read(tmp_path, "python train_dreambooth_lora.py --learning_rate=$RATE --rank=many", "a.sh")
    assert set(found.without_counterpart) == {"learning_rate = $RATE", "rank = many"}


def test_the_file_that_is_written_can_be_trained_from(tmp_path: Path) -> None:
    found = read(tmp_path, KOHYA)
    text = as_file(found, "config.toml")
    assert "# No counterpart:\n" in text and "#   ip_noise_gamma = 0.1\n" in text
    path = tmp_path / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    assert Recipe.from_toml(path) == found.recipe


def test_a_toml_of_kohya_is_no_recipe_and_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(KOHYA, encoding="utf-8")
    with pytest.raises(RecipeInvalid, match="is no recipe") as invalid:
        Recipe.from_toml(tmp_path / "config.toml")
    assert "handstyle recipe" in invalid.value.hint


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.toml", "= ="),
        ("b.toml", 'colour = "red"'),
        ("c.sh", "rm -rf /"),
        ("e.sh", "python train_dreambooth_lora.py" + " --rank=8" * 10_000),
        ("d.sh", "python train_dreambooth_lora.py --rank='8"),
    ],
)
def test_what_is_no_settings_is_refused(name: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeInvalid):
        read(tmp_path, text, name)


@given(st.sampled_from(KNOWN), st.text(max_size=200))
def test_no_text_makes_more_of_it_than_settings_or_a_refusal(script: str, text: str) -> None:
    from handstyle.finetuning.foreign_recipes import _from_command_line

    try:
        found = _from_command_line(f"python {script} {text}", "x")
        toml_in(as_file(found, "x"))
    except (ValueError, RecipeInvalid):
        pass


def test_the_adapters_of_lycoris_keep_their_kind(tmp_path: Path) -> None:
    asked = KOHYA.replace("networks.lora", "lycoris.kohya")
    found = read(tmp_path, asked.replace('"conv_dim=8"', '"algo=lokr", "factor=4", "preset=attn-mlp", "use_cp=True"'))
    assert (found.recipe.algo, found.recipe.lokr_factor) == ("lokr", 4)
    assert found.recipe.lora_modules == ("attention", "feed-forward")
    assert any(line.startswith("network_args use_cp") for line in found.without_counterpart)
    by_noise = read(tmp_path, asked.replace('"conv_dim=8"', '"algo=tlora", "tlora_min_rank=4"')).recipe
    assert (by_noise.algo, by_noise.tlora, by_noise.tlora_min_rank) == ("lora", True, 4)
    plain = read(tmp_path, asked.replace('"conv_dim=8"', '"algo=ia3"'))
    assert plain.recipe.algo == "lora" and len(plain.recipe.lora_modules) == 3
    assert any("network_args algo = ia3" in line for line in plain.without_counterpart)


@pytest.mark.parametrize(
    ("asked", "blocks"),
    [
        ("--use_blora", ("b-lora",)),
        ("--lora_unet_blocks=unet.mid_block,up_blocks.1", ("unet.mid_block", "up_blocks.1")),
    ],
)
def test_blocks_of_diffusers_scripts_keep_their_names(asked: str, blocks: tuple[str, ...], tmp_path: Path) -> None:
    found = read(tmp_path, f"accelerate launch train_dreambooth_lora_sdxl.py {asked}\n", "train.sh")
    assert found.recipe.lora_blocks == blocks


ADVANCED = r"""
accelerate launch train_dreambooth_lora_sdxl_advanced.py \
  --pretrained_model_name_or_path="stabilityai/stable-diffusion-xl-base-1.0" \
  --pretrained_vae_model_name_or_path="madebyollin/sdxl-vae-fp16-fix" \
  --dataset_name="./3d_icon" --instance_prompt="3d icon in the style of TOK" \
  --validation_prompt="a TOK icon of an astronaut riding a horse, in the style of TOK" \
  --output_dir="3d-icon-SDXL-LoRA" --caption_column="prompt" --mixed_precision="bf16" --resolution=1024 \
  --train_batch_size=3 --repeats=1 --report_to="wandb" --gradient_accumulation_steps=1 --gradient_checkpointing \
  --learning_rate=1.0 --text_encoder_lr=1.0 --optimizer="prodigy" --train_text_encoder_ti \
  --train_text_encoder_ti_frac=0.5 --snr_gamma=5.0 --lr_scheduler="constant" --lr_warmup_steps=0 --rank=8 \
  --max_train_steps=1000 --checkpointing_steps=2000 --seed="0" --push_to_hub
"""


def test_pivotal_tuning_of_the_advanced_scripts_is_pivotal_tuning_here(tmp_path: Path) -> None:
    """The command line of examples/advanced_diffusion_training/README.md."""
    found = read(tmp_path, ADVANCED, "train.sh")
    assert differences(found) == {
        "lora_modules": ["attention"], "caption_dropout": 0.0, "resolution": 1024, "train_batch_size": 3,
        "optimizer": "prodigy", "learning_rate": 1.0, "text_encoder_lr": 1.0, "token_lr": 1.0,
        "train_text_encoder_ti": True, "train_text_encoder_ti_frac": 0.5, "identifier": "<tok>", "num_vectors": 2,
        "max_train": "1000 steps", "lr_warmup_steps": 0, "lr_scheduler": "constant", "gradient_checkpointing": True,
        "adam_weight_decay": 1e-4, "num_class_images": 100,
    }  # fmt: skip
    lost = "\n".join(found.without_counterpart)
    assert lost.count("\n") == 1 and "pretrained_vae_model_name_or_path" in lost and "begin at random" in lost
    assert "token_abstraction = TOK: the new word is <tok>" in found.notes


@pytest.mark.parametrize(
    ("asked", "settings"),
    [
        ("--train_text_encoder_ti", {"token_lr": 5e-6, "train_text_encoder_ti_frac": 0.5, "num_vectors": 2}),
        ("--train_text_encoder_ti --text_encoder_lr=0", {"token_lr": 1e-4}),
        ("--train_text_encoder_ti --token_abstraction=Wald --num_new_tokens_per_abstraction 3", {
            "identifier": "<wald>", "num_vectors": 3}),
        ("--train_text_encoder_ti --token_abstraction='TOK, TOK2'", {"identifier": "<tok>"}),
        ("--num_new_tokens_per_abstraction 3", {"train_text_encoder_ti": False, "num_vectors": 1}),
        ("--use_dora --noise_offset 0.1", {"algo": "dora", "noise_offset": 0.1}),
        ("--use_dora --train_text_encoder", {"algo": "lora", "train_text_encoder": True, "text_encoder_lr": 5e-6}),
    ],
)  # fmt: skip
def test_a_choice_of_the_advanced_scripts_is_this_one_here(
    asked: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    found = read(tmp_path, f"python train_dreambooth_lora_sd15_advanced.py {asked}", "a.txt").recipe
    assert {name: getattr(found, name) for name in settings} == settings


def test_what_the_advanced_scripts_do_that_is_not_here_is_told(tmp_path: Path) -> None:
    asked = "--train_text_encoder --train_text_encoder_frac=0.5 --use_dora --do_edm_style_training --clip_skip=2"
    found = read(tmp_path, f"python train_dreambooth_lora_sdxl_advanced.py {asked}", "a.txt")
    assert found.recipe.clip_skip == 2
    assert {line.partition(":")[0] for line in found.without_counterpart} == {
        "train_text_encoder_frac = 0.5", "use_dora", "do_edm_style_training"
    }  # fmt: skip
    two = read(tmp_path, "python train_dreambooth_lora_sd15_advanced.py --train_text_encoder_ti "
               "--token_abstraction=TOK,TOK2 --adam_weight_decay_text_encoder=1e-3", "b.txt")  # fmt: skip
    lost = "\n".join(two.without_counterpart)
    assert "token_abstraction = TOK2: one word is taught" in lost
    assert "adam_weight_decay_text_encoder = 1e-3: 0.0001 is used" in lost
