"""What do the arguments of diffusers' DreamBooth scripts become in a recipe?

Names and defaults are those of the scripts in examples/dreambooth and examples/advanced_diffusion_training, at 58eb52c.
A recipe has most of its names from there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handstyle.finetuning.flow_recipes import FLUX, SD3, FlowBase, layers_of_diffusers, of_diffusers
from handstyle.finetuning.translation import Translated, Translation, number, whole, yes

DEFAULTS: dict[str, Any] = {
    "lora_modules": ["attention"], "train_text_encoder": False, "caption_dropout": 0, "max_train": "1 epochs",
    "train_batch_size": 4, "lr_scheduler": "constant", "lr_warmup_steps": 500, "snr_gamma": None,
    "mixed_precision": "no", "resolution": 512, "num_class_images": 100,
}  # fmt: skip


@dataclass(frozen=True)
class Script:
    """What one of them does where nothing is said, beside what all do."""

    settings: Mapping[str, Any]
    is_full: bool = False
    one_rate: bool = False  # the text encoder learns at the rate of the denoiser
    own_alpha: bool = False  # and not the rank
    teaches_a_word: bool = False
    decay_of_text: float | None = None  # weight decay of the text encoder; None for that of the denoiser
    base: FlowBase | None = None
    longest: int = 0  # tokens that T5 reads


LOW_RANK = {"rank": 4, "lora_alpha": 4, "learning_rate": 1e-4, "text_encoder_lr": 5e-6, "adam_weight_decay": 1e-4}
FULL = {"method": "full", "learning_rate": 1e-4, "text_encoder_lr": 5e-6, "adam_weight_decay": 1e-4}
SCRIPTS = {
    "train_dreambooth.py": Script({"method": "full", "learning_rate": 5e-6}, is_full=True, one_rate=True),
    "train_dreambooth_lora.py": Script({"rank": 4, "lora_alpha": 4, "learning_rate": 5e-4}, one_rate=True),
    "train_dreambooth_lora_sdxl.py": Script({**LOW_RANK, "resolution": 1024}, decay_of_text=1e-3),
    "train_dreambooth_lora_sd15_advanced.py": Script(LOW_RANK, teaches_a_word=True),
    "train_dreambooth_lora_sdxl_advanced.py": Script({**LOW_RANK, "resolution": 1024}, teaches_a_word=True),
    "train_dreambooth_lora_sd3.py": Script(LOW_RANK, decay_of_text=1e-3, base=SD3, longest=77),
    "train_dreambooth_sd3.py": Script(FULL, is_full=True, decay_of_text=1e-3, base=SD3, longest=77),
    "train_dreambooth_lora_flux.py": Script(LOW_RANK, own_alpha=True, decay_of_text=1e-3, base=FLUX, longest=512),
    "train_dreambooth_flux.py": Script(FULL, is_full=True, decay_of_text=1e-3, base=FLUX, longest=77),
}
NUMBERS = ("learning_rate", "adam_beta1", "adam_beta2", "adam_epsilon", "adam_weight_decay", "prior_loss_weight")
WHOLES = (
    "seed",
    "resolution",
    "train_batch_size",
    "gradient_accumulation_steps",
    "lr_warmup_steps",
    "num_class_images",
)
FLAGS = ("train_text_encoder", "with_prior_preservation", "random_flip", "gradient_checkpointing")
OF_A_WORD = frozenset(("token_abstraction", "num_new_tokens_per_abstraction", "train_text_encoder_ti_frac"))
ELSEWHERE = {
    "pretrained_model_name_or_path": "give it with --base",
    "instance_data_dir": "`handstyle collect` takes it",
    "dataset_name": "`handstyle collect` takes a folder",
    "class_data_dir": "give it with --class-images",
    "bnb_quantization_config_path": "base_model_precision takes int8 or nf4",
    "instance_prompt": "each work has words of its own; identifier, class_words and template say what goes along",
    "repeats": "`handstyle collect` takes it from a data set",
    "revision": "give that base with --base",
    "variant": "give that base with --base",
}
WITHOUT_EFFECT = frozenset(
    (
        "output_dir logging_dir checkpointing_steps checkpoints_total_limit resume_from_checkpoint report_to "
        "push_to_hub hub_token hub_model_id validation_prompt validation_prompts num_validation_images "
        "validation_epochs validation_steps validation_images sample_batch_size dataloader_num_workers allow_tf32 "
        "gradient_checkpointing enable_xformers_memory_efficient_attention set_grads_to_none local_rank "
        "prior_generation_precision pre_compute_text_embeddings center_crop image_column caption_column cache_dir "
        "dataset_config_name output_kohya_format image_interpolation_mode tokenizer_name cache_latents "
        "upcast_before_saving enable_npu_flash_attention"
    ).split()
)


def from_arguments(given: Mapping[str, Any], where: str, *, script: Script) -> Translated:
    told = Translation(dict(given), {**DEFAULTS, **script.settings})
    for keys, change in ((NUMBERS, number), (WHOLES, whole), (FLAGS, yes)):
        for key in keys:
            told.take(key, key, change)
    told.take("num_train_epochs", "max_train", lambda value: f"{whole(value)} epochs")
    told.take("max_train_steps", "max_train", lambda value: f"{whole(value)} steps")
    told.take("snr_gamma", "snr_gamma", number)
    told.take("noise_offset", "noise_offset", number)
    told.take("clip_skip", "clip_skip", whole)
    told.take("class_prompt", "class_prompt", str)
    _rates(told, script)
    if script.is_full:
        told.settings.pop("lora_modules")
    else:
        _network(told, script)
    if script.teaches_a_word:
        _word(told)
    if script.base:
        of_diffusers(told, script.base, script.longest)
    if told.given.pop("use_8bit_adam", False):
        told.notes.append("use_8bit_adam: AdamW in 32 bits is used; optimizer = adamw8bit asks for 8")
    told.optimizer("optimizer")
    _decay(told, script)
    told.scheduler("lr_scheduler")
    told.precision()
    told.clipping()
    told.leave(ELSEWHERE)
    told.pass_over(WITHOUT_EFFECT)
    return told.done(where)


def _rates(told: Translation, script: Script) -> None:
    if script.one_rate:
        told.settings["text_encoder_lr"] = told.settings["learning_rate"]
    rate = told.settings["learning_rate"]
    told.take("text_encoder_lr", "text_encoder_lr", lambda value: number(value) or rate)  # 0 stands for the other one
    if told.given.pop("scale_lr", False):
        told.settings["learning_rate"] *= told.settings["train_batch_size"] * told.settings.get(
            "gradient_accumulation_steps", 1
        )
        told.notes.append(f"scale_lr: the learning rate is {told.settings['learning_rate']:g}, as on one device")


def _network(told: Translation, script: Script) -> None:
    told.take("rank", "rank", whole)
    if not script.own_alpha:
        told.settings["lora_alpha"] = told.settings["rank"]  # as the scripts do, unless they are told
    told.take("lora_alpha", "lora_alpha", number)
    told.take("lora_dropout", "lora_dropout", number)
    told.take("lora_unet_blocks", "lora_blocks", lambda value: [name.strip() for name in str(value).split(",")])
    if told.given.pop("use_blora", False):
        told.settings["lora_blocks"] = ["b-lora"]
    if told.given.pop("use_dora", False):
        if told.settings["train_text_encoder"]:
            told.lose("use_dora", True, "a plain low-rank update is used, as the text encoder learns, too")
        else:
            told.settings["algo"] = "dora"
    if script.base:
        layers_of_diffusers(told, script.base)


def _word(told: Translation) -> None:
    """A new word beside the adapter, which the text encoders read at the rate they would learn at themselves."""
    frac = told.given.pop("train_text_encoder_frac", None)
    if told.settings["train_text_encoder"] and frac not in (None, "1", "1.0"):
        told.lose("train_text_encoder_frac", frac, "the text encoder learns all the time")
    if not told.given.pop("train_text_encoder_ti", False):
        told.pass_over(OF_A_WORD)
        return
    told.settings |= {
        "train_text_encoder_ti": True, "identifier": "<tok>", "num_vectors": 2, "train_text_encoder_ti_frac": 0.5,
        "token_lr": told.settings["text_encoder_lr"],
    }  # fmt: skip
    told.take("num_new_tokens_per_abstraction", "num_vectors", whole)
    told.take("train_text_encoder_ti_frac", "train_text_encoder_ti_frac", number)
    abstractions = str(told.given.pop("token_abstraction", None) or "TOK").split(",")
    first = "".join(abstractions[0].split())
    if re.fullmatch(r"[a-z0-9_-]+", first.lower()):
        told.settings["identifier"] = f"<{first.lower()}>"
    told.notes.append(f"token_abstraction = {first[:120]}: the new word is {told.settings['identifier']}")
    if len(abstractions) > 1:
        told.lose("token_abstraction", ",".join(abstractions[1:]), "one word is taught")
    told.lose(
        "train_text_encoder_ti", True, "its vectors begin at random there; here as class_words or initializer_token"
    )


def _decay(told: Translation, script: Script) -> None:
    """There, text encoders and new words may have another weight decay; Prodigy's own settings are those used here."""
    own = told.settings.get("adam_weight_decay", 1e-2)
    said = told.given.pop("adam_weight_decay_text_encoder", None) or script.decay_of_text or own
    learns = told.settings["train_text_encoder"] or told.settings.get("train_text_encoder_ti")
    if learns and str(said) not in (str(own), f"{own:g}"):
        told.lose("adam_weight_decay_text_encoder", said, f"{own:g} is used, as for the denoiser")
    is_prodigy = told.settings.get("optimizer") == "prodigy"
    for key in ("prodigy_decouple", "prodigy_use_bias_correction", "prodigy_safeguard_warmup"):
        value = told.given.pop(key, None)
        if is_prodigy and value == "":  # there, any other text is true
            told.lose(key, "no", "it is on")
    if not is_prodigy:
        told.pass_over(frozenset({"prodigy_beta3"}))
