"""What is a collection: which works, in which words, with whose permission?"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from handstyle import digests
from handstyle.collection import long_lists
from handstyle.collection.formats import SUFFIXES, FileFormat
from handstyle.collection.reservation_values import Reading
from handstyle.collection.rights import RightsRecord
from handstyle.records import Record, later, write_with

LARGEST_COLLECTION = 512 << 20  # bytes: a million works
CaptionSource = Literal["sidecar", "metadata.jsonl", "metadata.csv", "file name", "folder name", "data set", "table"]
MOST_REPEATS = 10_000


def _below_the_folder(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or str(path) != name or name == ".":
        raise ValueError("it must be a path below the folder")
    return name


Name = Annotated[str, AfterValidator(_below_the_folder)]  # relative to the folder, with forward slashes
Digest = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class Mask(Record):
    """A picture of the same size that says, light or dark, how much each place of a work counts."""

    name: Name
    pixels_sha256: Digest


class Work(Record):
    name: Name
    file_format: FileFormat
    file_sha256: Digest
    pixels_sha256: Digest  # digests.of_pixels of what `pixels.decode` makes of the file
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    caption: str = Field(min_length=1)
    caption_from: CaptionSource
    rights: Digest
    reservations: tuple[Reading, ...] = ()  # read when it was collected, in its file and beside it
    repeats: int = later(1, ge=1, le=MOST_REPEATS)  # how often it is shown in an epoch
    mask: Mask | None = later(None)

    @property
    def is_misnamed(self) -> bool:
        """Its name promises another format than its content has; the content decided."""
        return PurePosixPath(self.name).suffix.lower() not in SUFFIXES[self.file_format]


class LeftOut(Record):
    name: str
    reason: str


class Collection(Record):
    """An immutable set of works. With `left_out` it accounts for every picture found in the folder."""

    largest: ClassVar[int | None] = LARGEST_COLLECTION

    format: Literal["handstyle/collection/1"] = "handstyle/collection/1"
    works: tuple[Work, ...] = Field(min_length=1)
    rights: dict[Digest, RightsRecord]
    validation: tuple[str, ...] = ()  # names withheld from training, to check it with
    left_out: tuple[LeftOut, ...] = ()
    background: str = "white"

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        names = [work.name for work in self.works]
        if names != sorted(set(names)):
            raise ValueError("works must be sorted by name, and each name may stand once")
        if unknown := set(self.validation) - set(names):
            raise ValueError(f"validation names {sorted(unknown)[0]}, which is no work of this collection")
        if len(set(self.validation)) == len(names):
            raise ValueError("every work is withheld for validation: none is left to train on")
        if both := set(names) & {entry.name for entry in self.left_out}:
            raise ValueError(f"{sorted(both)[0]} is both a work and left out")
        if wrong := [key for key, rights in self.rights.items() if rights.digest != key]:
            raise ValueError(f"the rights record at {wrong[0]} has another digest")
        if bare := [work.name for work in self.works if work.rights not in self.rights]:
            raise ValueError(f"{bare[0]} refers to a rights record that is not here")
        return self

    @property
    def digest(self) -> str:
        return digests.of_pieces(long_lists.canonical_pieces(self._without_works(), "works", self._works_as_json()))

    def save(self, path: Path) -> Path:
        pieces = long_lists.pieces(self._without_works(), "works", self._works_as_json())
        return write_with(path, lambda beside: self._write(beside, pieces))

    def _write(self, path: Path, pieces: Iterable[bytes]) -> None:
        with path.open("wb") as file:
            for piece in pieces:
                file.write(piece)
            if file.tell() > LARGEST_COLLECTION:
                raise OSError(errno.EFBIG, f"its record would be larger than {LARGEST_COLLECTION >> 20} MB")

    def _without_works(self) -> dict[str, Any]:
        return self.model_copy(update={"works": ()}).model_dump(mode="json")

    def _works_as_json(self) -> Iterator[dict[str, Any]]:
        """One at a time: all of them at once are as large as the collection itself."""
        return (work.as_json() for work in self.works)

    @property
    def training(self) -> tuple[Work, ...]:
        withheld = set(self.validation)
        return tuple(work for work in self.works if work.name not in withheld)

    @property
    def withheld(self) -> tuple[Work, ...]:
        withheld = set(self.validation)
        return tuple(work for work in self.works if work.name in withheld)

    @property
    def pictures_in_an_epoch(self) -> int:
        return sum(work.repeats for work in self.training)

    @property
    def number_of_pictures_found(self) -> int:
        return len(self.works) + len(self.left_out)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person may want to know, though nothing is wrong."""
        return tuple(
            f"{work.name} is a {work.file_format} by its content and was read as one"
            for work in self.works
            if work.is_misnamed
        )

    def rights_of(self, work: Work) -> RightsRecord:
        return self.rights[work.rights]
