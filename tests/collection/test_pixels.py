"""Does every kind of file come out upright, eight-bit, RGB, and on the page, or get refused in plain words?"""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile

from handstyle.collection.pixels import MOST_PIXELS, Unfit, decode, read_picture
from handstyle.errors import CollectionFaulty, UsageMistake

Drawing = Callable[..., Image.Image]
CORNER, PAPER = (2, 2), (20, 12)  # inside the red square; on the white
ORIENTATION = 0x112


def saved(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_lossless_files_come_out_pixel_for_pixel(tmp_path: Path, drawing: Drawing, suffix: str) -> None:
    options = {"lossless": True, "exact": True} if suffix == "webp" else {}
    assert decode(saved(tmp_path / f"a.{suffix}", drawing(), **options)).tobytes() == drawing().tobytes()


def test_a_jpeg_comes_out_as_pillow_reads_it(tmp_path: Path, drawing: Drawing) -> None:
    path = saved(tmp_path / "a.jpg", drawing())
    with Image.open(path) as image:
        assert decode(path).tobytes() == image.tobytes()


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_a_picture_stands_upright(tmp_path: Path, drawing: Drawing, suffix: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # to be turned clockwise: the red corner goes to the top right
    image = decode(saved(tmp_path / f"a.{suffix}", drawing(), exif=exif))
    assert image.size == (16, 24)
    red, green, _ = image.getpixel((13, 2))
    assert red > 180 > 60 > green


def translucent(mode: str) -> Image.Image:
    """Black at the left to white at the right; opaque above, transparent below."""
    image = Image.linear_gradient("L").rotate(90).resize((24, 16)).convert("RGBA")
    alpha = Image.new("L", (24, 16), 255)
    alpha.paste(0, (0, 8, 24, 16))
    image.putalpha(alpha)
    return image.convert(mode)


@pytest.mark.parametrize(
    ("mode", "suffix"), [("RGBA", "png"), ("RGBA", "webp"), ("RGBA", "tif"), ("LA", "png"), ("LA", "tif")]
)
def test_what_is_transparent_shows_the_page(tmp_path: Path, mode: str, suffix: str) -> None:
    path = saved(tmp_path / f"a.{suffix}", translucent(mode))
    assert decode(path).getpixel((12, 12)) == (255, 255, 255)
    assert decode(path, "#102030").getpixel((12, 12)) == (16, 32, 48)
    assert decode(path, "#102030").getpixel((12, 4)) == decode(path).getpixel((12, 4))


def test_half_transparent_is_half_page(tmp_path: Path) -> None:
    image = Image.new("RGBA", (8, 8), (255, 255, 255, 51))  # a fifth
    assert decode(saved(tmp_path / "a.png", image), "black").getpixel((4, 4)) == (51, 51, 51)


def two_colours(index: int) -> Image.Image:
    image = Image.new("P", (8, 8), index)
    image.putpalette([10, 20, 30, 40, 50, 60])
    return image


@pytest.mark.parametrize(
    ("image", "transparency"),
    [
        (two_colours(0), 0),
        (two_colours(1), bytes([255, 0])),
        (Image.new("L", (8, 8), 76), 76),
        (Image.new("RGB", (8, 8), (1, 2, 3)), (1, 2, 3)),
    ],
    ids=["palette", "palette with alphas", "grey", "colour"],
)
def test_a_colour_declared_transparent_shows_the_page(tmp_path: Path, image: Image.Image, transparency: Any) -> None:
    path = saved(tmp_path / "a.png", image, transparency=transparency)
    assert decode(path, "lime").getpixel((4, 4)) == (0, 255, 0)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_scaled_and_not_cut_off(tmp_path: Path, suffix: str) -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    image = decode(saved(tmp_path / f"a.{suffix}", Image.fromarray(values)))
    assert np.array_equal(np.asarray(image)[..., 0], np.round(values / 257).astype(np.uint8))


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK"])
def test_other_ways_to_store_colour_become_rgb(tmp_path: Path, drawing: Drawing, mode: str) -> None:
    image = decode(saved(tmp_path / "a.tif", drawing().convert(mode)))
    assert image.mode == "RGB"
    assert image.getpixel(PAPER) == (255, 255, 255)
    if mode in ("P", "CMYK"):
        assert image.getpixel(CORNER) == (255, 0, 0)


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
def test_of_an_animation_the_first_frame_counts(tmp_path: Path, drawing: Drawing, suffix: str) -> None:
    options = {"lossless": True} if suffix == "webp" else {}
    blue = Image.new("RGB", (24, 16), "blue")
    path = saved(tmp_path / f"a.{suffix}", drawing(), save_all=True, append_images=[blue], **options)
    assert decode(path).tobytes() == drawing().tobytes()


def profile_bytes(name: str) -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()


def test_an_srgb_profile_moves_no_pixel_and_a_broken_one_stops_nothing(tmp_path: Path, drawing: Drawing) -> None:
    for profile in (profile_bytes("sRGB"), b"not a profile", profile_bytes("LAB")):
        path = saved(tmp_path / "a.png", drawing(), icc_profile=profile)
        assert decode(path).tobytes() == drawing().tobytes()


def swapped_primaries() -> bytes:
    """An sRGB profile under another name in which red and blue have changed places."""
    profile = bytearray(profile_bytes("sRGB").replace("sRGB".encode("utf-16-be"), "test".encode("utf-16-be")))
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


def test_a_colour_profile_is_followed_also_under_transparency(tmp_path: Path, drawing: Drawing) -> None:
    opaque = saved(tmp_path / "a.png", drawing(), icc_profile=swapped_primaries())
    assert np.allclose(decode(opaque).getpixel(CORNER), (0, 0, 255), atol=3)
    clear = drawing().convert("RGBA")
    clear.paste((0, 0, 0, 0), (16, 8, 24, 16))
    image = decode(saved(tmp_path / "b.png", clear, icc_profile=swapped_primaries()), "lime")
    assert np.allclose(image.getpixel(CORNER), (0, 0, 255), atol=3)
    assert image.getpixel(PAPER) == (0, 255, 0)


def png_that_claims(width: int, height: int) -> bytes:
    """A few bytes whose header announces a picture of any size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    end = chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + end


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"just some words", "is not a picture"),
        (b"\x80\x04\x95 a pickle", "is not a picture"),
        (b"GIF89a", "is GIF, which is not read: save the frame you want as PNG"),
        (b"<svg/>", "is SVG, which is not read: render it to PNG"),
        (b"\0\0\0\x18ftypheic", "is HEIC, which is not read: export it"),
        (b"\x89PNG\r\n\x1a\nrubbish", "is damaged"),
        (b"\xff\xd8\xff\xe0rubbish", "is damaged"),
        (b"II*\0rubbish", "is damaged"),
        (b"RIFF\x10\0\0\0WEBPVP8 rubbish", "is damaged"),
        (png_that_claims(20_000, 20_000), "more than 178 million pixels"),
        (png_that_claims(60_000, 60_000), "more than 178 million pixels"),
        (png_that_claims(1, 1), "is 1 x 1 pixels: both sides need at least 8"),
        (png_that_claims(400, 7), "is 400 x 7 pixels"),
    ],
)
def test_a_file_that_cannot_become_a_work_says_why(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(CollectionFaulty) as refused:
            decode(path)
    assert str(refused.value).startswith(f"{path} ")
    assert words in str(refused.value)


def test_a_bomb_is_refused_before_anything_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png_that_claims(MOST_PIXELS // 10_000 + 1, 10_000))
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("it was decoded"))
    with pytest.raises(CollectionFaulty, match="million pixels"):
        decode(path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_refused_even_where_another_library_made_pillow_tolerant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, share: float
) -> None:
    path = saved(tmp_path / f"a.{suffix}", Image.effect_noise((64, 64), 80).convert("RGB"))
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(CollectionFaulty, match="damaged"):
        decode(path)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True  # as the other library left it


def test_no_flipped_bit_of_a_png_changes_its_pixels_unnoticed(tmp_path: Path, drawing: Drawing) -> None:
    path = saved(tmp_path / "a.png", drawing())
    data = path.read_bytes()
    for position in range(len(data)):
        path.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        try:
            assert decode(path).tobytes() == drawing().tobytes()
        except CollectionFaulty as refused:
            assert refused.what


def test_a_picture_pillow_would_warn_of_is_read_without_a_warning(
    tmp_path: Path, drawing: Drawing, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "a.png", drawing())
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 24 * 16 - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode(path).size == (24, 16)


def test_a_picture_under_another_formats_name_is_read_by_its_content(tmp_path: Path, drawing: Drawing) -> None:
    path = saved(tmp_path / "a.jpg", drawing(), format="PNG")
    assert read_picture(path, (255, 255, 255)).file_format == "PNG"
    assert decode(path).tobytes() == drawing().tobytes()


def test_a_camera_raw_file_is_not_mistaken_for_its_thumbnail(tmp_path: Path, drawing: Drawing) -> None:
    path = saved(tmp_path / "a.dng", drawing(), format="TIFF")
    with pytest.raises(CollectionFaulty, match="develop it"):
        decode(path)


@pytest.mark.parametrize("mode", ["F", "I", "LAB"])
def test_samples_of_unknown_scale_are_refused(tmp_path: Path, mode: str) -> None:
    with pytest.raises(CollectionFaulty, match=f"stores its colours as {mode}"):
        decode(saved(tmp_path / "a.tif", Image.new(mode, (8, 8))))


def test_a_file_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    with pytest.raises(CollectionFaulty, match="cannot be opened"):
        decode(tmp_path / "missing.png")


@pytest.mark.parametrize("background", ["whitish", "#12345", "#11223344", ""])
def test_a_page_has_one_plain_colour(tmp_path: Path, background: str) -> None:
    with pytest.raises(UsageMistake, match="not a plain colour"):
        decode(tmp_path / "a.png", background)


@given(st.sampled_from(["PNG", "JPEG", "WEBP", "TIFF"]), st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255))))
def test_damaged_bytes_are_read_or_refused_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, drawing: Drawing, kind: str, changes: list[tuple[float, int]]
) -> None:
    path = saved(tmp_path_factory.mktemp("damaged") / "a.png", drawing(), format=kind)
    data = bytearray(path.read_bytes())
    for where, value in changes:
        data[int(where * len(data))] = value
    path.write_bytes(data)
    try:
        assert read_picture(path, (255, 255, 255)).image.mode == "RGB"
    except Unfit as unfit:
        assert str(unfit)
