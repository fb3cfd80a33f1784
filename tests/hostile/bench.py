"""What does fuzzing need to know of a parser: what it reads, from where, and how that is made wrong?"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.hostile import mutations
from tests.hostile.case import Case, Place
from tests.hostile.mutations import Chance, Mutation, bytewise

if TYPE_CHECKING:
    pass

LARGEST_EXAMPLE = 1 << 16  # bytes


@dataclass
class Bench:
    """A parser with all it needs: an input is put where it belongs, and read."""

    examples: Sequence[bytes]
    put: Callable[[bytes], object]
    read: Callable[[], object]  # a value, or one of handstyle's own errors
    given: Path  # nothing in here may change while it reads
    mutate: Mutation = bytewise
    put_back: Callable[[], object] = lambda: None  # the folder is then as it was before the input


Maker = Callable[[Path], Bench]


def of_one_file(name: str, examples: Sequence[bytes], read: Callable[[Path], object], mutate: Mutation) -> Maker:
    def make(folder: Path) -> Bench:
        path = folder / "given" / name
        path.parent.mkdir()
        return Bench(examples, path.write_bytes, lambda: read(path), path.parent, mutate)

    return make


def of_cases(cases: Sequence[Case], *names: str) -> list[bytes]:
    """What the corpus has of one kind; an input that names its file where there are several."""
    found: dict[bytes, None] = {}
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            place = Place(Path(folder, "given"), Path(folder, "workspace"), None)
            place.given.mkdir()
            with contextlib.suppress(AttributeError):  # it would want a base
                case.make(place)
            for path in sorted(place.given.iterdir()):
                if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST_EXAMPLE:
                    continue
                if not names or path.name in names:
                    content = path.read_bytes()
                    found[named(path.name, content) if len(names) > 1 else content] = None
    return list(found)


# An input for one of several files begins with a line that names it.


def named(name: str, content: bytes) -> bytes:
    return name.encode() + b"\n" + content


def parted(data: bytes) -> tuple[str, bytes]:
    name, _, content = data.partition(b"\n")
    return name.decode(), content


def mutating(of: Callable[[str], Mutation]) -> Mutation:
    """Of the content alone, by the kind of its file."""

    def mutate(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
        name, content = parted(data)
        alike = [found for other in others for title, found in [parted(other)] if title == name]
        return named(name, of(name)(content, chance, alike or [content]))

    return mutate


def by_suffix(name: str) -> Mutation:
    kinds = {".json": mutations.jsonwise, ".toml": mutations.tomlwise, ".safetensors": mutations.tensorwise}
    return kinds.get(Path(name).suffix, bytewise)


def in_folder(
    contents: dict[str, bytes], given: Path
) -> tuple[list[bytes], Callable[[bytes], Path], Callable[[], None]]:
    """Examples of each file, what puts one of them there, and what puts back what was there."""
    disturbed: list[str] = []

    def put(data: bytes) -> Path:
        restore()
        name, content = parted(data)
        (given / name).write_bytes(content)
        disturbed.append(name)
        return given / name

    def restore() -> None:
        while disturbed:
            name = disturbed.pop()
            (given / name).write_bytes(contents[name]) if name in contents else (given / name).unlink()

    return [named(name, content) for name, content in contents.items()], put, restore


def all_in(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
