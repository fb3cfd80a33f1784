"""A folder of class images that is not what it should be: is each fault told with its file?"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.hostile.case import Case, End, Ended, Place, Words, refused
from tests.hostile.png_files import END, data, head, png, rows, whole
from tests.hostile.samples import NOISE
from tests.hostile.shelf import finetuning, put_workspace

GOOD = whole(NOISE)


RIGHTS = '[[rights]]\nworks = ["*"]\nauthor = "Ada"\nbasis = "own-work"\n'


def beside(name: str, build: Callable[[Path], object], ends: End) -> Case:
    def make(place: Place) -> Words:
        put_workspace(place.shelf.finished, place.shelf.works, place)
        folder = place.given / "class"
        folder.mkdir()
        place.write("class/rights.toml", RIGHTS)
        build(folder)
        asked = ["--set", "with_prior_preservation=true", "--class-images", folder, "--dry-run"]
        return finetuning(place.shelf.base, *asked, "-w", place.workspace)

    return Case(name, make, ends, ("current.json", "*.lock", "cache", "cache/*"))


def taken(ended: Ended) -> None:
    assert ended.code == 0, ended.words


def files(**contents: bytes) -> Callable[[Path], object]:
    def build(folder: Path) -> None:
        for name, content in contents.items():
            (folder / name.replace("_", ".")).write_bytes(content)

    return build


def linked(target: str) -> Callable[[Path], object]:
    return lambda folder: (folder / "cat.png").symlink_to(target)


CASES: list[Case] = [
    beside("one picture", files(cat_png=GOOD), taken),
    beside("nothing", files(), refused("there is no picture in it")),
    beside("nothing but a text", files(cat_txt=b"a cat"), refused("there is no picture in it")),
    beside("no folder", lambda folder: shutil.rmtree(folder), refused("is not a folder", 2)),
    beside("a folder that is a file", lambda folder: (shutil.rmtree(folder), folder.write_bytes(GOOD)),
            refused("is not a folder", 2)),
    beside("no permission", lambda folder: (files(cat_png=GOOD)(folder), (folder / "rights.toml").unlink()),
            refused("have no permission to be trained on", 3)),
    beside("a permission for others", lambda folder: (files(cat_png=GOOD)(folder), (folder / "rights.toml").write_text(
            RIGHTS.replace("*", "dog.png"))), refused("no permission to be trained on", 3)),
    beside("a permission that is none", lambda folder: (files(cat_png=GOOD)(folder),
            (folder / "rights.toml").write_text("everything")), refused("rights.toml")),
    beside("a damaged picture", files(cat_png=GOOD, dog_png=GOOD[:90]), refused("dog.png: is damaged")),
    beside("an empty picture", files(cat_png=b""), refused("cat.png: is empty")),
    beside("a text named like a picture", files(cat_png=b"a cat"), refused("cat.png: is not a picture")),
    beside("a picture too large", files(cat_png=png(head(60_000, 60_000), data(rows(NOISE)), END)),
            refused("million pixels")),
    beside("a picture too small", files(cat_png=whole(NOISE[:4])), refused("both sides need at least 8")),
    beside("a folder named like a picture", lambda folder: (folder / "cat.png").mkdir(),
            refused("there is no picture in it")),
    beside("a pipe named like a picture", lambda folder: os.mkfifo(folder / "cat.png"),
            refused("cat.png: is not an ordinary file")),
    beside("a device without an end", linked("/dev/zero"), refused("cat.png: is a link out of the folder")),
    beside("a link to nothing", linked("nothing.png"), refused("cat.png: is a link that leads nowhere")),
    beside("a link to itself", linked("cat.png"), refused("cat.png: is a link that leads nowhere")),
    beside("a name with a line break", files(**{"a\ncat_png": GOOD}), refused("its name is not one line")),
    beside("two pictures that are the same", files(cat_png=GOOD, dog_png=GOOD), refused("shows the same pixels as")),
]  # fmt: skip
