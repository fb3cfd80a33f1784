"""Is a mark found where it is, not where it is not, and not seen by whoever looks?"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw

from handstyle import digests
from handstyle.publication import watermark, watermark_code
from handstyle.publication.watermark import find, mark

PAYLOAD = bytes.fromhex("0123456789ab")


def drawing(size: int = 256, seed: int = 0) -> Image.Image:
    """Shapes on a plain page."""
    chance = np.random.default_rng(seed)
    page = Image.new("RGB", (size, size), "#f4ecd8")
    pen = ImageDraw.Draw(page)
    for _ in range(12):
        x, y, a, b = (int(value) for value in chance.integers(0, size, 4))
        colour = tuple(int(level) for level in chance.integers(0, 256, 3))
        pen.ellipse([x - a // 4, y - b // 4, x + a // 4, y + b // 4], fill=colour, outline="black", width=2)
    return page


def jpeg(quality: int) -> Callable[[Image.Image], Image.Image]:
    def change(image: Image.Image) -> Image.Image:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file).convert("RGB")

    return change


def on_a_page(image: Image.Image) -> Image.Image:
    page = Image.new("RGB", (image.width + 60, image.height + 50), "white")
    page.paste(image, (35, 20))
    return page


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image,
        jpeg(85),
        jpeg(75),
        lambda image: image.resize((image.width // 2, image.height // 2)),
        lambda image: image.resize((image.width * 2, image.height * 2)),
        lambda image: image.crop((20, 33, 20 + image.width * 4 // 5, 33 + image.height * 4 // 5)),
        on_a_page,
    ],
    ids=["nothing", "JPEG 85", "JPEG 75", "reduced", "enlarged", "cropped", "margins"],
)
@pytest.mark.parametrize("size", [256, 512])
def test_a_mark_is_found_after(change: Callable[[Image.Image], Image.Image], size: int) -> None:
    found = find(change(mark(drawing(size), PAYLOAD)))
    assert found is not None and found.payload == PAYLOAD and found.score >= watermark_code.THRESHOLD


@pytest.mark.parametrize("colour", ["white", "black", "#808080", "#102040"])
def test_plain_fills_change_by_at_most_four_levels(colour: str) -> None:
    plain = Image.new("RGB", (256, 256), colour)
    marked = mark(plain, PAYLOAD)
    difference = np.abs(np.asarray(marked, dtype=int) - np.asarray(plain, dtype=int))
    assert difference.max() <= 4 and find(marked).payload == PAYLOAD  # type: ignore[union-attr]


def test_beside_an_edge_a_plain_fill_is_changed_no_more_than_elsewhere() -> None:
    page = Image.new("RGB", (256, 256), "white")
    page.paste("black", (100, 0, 160, 256))
    change = np.abs(np.asarray(mark(page, PAYLOAD), dtype=int) - np.asarray(page, dtype=int))[..., 0]
    assert change[:, 90:99].max() <= change[:, :80].max() + 1


@pytest.mark.parametrize("size", [256, 512, 1024])
def test_a_drawing_keeps_forty_decibels(size: int) -> None:
    before = drawing(size)
    after = np.asarray(mark(before, PAYLOAD), dtype=float)
    assert 10 * np.log10(255**2 / np.mean((after - np.asarray(before)) ** 2)) > 40


def test_the_same_picture_and_payload_are_the_same_pixels_for_ever() -> None:
    """A digest of the pattern's own numbers: another one would leave every mark that was ever made unread."""
    assert mark(drawing(), PAYLOAD).tobytes() == mark(drawing(), PAYLOAD).tobytes()
    signs = watermark_code.signs_of(PAYLOAD)
    assert digests.of_bytes(signs.astype(np.int8).tobytes())[:16] == SIGNS
    pilot, carriers = watermark._waves()
    places = np.concatenate([pilot.down, pilot.across, carriers.down, carriers.across]).astype("<i2")
    assert digests.of_bytes(places.tobytes())[:16] == PLACES


SIGNS, PLACES = "23bc307012d47dd4", "9f1d862e30a1f130"


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_found_in_a_picture_without_a_mark(seed: int) -> None:
    assert find(drawing(seed=seed)) is None


@pytest.mark.parametrize("size", [(8, 8), (300, 8), (256, 256), (2000, 97)])
@pytest.mark.parametrize("colour", ["white", "black", "red"])
def test_one_colour_of_any_shape_holds_no_mark(size: tuple[int, int], colour: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert find(Image.new("RGB", size, colour)) is None


def test_two_marks_do_not_make_a_third() -> None:
    one, other = mark(drawing(), PAYLOAD), mark(drawing(), bytes(6))
    found = find(Image.blend(one, other, 0.5))
    assert found is None or found.payload in (PAYLOAD, bytes(6))


def test_a_mark_over_a_mark_is_read_as_the_later_one() -> None:
    found = find(mark(mark(drawing(), PAYLOAD), b"\xff" * 6))
    assert found is None or found.payload in (PAYLOAD, b"\xff" * 6)


def test_grey_and_transparent_pictures_are_looked_at_too() -> None:
    marked = mark(drawing(), PAYLOAD)
    assert find(marked.convert("L")).payload == PAYLOAD  # type: ignore[union-attr]
