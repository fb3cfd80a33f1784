"""How do data sets of other tools become works: which files do they name, how often, in which words?

A folder is read as one of our own, or as kohya's `N_name` folders; a TOML as kohya's data set; a JSON as OneTrainer's
concepts. Their folders may lie anywhere, as those tools want it: where one lies outside of the folder of the
description, names are relative to the nearest that holds all of them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

from handstyle.collection import kohya_datasets, onetrainer_concepts
from handstyle.collection.kohya_datasets import Described
from handstyle.collection.layout import Layout, Part, Role, joined, plain
from handstyle.collection.listing import Fault, list_folder
from handstyle.errors import UsageMistake

Wanted = Literal["works", "class images"]
DESCRIPTIONS: dict[str, Callable[[Path], Described]] = {
    ".toml": kohya_datasets.described,
    ".json": onetrainer_concepts.described,
}
N_NAME = re.compile(r"([1-9]\d{0,2})_(\S.*)")  # a year is no number of repeats
REGULARISATION = ("reg", "regularization", "regularisation")


def laid_out(
    path: Path, documents: frozenset[Path] = frozenset(), *, wanted: Wanted = "works", as_plain: bool = False
) -> Layout:
    """The works, or the class images, that a folder or a description names. `as_plain` takes `3_cats` for a name."""
    describe = DESCRIPTIONS.get(path.suffix.lower())
    if describe is not None and path.is_file():
        return _described(path, describe(path), documents, wanted)
    if path.is_dir() and not as_plain and (parts := kohya_folders(path, documents)):
        return _kohya(path, parts, documents, wanted)
    if not path.is_dir():
        raise UsageMistake(
            f"{path} is not a folder",
            hint="Give the folder that holds the works, a data set of kohya's (TOML), or OneTrainer's concepts (JSON).",
        )
    return plain(path, documents)


def folder_of(path: Path) -> Path:
    """Where a permission is looked for: the folder, or that in which a description lies."""
    return path.parent if path.suffix.lower() in DESCRIPTIONS and path.is_file() else path


def kohya_folders(folder: Path, documents: frozenset[Path] = frozenset()) -> list[Part]:
    """`10_ink drawing` says that its works are shown ten times an epoch. Empty where any picture lies elsewhere.

    They lie in the folder, or below `img` and `reg` in it.
    """
    below = {path.name.lower(): path for path in _folders(folder)}
    parts = _numbered(folder, "works")
    if not parts and "img" in below:
        parts = _numbered(below["img"], "works")
        prior = [part for name in REGULARISATION if name in below for part in _numbered(below[name], "class images")]
        parts += prior if parts else []
    if not parts:
        return []
    places = [part.folder.relative_to(folder.resolve()).as_posix() + "/" for part in parts]
    pictures = list_folder(folder, documents).pictures
    return parts if all(name.startswith(tuple(places)) for name in pictures) else []


def _numbered(folder: Path, role: Role) -> list[Part]:
    parts = []
    for path in _folders(folder):
        if match := N_NAME.fullmatch(path.name):
            words = " ".join(match[2].replace("_", " ").split())
            repeats = Fraction(int(match[1]))
            parts.append(Part(path.resolve(), path.name, role, repeats, recursive=True, is_like_ours=True, words=words))
    return parts


def _folders(folder: Path) -> list[Path]:
    try:
        found = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        return [path for path in found if path.is_dir() and not path.is_symlink()]
    except OSError:
        return []  # which listing it will tell


def _kohya(folder: Path, parts: Sequence[Part], documents: frozenset[Path], wanted: Wanted) -> Layout:
    chosen = _chosen(parts, wanted)
    said = ", ".join(f"{part.folder.name} {part.repeats}x" for part in chosen)
    notes = [f"read as kohya's folders, works so often an epoch: {said} (--plain-folders takes them for names)"]
    if wanted == "works" and len(chosen) < len(parts):
        notes.append(_prior_at(folder))
    found = joined(folder.resolve(), chosen, documents, [], notes)
    return replace(found, folder=folder)


def _described(path: Path, found: Described, documents: frozenset[Path], wanted: Wanted) -> Layout:
    chosen, notes = _chosen(found.parts, wanted), list(found.notes)
    outside = [part.folder for part in chosen if not part.folder.is_relative_to(path.parent.resolve())]
    if outside:
        notes.append(f"{path.name} names folders elsewhere, which are read: {', '.join(map(str, outside))}")
    if wanted == "works" and any(part.role == "class images" for part in found.parts):
        notes.append(_prior_at(path))
    if not chosen:
        words = f"it names no folder of {wanted}"
        faults = found.faults or [Fault(path.name, words)]
        return joined(path.parent.resolve(), [], documents, faults, notes)
    root = _root(path, [place for part in chosen for place in (part.folder, part.masks) if place])
    if len(root.parts) < 2:
        faults = [*found.faults, Fault(path.name, "its folders have nothing in common: put them below one folder")]
        return joined(path.parent.resolve(), [], documents, faults, notes)
    return joined(root, chosen, documents | {path.resolve()}, found.faults, notes)


def _root(path: Path, folders: Sequence[Path]) -> Path:
    """The folder of the description, or the nearest that holds all that it names."""
    here = path.parent.resolve()
    if all(folder.is_relative_to(here) for folder in folders):
        return here
    try:
        return Path(os.path.commonpath(folders))
    except ValueError:  # on several drives
        return Path(path.anchor)


def _chosen(parts: Sequence[Part], wanted: Wanted) -> list[Part]:
    return [part for part in parts if (part.role == "class images") == (wanted == "class images")]


def _prior_at(path: Path) -> str:
    return (
        "its regularisation pictures are class images, and not among the works: "
        f"`handstyle finetune --set with_prior_preservation=true --class-images {path}`"
    )
