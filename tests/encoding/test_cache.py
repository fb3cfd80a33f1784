"""Does the cache give back what was put in, and nothing else?"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from handstyle.diffusion.checkpoints import write_tensors
from handstyle.encoding.cache import Cache, latent_key, text_key
from handstyle.encoding.crops import centre_crop

KEY, OTHER = "a" * 64, "b" * 64
ENTRY = {"mean": torch.arange(12.0).view(3, 4), "deviation": torch.ones(3, 4)}


def test_what_was_put_in_comes_back(cache: Cache) -> None:
    assert cache.get(KEY) is None
    cache.put(KEY, ENTRY, kind="latents")
    found = cache.get(KEY)
    assert found is not None
    assert all(torch.equal(found[name], ENTRY[name]) for name in ENTRY) and found.keys() == ENTRY.keys()


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "emptied": lambda path: path.write_bytes(b""),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "its header cut": lambda path: path.write_bytes(path.read_bytes()[:20]),
    "other bytes": lambda path: path.write_bytes(b"not tensors at all"),
    "a bit flipped": flip_a_bit,
    "without its checksum": lambda path: write_tensors(path, ENTRY, {"key": KEY}),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_a_damaged_entry_counts_as_missing_and_is_replaced(cache: Cache, damage: Callable[[Path], object]) -> None:
    cache.put(KEY, ENTRY)
    damage(cache.path(KEY))
    assert cache.get(KEY) is None
    cache.put(KEY, ENTRY)
    assert cache.get(KEY) is not None


def test_an_entry_under_another_ones_name_is_not_believed(cache: Cache) -> None:
    cache.put(KEY, ENTRY)
    cache.path(OTHER).parent.mkdir()
    shutil.copy(cache.path(KEY), cache.path(OTHER))
    assert cache.get(OTHER) is None


def test_each_thing_that_decides_the_latents_is_in_their_key() -> None:
    crop = centre_crop(20, 20, 16)
    keys = [
        latent_key(KEY, crop, "vae", "fp32"),
        latent_key(OTHER, crop, "vae", "fp32"),
        latent_key(KEY, centre_crop(20, 20, 8), "vae", "fp32"),
        latent_key(KEY, centre_crop(20, 20, 16, mirrored=True), "vae", "fp32"),
        latent_key(KEY, centre_crop(22, 20, 16), "vae", "fp32"),
        latent_key(KEY, crop, "another vae", "fp32"),
        latent_key(KEY, crop, "vae", "bf16"),
        text_key(KEY, "vae", "fp32"),
    ]
    assert len(set(keys)) == len(keys)
    assert latent_key(KEY, centre_crop(20, 20, 16), "vae", "fp32") == keys[0]


def test_each_thing_that_decides_a_text_is_in_its_key() -> None:
    keys = [text_key("a", "clip", "fp32"), text_key("A", "clip", "fp32"), text_key("a", "another", "fp32"),
            text_key("a", "clip", "bf16"), text_key("", "clip", "fp32")]  # fmt: skip
    assert len(set(keys)) == len(keys)


def test_what_a_killed_process_left_goes_and_what_another_is_writing_stays(cache: Cache) -> None:
    cache.put(KEY, ENTRY)
    folder = cache.path(KEY).parent
    old, new = folder / f".{KEY}.safetensors.old.part", folder / f".{OTHER}.safetensors.new.part"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    cache.tidy()
    assert sorted(folder.iterdir()) == sorted([new, cache.path(KEY)])
