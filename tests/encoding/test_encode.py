"""Is each work and each text encoded once, and is what comes from the cache what the encoders said?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from handstyle.collection.intake import load_work
from handstyle.collection.works import Collection
from handstyle.encoding.buckets import Framing
from handstyle.encoding.cache import Cache
from handstyle.encoding.crops import Crop, centre_crop
from handstyle.encoding.encode import conditioning_of, encode_texts, encode_works, latents_of, pixels
from handstyle.errors import WorkChanged

Collecting = Callable[[], Collection]


def encode(
    collection: Collection, folder: Path, family: Any, cache: Cache, size: int = 16, flip: bool = False
) -> list[Any]:
    crops = [Framing(size, random_flip=flip).crops(work.width, work.height) for work in collection.works]
    return list(encode_works(collection.works, folder, "white", crops, family, cache))


def test_cached_latents_are_what_the_autoencoder_says(
    collected: Collecting, folder: Path, family: Any, cache: Cache
) -> None:
    collection = collected()
    done = encode(collection, folder, family, cache, flip=True)
    assert [(step.index, step.of, step.name, step.found) for step in done] == [
        (n + 1, 5, work.name, False) for n, work in enumerate(collection.works)
    ]
    for work in collection.works:
        for crop in Framing(16, random_flip=True).crops(work.width, work.height):
            cached = latents_of(work, crop, family.autoencoder_digest(), cache)
            said = family.encode_pixels(pixels(load_work(folder, work), crop)[None])
            assert cached is not None
            assert torch.equal(cached.mean_BCHW, said.mean_BCHW[0])
            assert torch.equal(cached.deviation_BCHW, said.deviation_BCHW[0])


def test_cached_texts_are_what_the_text_encoder_says(family: Any, cache: Cache) -> None:
    texts = ["", "a red boat", "Zoë"]
    assert [step.found for step in encode_texts(texts, family, cache)] == [False] * 3
    assert [step.found for step in encode_texts(texts, family, cache)] == [True] * 3
    for text in texts:
        cached = conditioning_of(text, family.text_digest(), cache)
        with torch.no_grad():
            assert cached is not None and torch.equal(cached, family.encode_texts([text])[0])


def test_a_second_time_everything_is_found_and_no_original_is_opened(
    collected: Collecting, folder: Path, family: Any, cache: Cache
) -> None:
    collection = collected()
    encode(collection, folder, family, cache)
    for path in folder.iterdir():
        path.unlink()
    assert all(step.found for step in encode(collection, folder, family, cache))


def test_another_size_or_mirroring_is_encoded_anew(
    collected: Collecting, folder: Path, family: Any, cache: Cache
) -> None:
    collection = collected()
    encode(collection, folder, family, cache)
    assert not any(step.found for step in encode(collection, folder, family, cache, size=8))
    assert not any(step.found for step in encode(collection, folder, family, cache, flip=True))
    assert all(step.found for step in encode(collection, folder, family, cache))


def test_an_edited_picture_is_encoded_anew_and_the_others_are_found(
    collected: Collecting, folder: Path, family: Any, cache: Cache
) -> None:
    encode(collected(), folder, family, cache)
    with Image.open(folder / "cow.png") as image:
        edited = image.copy()
    edited.putpixel((0, 0), (1, 2, 3))
    edited.save(folder / "cow.png")
    assert [step.found for step in encode(collected(), folder, family, cache)] == [True, True, False, True, True]


def test_a_renamed_picture_is_found(collected: Collecting, folder: Path, family: Any, cache: Cache) -> None:
    encode(collected(), folder, family, cache)
    (folder / "cow.png").rename(folder / "a cow.png")
    assert all(step.found for step in encode(collected(), folder, family, cache))


def test_an_edited_caption_is_encoded_anew(family: Any, cache: Cache) -> None:
    list(encode_texts(["a boat"], family, cache))
    assert [step.found for step in encode_texts(["a boat", "a  boat", "a Boat"], family, cache)] == [True, False, False]


@pytest.mark.parametrize("deed", ["changed", "gone", "swapped"])
def test_an_original_that_is_not_what_was_collected_stops_it(
    collected: Collecting, folder: Path, family: Any, cache: Cache, deed: str
) -> None:
    collection = collected()
    if deed == "gone":
        (folder / "bee.png").unlink()
    elif deed == "changed":
        Image.new("RGB", (20, 20), "red").save(folder / "bee.png")
    else:
        (folder / "bee.png").write_bytes((folder / "cow.png").read_bytes())
    with pytest.raises(WorkChanged, match=r"bee\.png"):
        encode(collection, folder, family, cache)
    ant = collection.works[0]
    assert latents_of(ant, centre_crop(20, 20, 16), family.autoencoder_digest(), cache), "what was done before is kept"


def test_pixels_reach_from_minus_one_to_one_and_mirror_from_left_to_right() -> None:
    image = Image.fromarray(np.array([[[0, 0, 0], [255, 128, 0]]] * 2, dtype=np.uint8))
    plain, mirrored = (pixels(image, Crop(0, 0, 2, 2, (2, 2), mirrored)) for mirrored in (False, True))
    assert plain[:, 0, 0].tolist() == [-1, -1, -1]
    assert plain[:, 0, 1].tolist() == pytest.approx([1, 128 / 127.5 - 1, -1], abs=1e-6)
    assert torch.equal(mirrored, plain.flip(2))


def test_a_wide_picture_is_seen_through_its_middle() -> None:
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 255
    assert pixels(Image.fromarray(wide), centre_crop(60, 20, 8)).min() > 0.8  # the filter reaches a little beyond
