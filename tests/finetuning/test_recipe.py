"""Does a recipe say what it cannot do, and come back from TOML as it went?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.finetuning.conftest import manifest

from handstyle.errors import RecipeInvalid
from handstyle.finetuning.duration import Duration
from handstyle.finetuning.recipe import Recipe, named, presets


def faults_of(tmp_path: Path, text: str) -> tuple[str, ...]:
    path = tmp_path / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeInvalid) as invalid:
        Recipe.from_toml(path)
    assert str(path) in invalid.value.what
    return invalid.value.faults


def test_an_unknown_key_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    [fault] = faults_of(tmp_path, "learning_rat = 1e-4")
    assert fault == "learning_rat: unknown key; did you mean `learning_rate`?"


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    faults = faults_of(
        tmp_path, 'rnak = 4\nlearning_rate = -1\nmax_train = "soon"\ntemplate = "a cat"\nmethod = "magic"'
    )
    assert {fault.split(":")[0] for fault in faults} == {"rnak", "learning_rate", "max_train", "template", "method"}


def test_a_recipe_that_is_no_toml_or_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    with pytest.raises(RecipeInvalid, match="does not exist"):
        Recipe.from_toml(path)
    path.write_text("rank = ")
    with pytest.raises(RecipeInvalid, match="cannot be read as TOML"):
        Recipe.from_toml(path)


@pytest.mark.parametrize("preset", presets())
def test_every_preset_loads_and_comes_back_from_toml(preset: str, tmp_path: Path) -> None:
    recipe = named(preset)
    assert Recipe.from_toml(recipe.to_toml(tmp_path / "recipe.toml")) == recipe


def test_an_unknown_preset_is_refused_with_those_there_are() -> None:
    with pytest.raises(RecipeInvalid, match="no preset `sd15`") as invalid:
        named("sd15")
    assert "sd15_subject" in invalid.value.hint
    for path in ("../presets/sd15_subject", ""):
        with pytest.raises(RecipeInvalid):
            named(path)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"snr_gamma": None},
        {"resolution": 512},
        {"lora_modules": ["convolution"]},
        {"identifier": 'a "quoted" \\ Zoë'},
        {"max_train": "60 epochs", "seed": 2**53 - 1, "prior_loss_weight": 0.0, "learning_rate": 1e-7},
    ],
    ids=str,
)
def test_a_recipe_comes_back_from_toml_as_it_went(settings: dict[str, Any], tmp_path: Path) -> None:
    recipe = Recipe.model_validate(settings)
    again = Recipe.from_toml(recipe.to_toml(tmp_path / "recipe.toml"))
    assert again == recipe and again.digest == recipe.digest
    assert Recipe.load(recipe.save(tmp_path / "recipe.json")) == recipe


def test_min_snr_weighting_can_be_left_out_in_toml(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text('snr_gamma = "none"')
    assert Recipe.from_toml(path).snr_gamma is None
    assert Recipe().snr_gamma == 5.0
    for text in ("snr_gamma = 0", 'snr_gamma = "no"'):
        faults_of(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "count", "unit"),
    [("240 steps", 240, "steps"), ("1 step", 1, "steps"), ("60epochs", 60, "epochs"), (" 3  epoch ", 3, "epochs")],
)
def test_a_duration_is_read_as_it_is_said(text: str, count: int, unit: str) -> None:
    assert Duration.parse(text) == Duration(count=count, unit=unit)


@pytest.mark.parametrize(
    "text", ["", "240", "0 steps", "-1 steps", "1.5 epochs", "240 stairs", "steps", None, 240, "9" * 5000]
)
def test_what_is_no_duration_is_refused_with_an_example(text: Any) -> None:
    with pytest.raises(RecipeInvalid) as invalid:
        Recipe().changed(max_train=text)
    assert len(invalid.value.faults) == 1


def test_an_epoch_shows_each_work_once() -> None:
    assert Duration.parse("240 steps").in_steps(32, 8) == 240
    assert Duration.parse("60 epochs").in_steps(32, 8) == 240
    assert Duration.parse("1 epoch").in_steps(3, 32) == 1, "never no step at all"


@given(st.integers(1, 10**6), st.sampled_from(["steps", "epochs"]))
def test_a_duration_reads_what_it_writes(count: int, unit: Any) -> None:
    assert Duration.parse(str(Duration(count=count, unit=unit))) == Duration(count=count, unit=unit)


def test_the_words_of_a_work_are_its_caption_in_the_template() -> None:
    recipe = Recipe(template="{caption}, a {identifier} {class_words}", identifier="hndst", class_words="icon")
    assert recipe.words("a cat") == "a cat, a hndst icon"
    assert recipe.words("{identifier} {} %s {caption}") == "{identifier} {} %s {caption}, a hndst icon"


@pytest.mark.parametrize(
    "template",
    [
        "a {identifier} drawing",
        "{caption} in {style}, {identifier}",
        "{caption} {class words} {identifier}",
        "{caption} {identifier} {",
        "{caption} {identifier} }",
        "{caption} {identifier} {}",
        "{caption!r} {identifier}",
        "{caption} {caption.__class__} {identifier}",
        "{caption:>9999999} {identifier}",
        "{{caption}} {identifier}",
    ],
)
def test_a_template_that_could_not_be_filled_in_is_refused(template: str) -> None:
    with pytest.raises(RecipeInvalid) as invalid:
        Recipe().changed(template=template)
    assert "{caption}" in invalid.value.faults[0]


def test_a_style_needs_a_word_for_the_hand_unless_all_weights_learn() -> None:
    with pytest.raises(RecipeInvalid, match="no word for this hand"):
        Recipe().changed(template="{caption}")
    assert Recipe().changed(template="{caption}", method="full").words("a cat") == "a cat"


@pytest.mark.parametrize(
    "settings",
    [{"seed": 2**53}, {"seed": -1}, {"rank": 0}, {"rank": 2.5}, {"learning_rate": float("nan")}, {"learning_rate": 0},
     {"caption_dropout": 1}, {"ema_decay": 1}, {"lora_modules": []}, {"lora_modules": ["attn"]},
     {"mixed_precision": "fp16"}, {"lr_scheduler": "polynomial"}, {"identifier": ""},
     {"num_class_images": 0}, {"train_batch_size": 0}],
    ids=str,
)  # fmt: skip
def test_an_impossible_value_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(RecipeInvalid) as invalid:
        Recipe().changed(**settings)
    assert invalid.value.faults[0].startswith(next(iter(settings)))


def test_every_choice_changes_the_digest() -> None:
    changes: dict[str, Any] = {
        "method": "full", "rank": 4, "lora_alpha": 4, "lora_dropout": 0.1, "lora_modules": ["attention"],
        "train_text_encoder": True, "identifier": "other", "class_words": "icon", "template": "{identifier}: {caption}",
        "caption_dropout": 0.2, "max_train": "241 steps", "train_batch_size": 4, "gradient_accumulation_steps": 2,
        "learning_rate": 2e-4, "text_encoder_lr": 2e-5, "lr_scheduler": "cosine", "lr_warmup_steps": 0,
        "adam_beta1": 0.8, "adam_beta2": 0.99, "adam_epsilon": 1e-6, "adam_weight_decay": 0, "max_grad_norm": 2,
        "optimizer_in_backward": True,
        "ema_decay": 0.9, "ema_warmup": False, "mixed_precision": "no", "seed": 1, "snr_gamma": None, "resolution": 64,
        "random_flip": True,
        "enable_bucket": True, "min_bucket_reso": 32, "max_bucket_reso": 128, "bucket_reso_steps": 8,
        "bucket_no_upscale": True,
        "loss_type": "huber", "huber_c": 0.2, "huber_schedule": "constant", "noise_offset": 0.05,
        "debiased_estimation_loss": True,
        "shuffle_caption": True, "keep_tokens": 1, "clip_skip": 1,
        "masked_loss": True, "alpha_mask": True, "unmasked_weight": 0, "normalize_masked_area_loss": True,
        "with_prior_preservation": True, "prior_loss_weight": 0.5, "prior_batch_share": 0.5, "class_prompt": "icon",
        "num_class_images": 10, "prior_target": "base",
        "algo": "dora", "lokr_factor": 4, "lora_blocks": ["mid_block"], "optimizer": "adafactor",
        "gradient_checkpointing": True, "base_model_precision": "int8",
        "style_friendly_sampling": True, "log_snr_mean": -5, "log_snr_std": 1,
        "train_text_encoder_ti": True, "num_vectors": 2, "initializer_token": "ink", "token_lr": 1e-3,
        "train_text_encoder_ti_frac": 0.5, "tlora": True, "tlora_min_rank": 2, "rescale_betas_zero_snr": True,
    }  # fmt: skip
    assert set(changes) == set(Recipe.model_fields), "a new choice belongs here too"
    needs = {"debiased_estimation_loss": {"snr_gamma": None}}  # two weightings at once are refused
    digests = {Recipe().changed(**{name: value}, **needs.get(name, {})).digest for name, value in changes.items()}
    assert len(digests | {Recipe().digest}) == 1 + len(changes)


def test_choices_that_joined_later_leave_earlier_records_as_they_were() -> None:
    """What a recipe does not use is not written: its digest, and the lineage of its runs, are those from before."""
    assert Recipe().digest == "42e1bc8799310f7a60c2cdd8d95bbd36b92485e07a94d26d7fab0773a4c595c7"
    assert manifest(Recipe()).lineage == "001646001c5d9f30f5daf3dc7b1d86a5ea79249611fbebef738a27eae6f02edb"
    assert (
        manifest(Recipe(masked_loss=True)).lineage != "001646001c5d9f30f5daf3dc7b1d86a5ea79249611fbebef738a27eae6f02edb"
    )
    assert Recipe.read(Recipe(masked_loss=True).as_json(), where="here").masked_loss
