"""Which collections, trainings, releases and merged weights were made with these works?

Along the lineage: works -> collections -> runs -> releases, and from there to every file of weights that holds the same
tensors under any name, or says that it was merged from them. Tools that merge name what went in by digest (ModelSpec,
A1111) or by title or file name (sd-scripts). What was merged from another model of the same name is listed, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

from handstyle import digests
from handstyle.collection.works import Collection
from handstyle.errors import HandstyleError
from handstyle.finetuning.manifest import RunManifest
from handstyle.finetuning.trained_style import RECORD, TrainedStyle
from handstyle.publication import provenance, release_records
from handstyle.publication.provenance import ENVELOPE, LARGEST_ENVELOPE
from handstyle.records import Record, read_whole
from handstyle.tensor_files import metadata_of
from handstyle.workspace import Workspace

MERGED_FROM = "modelspec.merged_from"
MERGED = (MERGED_FROM, "sd_merge_models", "sd_merge_recipe")
TITLE = "modelspec.title"
ANYBODYS = {"pytorch_lora_weights", "diffusion_pytorch_model", "model"}  # names that every tool gives to files
DATA_DIGEST = "modelspec.hash_sha256"
IsMeant = Callable[[str, str], bool]  # file digest, pixel digest


class Descendant(Record):
    """Something that was made with the works."""

    kind: Literal["collection", "run", "release", "weights"]
    where: str
    content: str  # digest of the collection, or of the tensors
    why: str


class Descent(Record):
    found: tuple[Descendant, ...]
    unreadable: tuple[str, ...] = ()  # what could not be looked into: it may have been made with them

    def of(self, kind: str) -> tuple[Descendant, ...]:
        return tuple(one for one in self.found if one.kind == kind)


def descent(workspaces: Iterable[Workspace], folders: Iterable[Path], is_meant: IsMeant) -> Descent:
    """In these workspaces, and in folders besides, with everything below them."""
    found: dict[str, Descendant] = {}
    unreadable: list[str] = []
    known = list(workspaces)
    for workspace in known:
        for one in (*_collections(workspace, is_meant, unreadable), *_runs(workspace, found, unreadable)):
            found.setdefault(one.where, one)
        for one in _runs(workspace, found, unreadable):
            found.setdefault(one.where, one)
    places = [*(workspace.root / "releases" for workspace in known), *folders]
    hashes = {one.content for one in found.values() if one.kind == "run" and one.content}
    names: set[str] = set()
    for path in _files(places, ENVELOPE):
        for one in _release(path.parent, hashes, is_meant, unreadable):
            found.setdefault(one.where, one)
            hashes |= _hashes_of(path.parent)
            for weights in _files([path.parent / release_records.WEIGHTS], "*.safetensors"):
                names |= _names_of(weights)
    inside = tuple(one.where for one in found.values())
    files = [path for path in _files(folders, "*.safetensors") if not str(path).startswith(inside)]
    for one in _weights(files, hashes, names, unreadable):
        found.setdefault(one.where, one)
    return Descent(found=tuple(found.values()), unreadable=tuple(dict.fromkeys(unreadable)))


def _collections(workspace: Workspace, is_meant: IsMeant, unreadable: list[str]) -> Iterator[Descendant]:
    for place in workspace.collections():
        try:
            collection = Collection.load(place / "collection.json")
        except HandstyleError as damaged:
            unreadable.append(damaged.what)
            continue
        if meant := [work for work in collection.works if is_meant(work.file_sha256, work.pixels_sha256)]:
            why = f"{len(meant)} of its {len(collection.works)} works"
            yield Descendant(kind="collection", where=str(place), content=collection.digest, why=why)


def _runs(workspace: Workspace, found: dict[str, Descendant], unreadable: list[str]) -> Iterator[Descendant]:
    collections = {one.content for one in found.values() if one.kind == "collection"}
    for run in workspace.runs():
        folder = workspace.run(run)
        style, asked = folder / "style" / RECORD, folder / "run.json"
        try:  # one that was renamed has no run.json, and an unfinished one no style
            found_in: list[TrainedStyle | RunManifest] = []
            found_in += [TrainedStyle.load(style)] if style.is_file() else []
            found_in += [RunManifest.load(asked)] if asked.is_file() else []
        except HandstyleError as damaged:
            unreadable.append(damaged.what)
            continue
        used = {digest for one in found_in for digest in (one.collection, one.class_images)} & collections
        if used:
            tensors = next((one.tensors for one in found_in if isinstance(one, TrainedStyle)), "")
            why = f"trained with collection {min(used)[:12]}"
            yield Descendant(kind="run", where=str(folder), content=tensors, why=why)


def _release(folder: Path, hashes: set[str], is_meant: IsMeant, unreadable: list[str]) -> Iterator[Descendant]:
    try:
        statement, _ = provenance.opened(read_whole(folder / ENVELOPE, LARGEST_ENVELOPE))
        held = release_records.collections_in(folder, statement).values()
        works = [work for collection in held for work in collection.works]
    except (HandstyleError, OSError, ValueError) as error:
        unreadable.append(f"{folder}: {error}")
        return
    meant = [work for work in works if is_meant(work.file_sha256, work.pixels_sha256)]
    tensors = statement.lineage.tensors
    if meant or tensors in hashes:
        why = f"{len(meant)} of its {len(works)} works" if meant else "its tensors were trained with them"
        yield Descendant(kind="release", where=str(folder), content=tensors, why=why)


def _hashes_of(release: Path) -> set[str]:
    """By what its files of weights can be known elsewhere."""
    statement, _ = provenance.opened(read_whole(release / ENVELOPE, LARGEST_ENVELOPE))
    found = {statement.lineage.tensors, *(weights.tensors for weights in statement.weights)}
    for weights in statement.weights:
        path = release / release_records.WEIGHTS / weights.path
        found |= _own_hashes(path) if path.is_file() else set()
    return found


def _own_hashes(path: Path) -> set[str]:
    try:
        said = metadata_of(path).get(DATA_DIGEST, "").removeprefix("0x")
        return {digests.of_tensor_file(path), digests.of_file(path), *filter(None, [said])}
    except (HandstyleError, OSError):
        return set()


def _names_of(path: Path) -> set[str]:
    """What a tool that merges calls it: by its title, or by the name of the file."""
    try:
        title = metadata_of(path).get(TITLE, "")
    except (HandstyleError, OSError):
        title = ""
    return {name for name in (title.casefold(), path.stem.casefold()) if name} - ANYBODYS


def _merged_from(path: Path) -> tuple[str, set[str]]:
    """All that a file says of what it was merged from; and the names in it."""
    said = [metadata_of(path).get(key, "") for key in MERGED]
    names = {name.strip().casefold() for name in said[0].split(",")}
    names |= {Path(name).stem.casefold() for name in re.findall(r'"name": *"([^"]*)"', said[1])}
    names |= {Path(name).stem.casefold() for name in re.findall(r'_model_name": *"([^"]*)"', said[2])}
    return " ".join(said), names - {""}


def _weights(paths: Iterable[Path], hashes: set[str], names: set[str], unreadable: list[str]) -> Iterator[Descendant]:
    """What holds these tensors, or was merged from them, or from what was."""
    waiting: dict[Path, set[str]] = {}
    for path in paths:
        waiting[path] = _own_hashes(path)
        if not waiting[path]:
            unreadable.append(f"{path} is no readable file of weights")
    grown = True
    while grown:
        grown = False
        for path, own in list(waiting.items()):
            merged, called = _merged_from(path) if own else ("", set())
            parent = next((one[:12] for one in sorted(hashes) if one[:10] in merged), None)
            parent = parent or next(iter(sorted(called & names)), None)
            if not own & hashes and parent is None:
                continue
            why = "holds their tensors" if own & hashes else f"says that it was merged from {parent}"
            yield Descendant(kind="weights", where=str(path), content=digests.of_tensor_file(path), why=why)
            hashes |= own
            names |= _names_of(path)
            del waiting[path]
            grown = True


def _files(folders: Iterable[Path], pattern: str) -> Iterator[Path]:
    """Links are not followed: what they lead to is somewhere else."""
    for folder in folders:
        for path in sorted(folder.rglob(pattern)) if folder.is_dir() else ():
            if path.is_file() and not path.is_symlink() and not any(
                part.startswith(".") for part in path.relative_to(folder).parts
            ):  # fmt: skip
                yield path
