"""What do the settings of kohya's scripts become in a recipe?

Names and defaults are those of sd-scripts (library/train_util.py, train_network.py, library/config_util.py); of
flux_train_network.py and sd3_train_network.py those at 48d368f.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from handstyle.finetuning.flow_recipes import FLUX, SD3, FlowBase, blocks_of_kohya, of_kohya
from handstyle.finetuning.recipe import MODULES
from handstyle.finetuning.translation import Translated, Translation, number, whole, yes

# What is so where nothing is said. A low-rank update there is of attention and feed-forward layers alone.
DEFAULTS: dict[str, Any] = {
    "rank": 4, "lora_alpha": 1, "lora_modules": ["attention", "feed-forward"], "train_text_encoder": True,
    "caption_dropout": 0, "max_train": "1600 steps", "train_batch_size": 1, "learning_rate": 2e-6,
    "lr_scheduler": "constant", "lr_warmup_steps": 0, "snr_gamma": None, "mixed_precision": "no",
}  # fmt: skip
# Presets of LyCORIS (lycoris/config.py) by what of the denoiser they make learn.
PRESETS_OF_LYCORIS = {"attn-mlp": ("attention", "feed-forward"), "attn-only": ("attention",)}
FLOW_SCRIPTS: dict[str, FlowBase] = {"flux_train_network.py": FLUX, "sd3_train_network.py": SD3}
FLOW_MODULES: dict[str, FlowBase] = {"networks.lora_flux": FLUX, "networks.lora_sd3": SD3}
# What is said of noise and words that these two do not hear.
UNHEARD = (
    "min_snr_gamma debiased_estimation_loss zero_terminal_snr noise_offset noise_offset_random_strength "
    "adaptive_noise_scale multires_noise_iterations multires_noise_discount scale_v_pred_loss_like_noise_pred "
    "v_pred_like_loss clip_skip max_token_length v2 v_parameterization"
).split()
BUCKETS = {"min_bucket_reso": 256, "max_bucket_reso": 1024, "bucket_reso_steps": 64}
ELSEWHERE = {
    "pretrained_model_name_or_path": "give it with --base",
    "dataset_config": "`handstyle collect` takes it, and `handstyle recipe` its settings",
    "train_data_dir": "`handstyle collect` takes it",
    "reg_data_dir": "give it with --class-images",
    "v2": "the base says so itself",
    "v_parameterization": "the base says so itself",
    "clip_l": "the base of --base holds it",
    "clip_g": "the base of --base holds it",
    "t5xxl": "the base of --base holds it",
    "ae": "the base of --base holds it",
    "vae": "the base of --base holds it",
    "network_weights": "a run that was trained here goes on with --extend",
}
OF_COLLECTING = frozenset(
    (
        "subsets image_dir class_tokens num_repeats is_reg caption_extension caption_prefix caption_suffix cache_info "
        "conditioning_data_dir metadata_file"
    ).split()
)
WITHOUT_EFFECT = OF_COLLECTING | frozenset(
    (
        "output_dir output_name save_precision save_every_n_epochs save_every_n_steps save_last_n_epochs "
        "save_last_n_steps save_state save_state_on_train_end save_model_as use_safetensors no_metadata logging_dir "
        "log_with log_prefix log_tracker_name wandb_run_name log_config sample_every_n_steps sample_every_n_epochs "
        "sample_at_first sample_prompts sample_sampler cache_latents cache_latents_to_disk vae_batch_size xformers "
        "sdpa mem_eff_attn max_data_loader_n_workers persistent_data_loader_workers lowram "
        "highvram full_path training_comment metadata_title metadata_author metadata_description metadata_license "
        "metadata_tags console_log_level console_log_file console_log_simple cache_text_encoder_outputs "
        "cache_text_encoder_outputs_to_disk no_half_vae skip_cache_check torch_compile dynamo_backend config_file "
        "caption_extention huggingface_repo_id disable_mmap_load_safetensors seed_for_samples blocks_to_swap "
        "cpu_offload_checkpointing split_mode text_encoder_batch_size save_clip save_t5xxl t5xxl_device t5xxl_dtype"
    ).split()
)


def from_settings(
    given: Mapping[str, Any],
    where: str,
    *,
    is_full: bool = False,
    has_defaults: bool = True,
    base: FlowBase | None = None,
) -> Translated:
    """`is_full` finetunes the whole network. Without `has_defaults`, only what is said is taken: of a data set."""
    told = Translation(dict(given), dict(DEFAULTS) if has_defaults else {})
    if base:
        for key in UNHEARD:
            if told.given.pop(key, None) not in (None, "", False, 0):
                told.notes.append(f"{key}: the scripts for these bases do not hear it")
    if is_full:
        told.settings |= {"method": "full"}
    _words(told)
    _pictures(told)
    _objective(told)
    if has_defaults:
        _network(told, base)
        if base:
            of_kohya(told, base)
        _length(told)
        told.precision()
        told.optimizer("optimizer_type" if "optimizer_type" in told.given else "optimizer")
        _optimizer_arguments(told)
        _memory(told)
        if told.given.pop("use_8bit_adam", False):
            told.notes.append("use_8bit_adam: AdamW in 32 bits is used")
        told.scheduler("lr_scheduler")
        told.clipping()
        told.notes.append("captions are shown as the template says: choose identifier, class_words and template")
    told.leave(ELSEWHERE)
    told.pass_over(WITHOUT_EFFECT)
    return told.done(where)


def _words(told: Translation) -> None:
    told.take("shuffle_caption", "shuffle_caption", yes)
    told.take("keep_tokens", "keep_tokens", whole)
    told.take("caption_dropout_rate", "caption_dropout", number)
    told.take("clip_skip", "clip_skip", lambda value: max(0, whole(value) - 1))  # there the last layer counts as 1
    told.take("seed", "seed", whole)


def _pictures(told: Translation) -> None:
    told.take("batch_size", "train_batch_size", whole)
    told.take("train_batch_size", "train_batch_size", whole)
    told.take("resolution", "resolution", _side)
    told.take("flip_aug", "random_flip", yes)
    told.take("enable_bucket", "enable_bucket", yes)
    if told.settings.get("enable_bucket"):
        told.settings |= BUCKETS
    for key in BUCKETS:
        told.take(key, key, whole)
    told.take("bucket_no_upscale", "bucket_no_upscale", yes)
    for key in ("masked_loss", "alpha_mask"):
        told.take(key, key, yes)
        if told.settings.get(key):
            told.settings["unmasked_weight"] = 0  # there, what is masked does not count at all
    if not told.settings.get("enable_bucket"):
        for key in (*BUCKETS, "bucket_no_upscale"):
            told.settings.pop(key, None)


def _side(value: Any) -> int:
    """Of one number, or of a width and a height: the square of the same area, which is all that buckets ask for."""
    sides = [whole(side) for side in (value if isinstance(value, list) else str(value).split(","))]
    if not sides or len(sides) > 2:
        raise ValueError("it is no size")
    return round(math.sqrt(sides[0] * sides[-1]))


def _objective(told: Translation) -> None:
    told.take("min_snr_gamma", "snr_gamma", lambda value: number(value) or None)
    told.take("prior_loss_weight", "prior_loss_weight", number)
    told.take("noise_offset", "noise_offset", number)
    told.take("zero_terminal_snr", "rescale_betas_zero_snr", yes)
    told.take("debiased_estimation_loss", "debiased_estimation_loss", yes)
    if told.settings.get("debiased_estimation_loss"):
        if told.settings.get("snr_gamma"):
            told.settings.pop("debiased_estimation_loss")
            told.lose("debiased_estimation_loss", True, "min-SNR is used, and not both at once")
        else:
            told.settings["snr_gamma"] = None
    if told.given.get("loss_type") in ("l2", "huber"):
        told.take("loss_type", "loss_type")
    if told.settings.get("loss_type") == "huber":
        told.take("huber_c", "huber_c", number)
        told.take("huber_schedule", "huber_schedule", str)
    elif "loss_type" not in told.given:
        told.pass_over(frozenset(("huber_c", "huber_schedule")))
    if told.given.get("reg_data_dir"):
        told.settings["with_prior_preservation"] = True


def _network(told: Translation, base: FlowBase | None) -> None:
    told.take("network_dim", "rank", whole)
    told.take("network_alpha", "lora_alpha", number)
    told.take("network_dropout", "lora_dropout", number)
    told.take("learning_rate", "learning_rate", number)
    rate = told.settings["learning_rate"]
    told.settings["text_encoder_lr"] = rate
    told.take("unet_lr", "learning_rate", number)
    told.take(
        "text_encoder_lr", "text_encoder_lr", lambda value: number(value[0] if isinstance(value, list) else value)
    )
    told.take("gradient_accumulation_steps", "gradient_accumulation_steps", whole)
    told.take("train_text_encoder", "train_text_encoder", yes)
    if told.given.pop("network_train_unet_only", False) or not told.settings["text_encoder_lr"]:
        told.settings["train_text_encoder"] = False
    if str(told.given.get("stop_text_encoder_training")) == "-1":  # before the first step
        told.given.pop("stop_text_encoder_training")
        told.settings["train_text_encoder"] = False
    if not told.settings["text_encoder_lr"]:
        told.settings.pop("text_encoder_lr")
    module = str(told.given.pop("network_module", "") or "networks.lora")
    arguments = _pairs(told.given.pop("network_args", None))
    if module == "lycoris.kohya":
        _lycoris(told, arguments)
        if base:  # it has no convolutions
            told.settings["lora_modules"] = [kind for kind in told.settings["lora_modules"] if kind != "convolution"]
    elif base and FLOW_MODULES.get(module, base) == base:
        blocks_of_kohya(told, arguments, base)
    elif module != "networks.lora":
        told.lose("network_module", module, "a plain low-rank update is used")
    for key, value in arguments.items():
        if key == "conv_dim":
            told.settings["lora_modules"] = ["attention", "feed-forward", "convolution"]
            if str(value) != str(told.settings["rank"]):
                told.lose("conv_dim", value, f"convolutions get the same rank, {told.settings['rank']}")
        elif key != "conv_alpha":
            told.lose(f"network_args {key}", value)
    if told.settings.get("method") == "full":
        for key in ("rank", "lora_alpha", "lora_modules", "algo", "lokr_factor", "tlora", "tlora_min_rank"):
            told.settings.pop(key, None)


def _lycoris(told: Translation, arguments: dict[str, Any]) -> None:
    """What LyCORIS' `kohya.py` does without being told: LoRA, in convolutions, too."""
    algo, preset = str(arguments.pop("algo", "lora")), str(arguments.pop("preset", "full"))
    if algo in ("loha", "lokr"):
        told.settings["algo"] = algo
        if dropout := told.settings.pop("lora_dropout", None):
            told.lose("network_dropout", dropout, f"{algo} has none")
    elif algo == "tlora":
        least = str(arguments.pop("tlora_min_rank", 1))
        told.settings |= {"tlora": True, "tlora_min_rank": int(least) if least.isdecimal() else 1}
    elif algo not in ("lora", "locon"):
        told.lose("network_args algo", algo, "a plain low-rank update is used")
    if algo == "lokr" and str(arguments.get("factor", "-1")).removeprefix("-").isdecimal():
        told.settings["lokr_factor"] = int(arguments.pop("factor", -1))
    told.settings["lora_modules"] = list(PRESETS_OF_LYCORIS.get(preset, MODULES))
    if preset not in ("full", *PRESETS_OF_LYCORIS):
        told.lose("network_args preset", preset, "all layers of the denoiser learn")


def _length(told: Translation) -> None:
    told.take("max_train_steps", "max_train", lambda value: f"{whole(value)} steps")
    told.take("max_train_epochs", "max_train", lambda value: f"{whole(value)} epochs")
    warmup = told.given.pop("lr_warmup_steps", 0) or 0
    try:
        share, (length, unit) = number(warmup), told.settings["max_train"].split()
        if share < 1 and unit == "epochs" and share:
            told.lose("lr_warmup_steps", warmup, "a share of epochs; write a number of steps")
        else:
            told.settings["lr_warmup_steps"] = round(share * int(length)) if share < 1 else whole(warmup)
    except (ValueError, OverflowError):
        told.lose("lr_warmup_steps", warmup)


def _optimizer_arguments(told: Translation) -> None:
    for key, value in _pairs(told.given.pop("optimizer_args", None)).items():
        try:
            if key == "weight_decay":
                told.settings["adam_weight_decay"] = number(value)
            elif key == "eps":
                told.settings["adam_epsilon"] = number(value)
            elif key == "betas":
                one, other = (number(part) for part in str(value).strip("()[] ").split(","))
                told.settings |= {"adam_beta1": one, "adam_beta2": other}
            else:
                told.lose(f"optimizer_args {key}", value)
        except ValueError:
            told.lose(f"optimizer_args {key}", value)


def _memory(told: Translation) -> None:
    """What takes less of it, and more time."""
    told.take("gradient_checkpointing", "gradient_checkpointing", yes)
    told.take("fused_backward_pass", "optimizer_in_backward", yes)  # there, too, each gradient is clipped by itself
    eight_bits = [
        key for key in ("fp8_base", "fp8_base_unet") if str(told.given.pop(key, False)).lower() in ("true", "1")
    ]
    if eight_bits and (told.settings.get("method") == "full" or told.settings.get("algo", "lora") != "lora"):
        told.lose(eight_bits[0], True, "the base is held in 8 bits beneath a plain LoRA alone")
    elif eight_bits:
        told.settings["base_model_precision"] = "int8"
        told.notes.append(
            f"{eight_bits[0]}: the denoiser is held in 8 bits, as whole numbers with a scale each channel"
        )
    if told.settings.get("optimizer_in_backward") and told.settings.get("gradient_accumulation_steps", 1) > 1:
        told.settings.pop("optimizer_in_backward")
        told.lose("fused_backward_pass", True, "gradients that are applied at once cannot be accumulated")


def _pairs(value: Any) -> dict[str, str]:
    """`["weight_decay=0.1", "betas=0.9,0.99"]`, or the same in one text."""
    parts = value if isinstance(value, list) else str(value or "").split()
    pairs = (str(part).partition("=") for part in parts)
    return {key.strip(): found.strip().strip("\"'") for key, _, found in pairs if key.strip()}


def flow_base(settings: Mapping[str, Any]) -> FlowBase | None:
    """Which of these bases the settings of a TOML are for, by what is said for no other."""
    if found := FLOW_MODULES.get(str(settings.get("network_module"))):
        return found
    return FLUX if "ae" in settings else SD3 if "clip_g" in settings or "training_shift" in settings else None
