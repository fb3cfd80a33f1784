"""Is it noticed when a signer puts together what does not belong together?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ingredients import DIFFUSERS, KOHYA, Ingredients, assert_broken, found, signed_again

from handstyle.publication.verification import verify
from handstyle.tensor_files import Tensor, metadata_of, tensors_in, write_tensors


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(path.read_bytes())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("style.json", lambda record: record.update(collection="c" * 64)),
        ("style.json", lambda record: record["base"].update(sha256="c" * 64)),
        ("style.json", lambda record: record["recipe"].update(lora_alpha=64.0)),
        ("style.json", lambda record: record.clear()),
        ("collection.json", lambda record: record.update(collection="c" * 64)),
    ],
)
def test_records_that_contradict_each_other_are_broken(
    ingredients: Ingredients, release: Path, name: str, change: Callable[[dict[str, Any]], None]
) -> None:
    edit(release / name, change)
    signed_again(release, ingredients.key)
    verification = verify(release)
    assert verification.status == "broken"
    assert {kind for kind, _ in found(verification)} <= {"record", "permission", "weights"}


def test_a_recipe_that_is_not_the_styles_is_broken(ingredients: Ingredients, release: Path) -> None:
    text = (release / "recipe.toml").read_text()
    (release / "recipe.toml").write_text(text.replace("rank = 2", "rank = 3"))
    signed_again(release, ingredients.key)
    assert_broken(release, "record", "recipe.toml")


@pytest.mark.parametrize("text", ["[" * 50_000, '{"a": 1, "a": 2}', "NaN", "[]", '"x"'])
def test_a_record_that_cannot_be_read_is_broken(ingredients: Ingredients, release: Path, text: str) -> None:
    (release / "report.json").write_text(text)
    signed_again(release, ingredients.key)
    assert_broken(release, "record", "report.json")


def test_an_enormous_record_is_not_read(ingredients: Ingredients, release: Path) -> None:
    with (release / "report.json").open("wb") as file:
        file.truncate((64 << 20) + 1)
    signed_again(release, ingredients.key)
    assert_broken(release, "record", "report.json")


def rewritten(path: Path, change: Callable[[dict[str, Tensor]], None], **metadata: str) -> None:
    with tensors_in(path) as tensors:
        copy = {name: Tensor(tensor.kind, tensor.shape, bytes(tensor.data)) for name, tensor in tensors.items()}
    change(copy)
    write_tensors(path, copy, {**metadata_of(path), **metadata})


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (KOHYA, lambda tensors: tensors.pop(next(iter(tensors)))),
        (KOHYA, lambda tensors: tensors.update({"lora_unet_x.alpha": Tensor("F32", (), bytes(4))})),
    ],
)
def test_weights_that_were_not_trained_and_inspected_are_broken(
    ingredients: Ingredients, release: Path, name: str, change: Callable[[dict[str, Tensor]], None]
) -> None:
    rewritten(release / name, change)
    signed_again(release, ingredients.key)
    assert_broken(release, "weights", name)


def test_a_diffusers_file_that_forgets_its_alpha_is_broken(ingredients: Ingredients, release: Path) -> None:
    rewritten(release / DIFFUSERS, lambda tensors: None, lora_adapter_metadata='{"unet.lora_alpha": 2.0}')
    signed_again(release, ingredients.key)
    assert_broken(release, "weights", DIFFUSERS)


def test_tensors_other_than_the_signed_ones_are_broken(ingredients: Ingredients, release: Path) -> None:
    def other(statement: dict[str, Any]) -> None:
        statement["weights"][0]["tensors"] = "c" * 64

    signed_again(release, ingredients.key, other)
    assert_broken(release, "weights", DIFFUSERS)
