"""Does a copy of a picture look like it, and nothing else?"""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from handstyle.collection.fingerprints import Fingerprint, fingerprint
from handstyle.collection.near_duplicates import are_near
from handstyle.collection.pixels import decode

EXAMPLE = Path(__file__).parents[2] / "src" / "handstyle" / "collection" / "example"


@pytest.fixture(scope="module")
def drawings() -> list[Image.Image]:
    found = [path for path in sorted(EXAMPLE.rglob("*")) if path.suffix in (".png", ".webp", ".jpg")]
    return [decode(path) for path in found]


def print_of(image: Image.Image) -> Fingerprint:
    found = fingerprint(image)
    assert found is not None
    return found


def saved_with_loss(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=75)
    return Image.open(file).convert("RGB")


@pytest.mark.parametrize("change", [
    lambda image: image.resize((image.width * 2, image.height * 3)),
    lambda image: image.point(lambda value: min(255, value + 4)),
    saved_with_loss,
], ids=["larger", "lighter", "with loss"])  # fmt: skip
def test_a_copy_that_was_resized_lightened_or_saved_with_loss_looks_the_same(
    drawings: list[Image.Image], change: Callable[[Image.Image], Image.Image]
) -> None:
    near = [are_near(print_of(image), print_of(change(image))) for image in drawings]
    assert sum(near) >= 0.97 * len(near)


def test_no_two_drawings_of_the_example_look_the_same(drawings: list[Image.Image]) -> None:
    prints = [print_of(image) for image in drawings]
    assert not [pair for pair in combinations(prints, 2) if are_near(*pair)]


def test_a_mirrored_or_recoloured_copy_is_another_picture(drawings: list[Image.Image]) -> None:
    image = Image.new("RGB", (32, 32), "white")
    image.paste("red", (4, 4, 20, 12))
    for other in (ImageOps.mirror(image), Image.merge("RGB", image.split()[::-1])):
        assert not are_near(print_of(image), print_of(other))


def test_a_plain_picture_looks_like_nothing() -> None:
    assert fingerprint(Image.new("RGB", (30, 20), "grey")) is None


def test_the_structure_fills_64_bits_and_says_the_same_everywhere() -> None:
    image = Image.linear_gradient("L").convert("RGB")
    image.paste((200, 30, 90), (40, 60, 200, 110))
    found = print_of(image)
    assert 0 < found.structure < 2**64
    assert found == Fingerprint(structure=16330280776689451978, colour=(141, 121, 128))
