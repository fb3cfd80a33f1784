"""Which hostile and broken inputs are there, by group?"""

from __future__ import annotations

from hostile import captions, jpeg, names, other_formats, png, releases, rights, tiff, webp
from hostile.case import Case

GROUPS: dict[str, list[Case]] = {
    "PNG and APNG": png.CASES,
    "JPEG": jpeg.CASES,
    "WebP": webp.CASES,
    "TIFF": tiff.CASES,
    "other formats": other_formats.CASES,
    "names and links": names.CASES,
    "captions": captions.CASES,
    "permissions": rights.CASES,
    "releases": releases.CASES,
}
