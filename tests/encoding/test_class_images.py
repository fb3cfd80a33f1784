"""Are class images drawn once, and kept apart by everything that decides them?"""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from handstyle.collection.intake import collect
from handstyle.collection.rights import own_work
from handstyle.collection.rights_plan import for_all
from handstyle.encoding.cache import Cache
from handstyle.encoding.class_images import (
    ClassImages,
    OwnClassImages,
    draw_class_images,
    drawn_examples,
    own_examples,
)
from handstyle.errors import WorkChanged

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
              "guidance_rescale": 0.0, "precision": "bf16", "plain": True, "bucket": (8, 16),
              "clip_skip": 1}  # fmt: skip
    assert set(others) == {field.name for field in fields(ClassImages)}
    keys = {PLAN.key(0), PLAN.key(1), *(replace(PLAN, **{name: value}).key(0) for name, value in others.items())}
    assert len(keys) == 2 + len(others)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    (folder / "more").mkdir(parents=True)
    Image.new("RGB", (20, 20), "red").save(folder / "a.png")
    Image.new("RGB", (30, 20), "blue").save(folder / "more" / "a.png")
    return folder


def permitted(folder: Path) -> OwnClassImages:
    return OwnClassImages(collect(folder, rights=for_all(own_work("Ada")), validation=None), folder)


def test_class_images_of_ones_own_are_encoded_like_works(own: Path, family: Any, cache: Cache) -> None:
    first, again = (own_examples(permitted(own), "drawing", (16, 16), family, cache) for _ in range(2))
    assert [example.text for example in first] == ["drawing"] * 2
    assert len({example.name for example in first}) == 2, "two files of one name are two pictures"
    for one, other in zip(first, again, strict=True):
        assert one.name == other.name
        assert torch.equal(one.variants[0].mean_BCHW, other.variants[0].mean_BCHW)
        assert one.variants[0].deviation_BCHW.any()


def test_an_edited_class_image_is_another_one_and_not_the_one_that_was_permitted(
    own: Path, family: Any, cache: Cache
) -> None:
    asked = permitted(own)
    Image.new("RGB", (20, 20), "green").save(own / "a.png")
    with pytest.raises(WorkChanged, match=r"a\.png"):
        own_examples(asked, "drawing", (16, 16), family, cache)
    assert permitted(own).collection.digest != asked.collection.digest
