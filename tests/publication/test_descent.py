"""Are files of weights found that were merged from others, by whatever the tool that merged them writes?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from handstyle.publication.descent import Descendant, descent
from handstyle.publication.provenance import opened
from handstyle.tensor_files import Tensor, metadata_of, write_tensors


def tensors(value: int) -> dict[str, Tensor]:
    return {"a": Tensor("F32", (1,), bytes([0, 0, 0, value]))}


def found_beside(release: Path) -> dict[str, str]:
    """Of all works."""
    made: tuple[Descendant, ...] = descent([], [release.parent], lambda file, pixels: True).of("weights")
    return {Path(one.where).stem: one.why for one in made}


@pytest.mark.parametrize(
    "said",
    [
        {"modelspec.merged_from": "Some Model, Soft outline"},  # sd-scripts, where the file has a title
        {"modelspec.merged_from": "soft-outline, another"},  # and where it has none
        {"sd_merge_models": json.dumps({"f" * 64: {"name": "folder/soft-outline.safetensors", "legacy_hash": "0"}})},
        {"sd_merge_recipe": json.dumps({"primary_model_name": "soft-outline", "multiplier": 0.3})},
    ],
    ids=["title", "file name", "A1111", "A1111's recipe"],
)
def test_a_merge_is_found_by_the_name_of_what_went_in(said: dict[str, str], release: Path) -> None:
    write_tensors(release.parent / "merge.safetensors", tensors(1), said)
    write_tensors(release.parent / "merged again.safetensors", tensors(2), {"modelspec.merged_from": "merge, x"})
    write_tensors(release.parent / "innocent.safetensors", tensors(3), {"modelspec.merged_from": "Soft outlines, y"})
    found = found_beside(release)
    assert set(found) == {"merge", "merged again"} and "says that it was merged from" in found["merge"]


def test_a1111_names_by_digest_what_was_merged(release: Path) -> None:
    statement, _ = opened((release / "handstyle.json").read_bytes())
    own = metadata_of(release / "weights" / statement.weights[1].path)["modelspec.hash_sha256"].removeprefix("0x")
    models = json.dumps({own: {"name": "renamed.safetensors"}})
    write_tensors(release.parent / "merge.safetensors", tensors(1), {"sd_merge_models": models})
    assert set(found_beside(release)) == {"merge"}


def test_a_name_that_every_tool_gives_is_no_sign(release: Path) -> None:
    said = {"modelspec.merged_from": "pytorch_lora_weights, model"}
    write_tensors(release.parent / "innocent.safetensors", tensors(1), said)
    assert not found_beside(release)
