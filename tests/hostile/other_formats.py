"""What is no PNG, JPEG, WebP or TIFF, whatever it is called: is it refused with advice?"""

from __future__ import annotations

import io
import pickle
import zipfile

from tests.hostile.case import Case, refused
from tests.hostile.pictures import picture
from tests.hostile.png import GOOD
from tests.hostile.tiff import GOOD as GOOD_TIFF


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("../../boat.png", GOOD)
    return file.getvalue()


BOMB_OF_ENTITIES = b'<!DOCTYPE svg [<!ENTITY a "&b;&b;"><!ENTITY b "&a;">]><svg>&a;</svg>'
NOT_A_PICTURE = refused("is not a picture")
CONTENTS = {
    "nothing": (b"", refused("is empty")),
    "a single NUL": (b"\0", NOT_A_PICTURE),
    "a megabyte of NUL": (bytes(1 << 20), NOT_A_PICTURE),
    "words": (b"a boat on the water", NOT_A_PICTURE),
    "a page that says it was not found": (b"<!DOCTYPE html><html>404 Not Found</html>", NOT_A_PICTURE),
    "a pointer of Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n", NOT_A_PICTURE),
    "a pickle": (pickle.dumps({"a": 1}), NOT_A_PICTURE),
    "an archive with a path that leads out": (archive(), NOT_A_PICTURE),
    "a program": (b"\x7fELF" + bytes(100), NOT_A_PICTURE),
    "a PDF": (b"%PDF-1.7\n", NOT_A_PICTURE),
    "an icon": (b"\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0" + bytes(100), NOT_A_PICTURE),
    "a GIF": (b"GIF89a\x0b\0\x09\0\0\0\0;", refused("is GIF, which is not read: save the frame")),
    "a BMP": (b"BM\x46\0\0\0" + bytes(4) + b"\x36\0\0\0", refused("is BMP, which is not read")),
    "an SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", refused("render it to PNG")),
    "an SVG with a script": (b"<svg><script>alert(1)</script></svg>", refused("is SVG")),
    "an SVG whose entities never end": (BOMB_OF_ENTITIES, refused("is SVG")),
    "a HEIC": (b"\0\0\0\x18ftypheic" + bytes(12), refused("is HEIC, which is not read: export it")),
    "an AVIF": (b"\0\0\0\x18ftypavif" + bytes(12), refused("is AVIF")),
    "a film": (b"\0\0\0\x18ftypisom" + bytes(12), NOT_A_PICTURE),
    "a PSD": (b"8BPS\0\1" + bytes(20), refused("is PSD")),
    "a JPEG XL": (b"\0\0\0\x0cJXL \r\n\x87\n", refused("is JPEG XL")),
    "a JPEG 2000": (b"\0\0\0\x0cjP  \r\n\x87\n", refused("is JPEG 2000")),
    "a drawing of the Gimp": (b"gimp xcf file\0", refused("is XCF")),
    "the raw data of a camera": (GOOD_TIFF, refused("develop it")),
    "the larger kind of TIFF, cut": (b"II+\0\x08\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", refused("is damaged")),
    "another program's PNG, with several pictures": (b"\x8aMNG\r\n\x1a\n" + GOOD[8:], NOT_A_PICTURE),
}

CASES: list[Case] = [
    picture(name, content, ends, "a boat.nef" if "camera" in name else "a boat.png")
    for name, (content, ends) in CONTENTS.items()
]
