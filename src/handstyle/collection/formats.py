"""What kind of file is this, by its name and by its first bytes?

Four formats become works. Of the others we know the names, so that no picture is passed over in silence.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal, get_args

FileFormat = Literal["PNG", "JPEG", "WebP", "TIFF"]
READABLE: tuple[FileFormat, ...] = get_args(FileFormat)
HEAD = 512  # bytes that `kind_of` looks at

SUFFIXES: dict[FileFormat, tuple[str, ...]] = {
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "WebP": (".webp",),
    "TIFF": (".tif", ".tiff"),
}
OTHER_SUFFIXES = {
    ".gif": "GIF",
    ".bmp": "BMP",
    ".heic": "HEIC",
    ".heif": "HEIC",
    ".avif": "AVIF",
    ".svg": "SVG",
    ".psd": "PSD",
    ".jxl": "JPEG XL",
    ".jp2": "JPEG 2000",
    ".tga": "TGA",
    ".exr": "EXR",
    ".hdr": "HDR",
    ".xcf": "XCF",
    ".kra": "Krita drawing",
    ".clip": "Clip Studio drawing",
    ".procreate": "Procreate drawing",
    ".ai": "Illustrator drawing",
    ".eps": "EPS",
}
# Their content passes for TIFF, but what a TIFF reader finds in it is the thumbnail.
CAMERA_RAW = frozenset({".dng", ".nef", ".nrw", ".cr2", ".cr3", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"})

ADVICE = {
    "GIF": "save the frame you want as PNG",
    "SVG": "render it to PNG at the size you want to train at, or larger",
    "HEIC": "export it as JPEG or PNG",
    "camera raw": "develop it, and export it as JPEG, PNG or TIFF",
}
_PICTURE_SUFFIXES = {suffix for suffixes in SUFFIXES.values() for suffix in suffixes} | set(OTHER_SUFFIXES) | CAMERA_RAW

_BEGINNINGS = [
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"GIF8", "GIF"),
    (b"8BPS\x00", "PSD"),
    (b"gimp xcf", "XCF"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
]
_BRANDS = {b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIC", b"msf1": "HEIC", b"avif": "AVIF", b"avis": "AVIF"}


def kind_of(head: bytes) -> str | None:
    """Which picture format these first bytes belong to; None when to none we know."""
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12])
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return "BMP"
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"<svg", b"<?xml", b"<!")) and b"<svg" in head:
        return "SVG"
    return None


def is_named_as_picture(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in _PICTURE_SUFFIXES


def advice_for(kind: str) -> str:
    return ADVICE.get(kind, "save it as PNG, JPEG, WebP or TIFF")
