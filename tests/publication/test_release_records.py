"""Is it noticed when a signer puts together what does not belong together?"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ingredients import DIFFUSERS, KOHYA, Ingredients, assert_broken, found, signed_again

from handstyle import digests
from handstyle.publication.verification import verify
from handstyle.tensor_files import Tensor, metadata_of, tensors_in, write_tensors


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(path.read_bytes())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("style.json", lambda record: record.update(tensors="c" * 64)),
        ("style.json", lambda record: record.update(collection="c" * 64)),
        ("style.json", lambda record: record["base"].update(sha256="c" * 64)),
        ("style.json", lambda record: record["recipe"].update(rank=64)),
        ("style.json", lambda record: record["recipe"].update(lora_alpha=64.0)),
        ("style.json", lambda record: record.clear()),
        ("report.json", lambda record: record.update(style="c" * 64)),
        ("report.json", lambda record: record.update(collection="c" * 64)),
        ("collection.json", lambda record: record.update(collection="c" * 64)),
        ("collection.json", lambda record: record["works"].append(record["works"][0])),
        ("collection.json", lambda record: next(iter(record["rights"].values())).update(permits=["train"])),
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


def test_a_release_without_a_report_is_broken_however_well_signed(ingredients: Ingredients, release: Path) -> None:
    (release / "report.json").unlink()

    def leave_out(statement: dict[str, Any]) -> None:
        statement["files"] = [file for file in statement["files"] if file["path"] != "report.json"]

    signed_again(release, ingredients.key, leave_out)
    assert_broken(release, "record", "report.json")


def rewritten(path: Path, change: Callable[[dict[str, Tensor]], None], **metadata: str) -> None:
    with tensors_in(path) as tensors:
        copy = {name: Tensor(tensor.kind, tensor.shape, bytes(tensor.data)) for name, tensor in tensors.items()}
    change(copy)
    write_tensors(path, copy, {**metadata_of(path), **metadata})


def other_alpha(tensors: dict[str, Tensor]) -> None:
    name = next(name for name in tensors if name.endswith(".alpha"))
    tensors[name] = Tensor("F32", (), struct.pack("<f", 2.0))


def other_number(tensors: dict[str, Tensor]) -> None:
    name, tensor = next((name, tensor) for name, tensor in tensors.items() if "lora_" in name)
    tensors[name] = tensor._replace(data=bytes(len(tensor.data)))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (KOHYA, other_alpha),
        (KOHYA, other_number),
        (KOHYA, lambda tensors: tensors.pop(next(iter(tensors)))),
        (KOHYA, lambda tensors: tensors.update({"lora_unet_x.alpha": Tensor("F32", (), bytes(4))})),
        (DIFFUSERS, other_number),
        (DIFFUSERS, lambda tensors: tensors.pop(next(iter(tensors)))),
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


def test_a_file_of_weights_that_is_no_safetensors_is_broken(ingredients: Ingredients, release: Path) -> None:
    (release / KOHYA).write_bytes(b"\x80\x04pickle")

    def list_it(statement: dict[str, Any]) -> None:
        for file in statement["files"]:
            if file["path"] == KOHYA:
                file.update(sha256=digests.of_file(release / KOHYA), size=(release / KOHYA).stat().st_size)

    signed_again(release, ingredients.key, list_it, at_face_value=True)
    assert verify(release).status == "broken"


def test_a_release_with_one_file_of_weights_is_broken(ingredients: Ingredients, release: Path) -> None:
    (release / KOHYA).unlink()

    def leave_out(statement: dict[str, Any]) -> None:
        statement["files"] = [file for file in statement["files"] if file["path"] != KOHYA]
        statement["weights"] = statement["weights"][:1]

    signed_again(release, ingredients.key, leave_out, at_face_value=True)
    assert_broken(release, "weights", "weights")
