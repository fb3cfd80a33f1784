"""Is what was typed read as it was meant?"""

from __future__ import annotations

from pathlib import Path

import pytest

from handstyle.errors import RecipeInvalid, UsageMistake
from handstyle.finetuning.recipe import Recipe
from handstyle.terminal.values import all_prompts, at_most_one, given, recipe_settings


def test_settings_become_what_the_recipe_needs() -> None:
    typed = ["rank=16", "learning_rate = 3e-4", "random_flip=true", "max_train=60 epochs", "snr_gamma=none",
             'lora_modules=["attention"]', "class_words=12", "template={caption} = {identifier}"]  # fmt: skip
    recipe = Recipe().changed(**recipe_settings(typed))
    assert (recipe.rank, recipe.learning_rate, recipe.random_flip) == (16, 3e-4, True)
    assert (str(recipe.max_train), recipe.snr_gamma, recipe.lora_modules) == ("60 epochs", None, ("attention",))
    assert (recipe.class_words, recipe.template) == ("12", "{caption} = {identifier}")


def test_an_unknown_setting_is_refused_with_the_nearest() -> None:
    with pytest.raises(RecipeInvalid) as invalid:
        Recipe().changed(**recipe_settings(["learning_rat=1"]))
    assert "did you mean `learning_rate`?" in invalid.value.faults[0]


def test_all_settings_that_are_none_are_named_at_once() -> None:
    with pytest.raises(UsageMistake) as mistake:
        recipe_settings(["rank", "=3", "lora_modules=[attention", "seed=1"])
    assert len(mistake.value.faults) == 3


def test_a_recipe_reads_as_it_was_written(tmp_path: Path) -> None:
    recipe = Recipe(snr_gamma=None, template='"{caption}", {identifier} \\ {class_words}')
    (tmp_path / "recipe.toml").write_text(recipe.as_toml(), encoding="utf-8")
    assert Recipe.from_toml(tmp_path / "recipe.toml").template == recipe.template


def test_prompts_come_from_the_line_then_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_bytes("\ufeffa Zoë\r\n\r\n  a {red|blue} hat \n".encode())
    assert all_prompts(["a cat"], file) == ["a cat", "a Zoë", "a red hat", "a blue hat"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", None])
def test_a_file_without_prompts_is_a_mistake(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "prompts.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageMistake):
        all_prompts([], file)


def test_options_that_were_not_typed_are_not_handed_on() -> None:
    assert given(a=0, b=None, c=False, d="") == {"a": 0, "c": False, "d": ""}


def test_an_empty_list_contradicts_nothing() -> None:
    at_most_one({"--set": [], "--extend": "9 steps", "--recipe": None})
    with pytest.raises(UsageMistake, match="--set and --extend"):
        at_most_one({"--set": ["rank=1"], "--extend": "9 steps"})
