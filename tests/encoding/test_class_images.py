"""Are class images drawn once, and kept apart by everything that decides them?"""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from handstyle.encoding.cache import Cache
from handstyle.encoding.class_images import ClassImages, draw_class_images, drawn_examples, own_examples
from handstyle.errors import CollectionFaulty

PLAN = ClassImages("drawing", "base", 16, 3, 2, 3.0, 0.7, "no", False)


def test_class_images_are_drawn_once_and_then_found(family: Any, cache: Cache) -> None:
    assert list(draw_class_images(PLAN, 10, family, cache)) == [0, 8, 10]
    first = drawn_examples(PLAN, 10, family, cache)
    assert list(draw_class_images(PLAN, 10, family, cache)) == [10]
    assert list(draw_class_images(PLAN, 11, family, cache)) == [10, 11], "only what is missing is drawn"
    again = drawn_examples(PLAN, 10, family, cache)
    assert len({example.variants[0].mean_BCHW.numpy().tobytes() for example in first}) == 10
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one.variants[0].mean_BCHW, other.variants[0].mean_BCHW)
        assert not one.variants[0].deviation_BCHW.any(), "they are exact: no noise of the autoencoder"
        assert one.text == "drawing"


def test_everything_that_decides_a_class_image_is_in_its_fingerprint() -> None:
    others = {"prompt": "icon", "base": "another", "resolution": 8, "seed": 4, "steps": 3, "guidance_scale": 1.0,
              "guidance_rescale": 0.0, "precision": "bf16", "plain": True}  # fmt: skip
    assert set(others) == {field.name for field in fields(ClassImages)}
    keys = {PLAN.key(0), PLAN.key(1), *(replace(PLAN, **{name: value}).key(0) for name, value in others.items())}
    assert len(keys) == 2 + len(others)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    (folder / "more").mkdir(parents=True)
    Image.new("RGB", (20, 20), "red").save(folder / "a.png")
    Image.new("RGB", (30, 20), "blue").save(folder / "more" / "a.png")
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_class_images_of_ones_own_are_encoded_like_works(own: Path, family: Any, cache: Cache) -> None:
    first, again = (own_examples(own, "drawing", 16, family, cache) for _ in range(2))
    assert [example.text for example in first] == ["drawing"] * 2
    assert len({example.name for example in first}) == 2, "two files of one name are two pictures"
    for one, other in zip(first, again, strict=True):
        assert one.name == other.name
        assert torch.equal(one.variants[0].mean_BCHW, other.variants[0].mean_BCHW)
        assert one.variants[0].deviation_BCHW.any()


def test_an_edited_class_image_is_another_one(own: Path, family: Any, cache: Cache) -> None:
    """The names go into the lineage of a run: an edited picture must not pass for the one trained on before."""
    before = {example.name for example in own_examples(own, "drawing", 16, family, cache)}
    Image.new("RGB", (20, 20), "green").save(own / "a.png")
    assert len(before & {example.name for example in own_examples(own, "drawing", 16, family, cache)}) == 1


def test_a_folder_without_class_images_is_refused(tmp_path: Path, family: Any, cache: Cache) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(CollectionFaulty, match="there are no class images"):
            own_examples(folder, "drawing", 16, family, cache)
