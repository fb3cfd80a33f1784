"""Names, links and what is no file: is each a fault with words, or a work, and never followed out of the folder?"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

from tests.hostile.case import Case, End, Ended, Place, Words, refused, says
from tests.hostile.pictures import collecting
from tests.hostile.png import GOOD
from tests.hostile.png_files import whole
from tests.hostile.samples import NOISE

OTHER = whole(255 - NOISE)


def named(title: str, name: str | bytes, ends: End, *more: object) -> Case:
    """A picture under a name that is strange."""

    def make(place: Place) -> Words:
        path = Path(os.fsdecode(os.fsencode(place.given) + b"/" + os.fsencode(name)))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(GOOD)
        return collecting(place, *more)

    return Case(title, make, ends)


def built(title: str, build: Callable[[Path], object], ends: End, *more: object) -> Case:
    """Beside `boat.png`, which is a picture, something that is none."""

    def make(place: Place) -> Words:
        place.write("boat.png", GOOD)
        build(place.given)
        return collecting(place, *more)

    return Case(title, make, ends)


def works(*names: str) -> End:
    def check(ended: Ended) -> None:
        assert [work["name"] for work in ended.collection()["works"]] == sorted(names)

    return check


def link(name: str, target: str) -> Callable[[Path], object]:
    return lambda given: (given / name).symlink_to(target)


def outside(given: Path) -> None:
    (given.parent / "secret.png").write_bytes(OTHER)
    (given / "cat.png").symlink_to(given.parent / "secret.png")


def folder_outside(given: Path) -> None:
    (given.parent / "secrets").mkdir()
    (given.parent / "secrets" / "cat.png").write_bytes(OTHER)
    (given / "more").symlink_to(given.parent / "secrets")


def waiting(name: str) -> Callable[[Path], object]:
    return lambda given: os.mkfifo(given / name)


def listening(given: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(given)  # the path of a socket may not be long
        try:
            server.bind("cat.png")
        finally:
            os.chdir(here)


def deep(given: Path) -> None:
    here = Path.cwd()
    os.chdir(given)
    try:
        for _ in range(60):  # longer than one path may be
            Path("n" * 100).mkdir()
            os.chdir("n" * 100)
        Path("cat.png").write_bytes(OTHER)
    finally:
        os.chdir(here)


def copies(*names: str) -> Callable[[Path], object]:
    def build(given: Path) -> None:
        for number, name in enumerate(names):
            (given / name).write_bytes(whole(NOISE ^ (number + 1)))

    return build


NOT_ONE_LINE = refused("its name is not one line of UTF-8")
CASES: list[Case] = [
    named("a line break in its name", "a\nboat.png", NOT_ONE_LINE),
    named("a name that turns the line round", "a \u202egnp.boat.png", NOT_ONE_LINE),
    named("a name with a command for a terminal", "a\x1b[2Jboat.png", NOT_ONE_LINE),
    named("a name that is not UTF-8", b"caf\xe9.png", refused("caf\\\\udce9.png")),
    named("a name that is not UTF-8, left out as it was shown", b"caf\xe9.png", refused("there is no picture in it"),
            "--without", "caf\\udce9.png"),
    named("a folder whose name is not UTF-8", b"caf\xe9/boat.png", refused("its name is not one line of UTF-8")),
    named("a name of 255 bytes", "boat" + "é" * 123 + "o.png",
            says(**{"boat" + "é" * 123 + "o": "boat" + "é" * 123 + "o"})),
    named("a name of spaces", "   .png", refused("nothing says what it shows")),
    named("a name of digits", "0001.png", refused("nothing says what it shows")),
    named("a name like an option", "--json.png", says(**{"--json": "json"})),
    named("a name like a command", "$(touch hacked) `ls`.png", says(**{"$(touch hacked) `ls`": "$ touch hacked `ls`"})),
    named("a name like a path of another system", "C:\\boat.png", says(**{"C:\\boat": "C:\\boat"})),
    named("a name of a device of another system", "con.png", says(con="con")),
    named("a name of quotes", "a \"boat's\" sail.png", says(**{"a \"boat's\" sail": "a \"boat's\" sail"})),
    named("a name of a picture of a sailing boat", "⛵.png", refused("nothing says what it shows")),
    named("a name that is a formula", "=cmd|' C'!A0.png", says(**{"=cmd|' C'!A0": "=cmd|' C'!A0"})),
    named("a hidden picture", ".boat.png", refused("there is no picture in it")),
    named("a picture in a hidden folder", ".git/boat.png", refused("there is no picture in it")),
    named("left out by another name", "boat.png", refused("did you mean boat.png?"), "--without", "bota.png"),
    named("everything left out", "boat.png", refused("every picture in it is left out"), "--without", "boat.png"),
    named("left out by a path", "boat.png", refused("there is no such file"), "--without", "../given/boat.png"),
    built("names that differ in their case", copies("Boat.png", "BOAT.png"), works("BOAT.png", "Boat.png", "boat.png")),
    built("accents composed and taken apart", copies("café.png", "cafe\u0301.png"),
            works("boat.png", "café.png", "cafe\u0301.png")),
    built("the same file twice", lambda given: os.link(given / "boat.png", given / "cat.png"),
            refused("shows the same pixels as boat.png")),
    built("a folder named like a picture", lambda given: (given / "cat.png").mkdir(), works("boat.png")),
    built("a pipe named like a picture", waiting("cat.png"), refused("cat.png: is not an ordinary file")),
    built("a pipe named like a caption", waiting("boat.txt"), refused("boat.txt: is not an ordinary file")),
    built("a pipe named like metadata", waiting("metadata.jsonl"), refused("metadata.jsonl: is not an ordinary file")),
    built("a pipe named like a permission", waiting("rights.toml"), works("boat.png")),
    built("a pipe with another name", waiting("notes"), works("boat.png")),
    built("somebody who listens, named like a picture", listening, refused("cat.png: is not an ordinary file")),
    built("a link to a device without an end", link("cat.png", "/dev/zero"), refused("is a link out of the folder")),
    built("a link to a device without an end, named like metadata", link("metadata.csv", "/dev/zero"),
            refused("is a link out of the folder")),
    built("a link out of the folder", outside, refused("is a link out of the folder")),
    built("a link to a folder elsewhere", folder_outside, refused("is a link to a folder")),
    built("a link to nothing", link("cat.png", "nothing.png"), refused("is a link that leads nowhere")),
    built("a link to itself", link("cat.png", "cat.png"), refused("is a link that leads nowhere")),
    built("a link to the folder it is in", link("more", "."), refused("is a link to a folder")),
    built("a link to a picture beside it", link("cat.png", "boat.png"), refused("shows the same pixels as boat.png")),
    built("metadata that is a folder", lambda given: (given / "metadata.jsonl").mkdir(), works("boat.png")),
    built("a path longer than a path may be", deep, refused("cannot be opened (File name too long)")),
]  # fmt: skip
