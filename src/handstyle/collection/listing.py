"""Which files of a folder are pictures, which are words, and which cannot be looked at?

Every file whose name or first bytes say that it is a picture is listed. Hidden files, and files that are neither
pictures nor words, are nobody's work and are passed over.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import Literal, NamedTuple

from handstyle.collection.formats import HEAD, is_named_as_picture, kind_of
from handstyle.collection.notes_beside import TEXTS, is_beside_its_picture
from handstyle.collection.plain_text import unwelcome_in
from handstyle.errors import UsageMistake

METADATA: tuple[Literal["metadata.jsonl", "metadata.csv"], ...] = ("metadata.jsonl", "metadata.csv")

SIDECARS = (".caption", ".txt")  # where both lie beside a picture, the last one counts


@dataclass(frozen=True)
class Fault:
    """What is wrong with one file, and what to do about it."""

    name: str
    words: str

    def __str__(self) -> str:
        return f"{self.name}: {self.words}"


@dataclass(frozen=True)
class Listing:
    """Names are relative to the folder, with forward slashes, sorted."""

    pictures: tuple[str, ...]
    texts: tuple[str, ...]  # sidecars and metadata files
    faults: tuple[Fault, ...]  # entries nothing can be read from, or may be


def require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise UsageMistake(f"{folder} is not a folder", hint="Give the folder that holds the works.")


def list_folder(folder: Path, apart_from: frozenset[Path] = frozenset()) -> Listing:
    """Sub-folders are walked; links to folders are not followed. `apart_from` are resolved paths to pass over."""
    require_folder(folder)
    root = folder.resolve()
    pictures, texts, faults = [], [], []
    for entry in _walk(root):
        if isinstance(entry, Fault):
            faults.append(entry)
            continue
        file = PurePosixPath(entry.name)
        is_text = file.name in METADATA or (file.suffix.lower() in SIDECARS and not _is_note(Path(entry.path)))
        target = _target_of(entry, root)
        if isinstance(target, Fault):
            # A link out of the folder that is neither a picture nor words concerns nobody here.
            faults += [target] if is_text or is_named_as_picture(entry.name) else []
        elif target in apart_from:
            continue
        elif is_text:
            texts.append(entry.name)
        elif is_named_as_picture(entry.name) or _begins_as_picture(entry.path):
            pictures.append(entry.name)
    return Listing(tuple(sorted(pictures)), tuple(sorted(texts)), tuple(sorted(faults, key=str)))


class _Entry(NamedTuple):
    """Plain texts: a folder may hold a hundred thousand of them."""

    path: str
    name: str  # relative to the root, with forward slashes
    target: str  # the same, with links to its folders followed


def _walk(root: Path) -> Iterator[_Entry | Fault]:
    """Every file that is not hidden, and a fault for every folder that stays closed."""
    unreadable: list[OSError] = []
    for parent, folders, files in os.walk(root, onerror=unreadable.append):
        here, real = Path(parent), os.path.realpath(parent)
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in folders:
            if _is_link(here / name):
                words = "is a link to a folder, which is not followed: put the files themselves here"
                yield Fault(_spelled((here / name).relative_to(root)), words)
        before = "" if here == root else f"{here.relative_to(root).as_posix()}/"
        for name in files:
            if not name.startswith("."):
                yield _Entry(f"{parent}{os.sep}{name}", before + name, f"{real}{os.sep}{name}")
    for error in unreadable:
        where = _spelled(Path(error.filename).relative_to(root))
        yield Fault(where, f"cannot be opened ({error.strerror}): make the folder readable")


def _is_link(path: Path) -> bool:
    try:
        return path.is_symlink()
    except OSError:  # its path is too long, which the walk itself will find and tell
        return False


def _target_of(entry: _Entry, root: Path) -> Path | Fault:
    """The file that is meant, links followed, or why it must not be read at all."""
    if unwelcome_in(entry.name):  # the bytes of a name that is not UTF-8 show up as halves of characters
        return Fault(_spelled(PurePosixPath(entry.name)), "its name is not one line of UTF-8: rename it")
    try:
        # What is no link lies where its folder lies; to follow every path from the top takes ten times as long.
        mode, target = os.lstat(entry.path).st_mode, Path(entry.target)
        if stat.S_ISLNK(mode):
            target = Path(entry.path).resolve(strict=True)
            mode = target.stat().st_mode
    except (OSError, RuntimeError):  # RuntimeError: links in a circle, up to Python 3.12
        return Fault(entry.name, "is a link that leads nowhere: put the file itself here")
    if not target.is_relative_to(root):
        return Fault(entry.name, "is a link out of the folder: put the file itself here")
    if not stat.S_ISREG(mode):
        return Fault(entry.name, "is not an ordinary file: save the picture itself here")
    return target


def _spelled(name: PurePath) -> str:
    return "".join(ascii(letter)[1:-1] if unwelcome_in(letter) else letter for letter in name.as_posix())


def _is_note(path: Path) -> bool:
    """`robots.txt` and the like are read for what they reserve, unless they are the words of a picture."""
    return path.name.lower() in TEXTS and not is_beside_its_picture(
        path.name, {other.name for other in path.parent.iterdir()}
    )


def _begins_as_picture(path: str) -> bool:
    try:
        with Path(path).open("rb") as file:
            return kind_of(file.read(HEAD)) is not None
    except OSError:
        return False  # by its name it is no picture, and nothing else can be said
