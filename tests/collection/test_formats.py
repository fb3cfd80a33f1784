"""Is every kind of picture told from every other, and from what is none?"""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image

from handstyle.collection.formats import advice_for, is_named_as_picture, kind_of


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WebP", "TIFF", "GIF", "BMP"])
def test_a_picture_is_known_by_its_first_bytes(drawing: Callable[[], Image.Image], kind: str) -> None:
    file = io.BytesIO()
    drawing().save(file, kind)
    assert kind_of(file.getvalue()[:512]) == kind


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"\0\0\0\x18ftypavif", "AVIF"),
        (b"8BPS\0\x01", "PSD"),
        (b'<svg xmlns="http://www.w3.org/2000/svg">', "SVG"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<svg>', "SVG"),
    ],
)
def test_other_formats_are_known_by_name(head: bytes, kind: str) -> None:
    assert kind_of(head) == kind


@pytest.mark.parametrize(
    "head", [b"", b"\x80\x04\x95", b"PK\x03\x04", b"%PDF-1.7", b"BMW, my car", b"<?xml?><html>", b"text"]
)
def test_what_is_no_picture_is_none(head: bytes) -> None:
    assert kind_of(head) is None


def test_a_picture_is_also_known_by_its_name() -> None:
    assert all(map(is_named_as_picture, ["a.PNG", "b/c.jpeg", "d.heic", "e.nef", "f.psd"]))
    assert not any(map(is_named_as_picture, ["a.txt", "Thumbs.db", "png", "model.ckpt"]))


def test_a_format_that_is_not_read_comes_with_advice() -> None:
    assert "frame" in advice_for("GIF")
    assert "PNG" in advice_for("a format nobody knows")
