"""Which hostile and broken inputs are there, by group?"""

from __future__ import annotations

from tests.hostile import (
    bases,
    captions,
    class_images,
    jpeg,
    keys,
    names,
    options,
    other_formats,
    png,
    recipes,
    releases,
    reservations,
    rights,
    tiff,
    webp,
    workspaces,
)
from tests.hostile.case import Case

GROUPS: dict[str, list[Case]] = {
    "PNG and APNG": png.CASES,
    "JPEG": jpeg.CASES,
    "WebP": webp.CASES,
    "TIFF": tiff.CASES,
    "other formats": other_formats.CASES,
    "names and links": names.CASES,
    "captions": captions.CASES,
    "permissions": rights.CASES,
    "reservations": reservations.CASES,
    "recipes": recipes.CASES,
    "workspaces": workspaces.CASES,
    "bases": bases.CASES,
    "class images": class_images.CASES,
    "releases": releases.CASES,
    "keys": keys.CASES,
    "command line": options.CASES,
}
WITH_TORCH = {"recipes", "workspaces", "bases", "class images", "keys", "command line"}  # they take the longest
