"""What do the arguments of diffusers' DreamBooth scripts become in a recipe?

Names and defaults are those of train_dreambooth.py, train_dreambooth_lora.py and train_dreambooth_lora_sdxl.py
(examples/dreambooth); a recipe has most of its names from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handstyle.finetuning.translation import Translated, Translation, number, whole, yes

DEFAULTS: dict[str, Any] = {
    "lora_modules": ["attention"], "train_text_encoder": False, "caption_dropout": 0, "max_train": "1 epochs",
    "train_batch_size": 4, "lr_scheduler": "constant", "lr_warmup_steps": 500, "snr_gamma": None,
    "mixed_precision": "no", "resolution": 512, "num_class_images": 100,
}  # fmt: skip
BY_KIND: dict[str, dict[str, Any]] = {
    "full": {"method": "full", "learning_rate": 5e-6, "text_encoder_lr": 5e-6},
    "lora": {"rank": 4, "lora_alpha": 4, "learning_rate": 5e-4, "text_encoder_lr": 5e-4},
    "lora_sdxl": {"rank": 4, "lora_alpha": 4, "learning_rate": 1e-4, "text_encoder_lr": 5e-6, "resolution": 1024},
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
ELSEWHERE = {
    "pretrained_model_name_or_path": "give it with --base",
    "instance_data_dir": "`handstyle collect` takes it",
    "dataset_name": "`handstyle collect` takes a folder",
    "class_data_dir": "give it with --class-images",
    "bnb_quantization_config_path": "base_model_precision takes int8 or nf4",
    "instance_prompt": "each work has words of its own; identifier, class_words and template say what goes along",
    "repeats": "`handstyle collect` takes it from a data set",
}
WITHOUT_EFFECT = frozenset(
    (
        "output_dir logging_dir checkpointing_steps checkpoints_total_limit resume_from_checkpoint report_to "
        "push_to_hub hub_token hub_model_id validation_prompt validation_prompts num_validation_images "
        "validation_epochs validation_steps validation_images sample_batch_size dataloader_num_workers allow_tf32 "
        "gradient_checkpointing enable_xformers_memory_efficient_attention set_grads_to_none local_rank "
        "prior_generation_precision pre_compute_text_embeddings center_crop image_column caption_column cache_dir "
        "dataset_config_name output_kohya_format image_interpolation_mode tokenizer_name"
    ).split()
)


def from_arguments(given: Mapping[str, Any], where: str, *, kind: str) -> Translated:
    """`kind` is full, lora or lora_sdxl: which script."""
    told = Translation(dict(given), {**DEFAULTS, **BY_KIND[kind]})
    for keys, change in ((NUMBERS, number), (WHOLES, whole), (FLAGS, yes)):
        for key in keys:
            told.take(key, key, change)
    told.take("num_train_epochs", "max_train", lambda value: f"{whole(value)} epochs")
    told.take("max_train_steps", "max_train", lambda value: f"{whole(value)} steps")
    told.take("snr_gamma", "snr_gamma", number)
    told.take("class_prompt", "class_prompt", str)
    if kind != "full":
        told.take("rank", "rank", whole)
        told.settings["lora_alpha"] = told.settings["rank"]  # as the scripts do, unless they are told
        told.take("lora_alpha", "lora_alpha", number)
        told.take("lora_dropout", "lora_dropout", number)
        told.take("lora_unet_blocks", "lora_blocks", lambda value: [name.strip() for name in str(value).split(",")])
        if told.given.pop("use_blora", False):
            told.settings["lora_blocks"] = ["b-lora"]
    else:
        told.settings.pop("lora_modules")
    told.settings["text_encoder_lr"] = told.settings["text_encoder_lr" if kind == "lora_sdxl" else "learning_rate"]
    told.take("text_encoder_lr", "text_encoder_lr", number)
    if told.given.pop("scale_lr", False):
        told.settings["learning_rate"] *= told.settings["train_batch_size"] * told.settings.get(
            "gradient_accumulation_steps", 1
        )
        told.notes.append(f"scale_lr: the learning rate is {told.settings['learning_rate']:g}, as on one device")
    if told.given.pop("use_8bit_adam", False):
        told.notes.append("use_8bit_adam: AdamW in 32 bits is used; optimizer = adamw8bit asks for 8")
    told.optimizer("optimizer")
    told.scheduler("lr_scheduler")
    told.precision()
    told.clipping()
    told.leave(ELSEWHERE)
    told.pass_over(WITHOUT_EFFECT)
    return told.done(where)
