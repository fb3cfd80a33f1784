"""Does a mask weigh the places it was painted over, at the size of the latents?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from handstyle.collection.intake import collect
from handstyle.collection.masks import load_alpha, load_mask
from handstyle.collection.rights import own_work
from handstyle.collection.rights_plan import for_all
from handstyle.collection.works import Collection
from handstyle.encoding.cache import Cache
from handstyle.encoding.crops import centre_crop
from handstyle.encoding.mask_weights import MaskUse, averaged, encode_masks, mask_of
from handstyle.errors import WorkChanged

BOTH = MaskUse(beside=True, alpha=True, unmasked_weight=0.1, normalized=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A work with a mask beside it, one with a transparent half, and one with neither."""
    masked = Image.new("RGB", (32, 16), "white")
    masked.paste("red", (0, 0, 9, 9))
    masked.save(tmp_path / "cat.png")
    mask = Image.new("L", (32, 16), 0)
    mask.paste(255, (8, 0, 16, 16))  # the left half of the middle square
    mask.save(tmp_path / "cat-masklabel.png")
    clear = Image.new("RGBA", (16, 16), (0, 0, 200, 255))
    clear.paste((0, 0, 0, 0), (0, 0, 16, 4))
    clear.save(tmp_path / "dog.png")
    Image.new("RGB", (16, 16), "green").save(tmp_path / "elk.png")
    return tmp_path


def collected(folder: Path) -> Collection:
    return collect(folder, rights=for_all(own_work("Ada")), validation=None)


def masks(folder: Path, family: Any, tmp_path: Path, use: MaskUse, *, mirrored: bool = False) -> list[Any]:
    found, cache = collected(folder), Cache(tmp_path / "cache")
    crops = [[centre_crop(work.width, work.height, 16, mirrored=mirrored)] for work in found.works]
    list(encode_masks(found.works, folder, "white", crops, use, family, cache))
    again = list(encode_masks(found.works, folder, "white", crops, use, family, cache))
    assert all(done.found for done in again), "nothing is opened twice"
    return [mask_of(work, crop, use, family, cache) for work, [crop] in zip(found.works, crops, strict=True)]


def test_a_mask_is_cut_as_its_work_is_and_averaged_over_each_latent(folder: Path, family: Any, tmp_path: Path) -> None:
    cat, dog, elk = masks(folder, family, tmp_path, BOTH)
    assert torch.equal(cat, torch.cat([torch.ones(1, 8, 4), torch.zeros(1, 8, 4)], dim=2))
    assert torch.equal(dog, torch.cat([torch.zeros(1, 2, 8), torch.ones(1, 6, 8)], dim=1))
    assert torch.equal(elk, torch.ones(1, 8, 8))
    mirrored, *_ = masks(folder, family, tmp_path, BOTH, mirrored=True)
    assert torch.equal(mirrored, cat.flip(2))


def test_only_the_masks_that_are_asked_for_count(folder: Path, family: Any, tmp_path: Path) -> None:
    cat, dog, _ = masks(folder, family, tmp_path, MaskUse(True, False, 0.0, False))
    assert cat is not None and dog is None
    cat, dog, _ = masks(folder, family, tmp_path, MaskUse(False, True, 0.0, False))
    assert torch.equal(cat, torch.ones(1, 8, 8)), "it is nowhere transparent"
    assert dog.min() == 0


def test_a_latent_gets_the_mean_of_its_pixels(family: Any) -> None:
    mask = Image.new("L", (16, 16), 0)
    mask.putpixel((0, 0), 255)  # one of the four pixels of the first latent
    mask.putpixel((3, 0), 102)
    found = averaged(mask, centre_crop(16, 16, 16), family)
    assert found[0, 0, :3].tolist() == pytest.approx([0.25, 0.1, 0])
    assert float(found.sum()) == pytest.approx(0.35)


def test_what_counts_least_and_the_mean_are_as_the_recipe_says() -> None:
    mask = torch.tensor([[[0.0, 0.5], [1.0, 1.0]]])
    assert MaskUse(True, False, 0.1, False).weights(mask).flatten().tolist() == pytest.approx([0.1, 0.5, 1, 1])
    even = MaskUse(True, False, 0.1, True).weights(mask)
    assert float(even.mean()) == pytest.approx(1)
    assert float(even.max() / even.min()) == pytest.approx(10)


def test_transparency_still_shows_the_page_whatever_is_asked(folder: Path) -> None:
    from handstyle.collection.intake import load_work

    dog = collected(folder).works[1]
    assert load_work(folder, dog).getpixel((0, 0)) == (255, 255, 255)
    alpha = load_alpha(folder, dog, "white")
    assert alpha is not None and (alpha.getpixel((0, 0)), alpha.getpixel((0, 15))) == (0, 255)
    assert load_alpha(folder, collected(folder).works[2], "white") is None


def test_another_mask_than_was_collected_is_refused(folder: Path, tmp_path: Path) -> None:
    cat = collected(folder).works[0]
    assert load_mask(folder, cat).size == (32, 16)
    Image.new("L", (32, 16), 7).save(folder / "cat-masklabel.png")
    with pytest.raises(WorkChanged, match="is not the mask that was collected"):
        load_mask(folder, cat)
    (folder / "cat-masklabel.png").unlink()
    with pytest.raises(WorkChanged, match="cannot be opened"):
        load_mask(folder, cat)
