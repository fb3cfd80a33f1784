"""How do the files of a folder, or of several, belong together: which are works, which are words and masks of them?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import lcm
from pathlib import Path, PurePosixPath
from typing import Literal

from handstyle.collection.captions import (
    LARGEST_SIDECAR,
    Caption,
    Captions,
    cleaned,
    key_of,
    read_captions,
    utf8,
    words_in,
)
from handstyle.collection.listing import Fault, Listing, list_folder
from handstyle.collection.works import MOST_REPEATS

MASK, CONDITION = "-masklabel", "-condlabel"  # how OneTrainer names the mask, and the condition, of a picture
Role = Literal["works", "class images", "validation"]


@dataclass(frozen=True)
class Layout:
    """What is to be read, below one folder. Names are relative to it."""

    folder: Path
    listing: Listing
    captions: Callable[[Sequence[str], frozenset[str]], Captions]  # of these pictures, without these texts
    repeats: Mapping[str, int] = field(default_factory=dict)
    masks: Mapping[str, str] = field(default_factory=dict)  # work -> its mask
    validation: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()  # of the description itself
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """One folder of a description, resolved, and what is said of it."""

    folder: Path
    named: str  # where it is said, for faults
    role: Role = "works"
    repeats: Fraction = Fraction(1)
    number: int | None = None  # of pictures in an epoch, in place of repeats
    recursive: bool = False
    is_like_ours: bool = False  # its words are read as in a folder of our own
    suffix: str = ""  # of sidecars
    by_file_name: bool = False
    words: str = ""  # of pictures without words of their own
    before: str = ""  # the words
    after: str = ""
    masks: Path | None = None  # a folder of masks, each named like its picture


def plain(folder: Path, documents: frozenset[Path]) -> Layout:
    """A folder of our own: sub-folders count, and each work once."""
    listing, masks = masks_apart(list_folder(folder, documents))

    def captions(names: Sequence[str], without: frozenset[str]) -> Captions:
        return read_captions(folder, _texts_kept(listing, without), names)

    return Layout(folder, listing, captions, masks=masks)


def joined(
    root: Path, parts: Iterable[Part], documents: frozenset[Path], faults: Iterable[Fault], notes: Iterable[str]
) -> Layout:
    """These folders as one that lies at `root`."""
    faults, parts, masks = list(faults), list(parts), dict[str, str]()
    listings: list[Listing] = []
    part_of: dict[str, int] = {}
    for place, part in enumerate(parts):
        listing, beside = masks_apart(_listed(root, part.folder, documents, recursive=part.recursive))
        for name in listing.pictures:
            if (other := part_of.setdefault(name, place)) != place:
                faults.append(Fault(part.named, f"names {name}, which {parts[other].named} names already"))
        masks |= beside
        if part.masks is not None:
            masks |= _of_one_name(listing, _listed(root, part.masks, documents, recursive=False))
        listings.append(listing)
    repeats = _repeats(parts, listings)

    def captions(names: Sequence[str], without: frozenset[str]) -> Captions:
        told = [
            _words(root, part, listing, [name for name in names if part_of[name] == place], without)
            for place, (part, listing) in enumerate(zip(parts, listings, strict=True))
        ]
        of = {name: caption for one in told for name, caption in one.of.items()}
        return Captions(of, tuple(fault for one in told for fault in one.faults))

    return Layout(
        root,
        _together(listings),
        captions,
        repeats={name: repeats[place] for name, place in part_of.items()},
        masks=masks,
        validation=tuple(sorted(name for name, place in part_of.items() if parts[place].role == "validation")),
        faults=tuple(faults),
        notes=tuple(notes),
    )


def masks_apart(listing: Listing) -> tuple[Listing, dict[str, str]]:
    """Pictures, and the mask of each as OneTrainer names it: `cat-masklabel.png` is that of `cat.jpg`."""
    masks = [name for name in listing.pictures if PurePosixPath(name).stem.endswith(MASK)]
    conditions = [name for name in listing.pictures if PurePosixPath(name).stem.endswith(CONDITION)]
    others = tuple(name for name in listing.pictures if name not in {*masks, *conditions})
    found: dict[str, str] = {}
    faults = [Fault(name, "is a condition for OneTrainer's inpainting, which is not read") for name in conditions]
    pictures = _by_stem(others)
    for mask in masks:
        path = PurePosixPath(mask)
        whose = pictures.get(key_of(path.with_name(path.stem.removesuffix(MASK) or path.stem)), [])
        found.update(dict.fromkeys(whose, mask))
        if not whose:
            faults.append(Fault(mask, "is a mask without its picture: name it like the picture"))
    return Listing(others, listing.texts, (*listing.faults, *faults)), found


def _of_one_name(listing: Listing, masks: Listing) -> dict[str, str]:
    by_stem = {key_of(PurePosixPath(PurePosixPath(mask).stem)): mask for mask in masks.pictures}
    stems = {name: key_of(PurePosixPath(PurePosixPath(name).stem)) for name in listing.pictures}
    return {name: by_stem[stem] for name, stem in stems.items() if stem in by_stem}


def _by_stem(names: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(key_of(PurePosixPath(name).with_suffix("")), []).append(name)
    return found


def _listed(root: Path, folder: Path, documents: frozenset[Path], *, recursive: bool) -> Listing:
    """What lies in a folder, by its names below `root`."""
    place = folder.relative_to(root).as_posix()
    before = "" if place == "." else f"{place}/"
    found = list_folder(folder, documents)

    def here(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(before + name for name in names if recursive or "/" not in name)

    faults = [fault for fault in found.faults if recursive or "/" not in fault.name]
    return Listing(
        here(found.pictures), here(found.texts), tuple(Fault(before + fault.name, fault.words) for fault in faults)
    )


def _together(listings: Sequence[Listing]) -> Listing:
    def of(kind: Callable[[Listing], tuple[str, ...]]) -> tuple[str, ...]:
        return tuple(sorted({name for listing in listings for name in kind(listing)}))

    faults = {fault for listing in listings for fault in listing.faults}
    return Listing(of(lambda one: one.pictures), of(lambda one: one.texts), tuple(sorted(faults, key=str)))


def _texts_kept(listing: Listing, without: frozenset[str]) -> Listing:
    return replace(listing, texts=tuple(text for text in listing.texts if text not in without))


def _repeats(parts: Sequence[Part], listings: Sequence[Listing]) -> list[int]:
    """Whole numbers in the same proportion, where some are a part of one."""
    shares = [
        Fraction(part.number, max(1, len(listing.pictures))) if part.number else part.repeats
        for part, listing in zip(parts, listings, strict=True)
    ]
    near = [max(Fraction(1, 20), share.limit_denominator(20)) for share in shares]
    whole = lcm(*(share.denominator for share in near))
    return [min(MOST_REPEATS, int(share * whole)) for share in near]


def _words(root: Path, part: Part, listing: Listing, names: Sequence[str], without: frozenset[str]) -> Captions:
    """Of the pictures of one folder, in the way that is said of it."""
    found = read_captions(root, _texts_kept(listing, without), names) if part.is_like_ours else Captions({}, ())
    of: dict[str, Caption] = {}
    faults = [fault for fault in found.faults if fault.name not in found.of and fault.name not in names]
    for name in names:
        try:
            caption = _sidecar(root, part, name, without) or _caption(part, name, found.of.get(name))
            of[name] = Caption(cleaned(f"{part.before} {caption.text} {part.after}"), caption.source)
        except ValueError as error:
            faults.append(Fault(name, str(error)))
    return Captions(of, tuple(faults))


def _sidecar(root: Path, part: Part, name: str, without: frozenset[str]) -> Caption | None:
    """The first line that is not empty: all that kohya reads, and one of those that OneTrainer chooses from."""
    beside = PurePosixPath(name).with_suffix(part.suffix)
    path = root / beside
    if not part.suffix or str(beside) in without or not path.is_file():
        return None
    if not path.resolve().is_relative_to(part.folder):
        raise ValueError(f"its words, {path.name}, are a link out of the folder: put the file itself there")
    lines = [line for line in utf8(path, LARGEST_SIDECAR).splitlines() if line.strip()]
    return Caption(cleaned(lines[0] if lines else ""), "sidecar")


def _caption(part: Part, name: str, told: Caption | None) -> Caption:
    """What else says what a picture shows. Raises ValueError where nothing does."""
    if told is not None and (told.source != "file name" or not part.words):
        return told
    if part.words:
        return Caption(part.words, "folder name" if part.is_like_ours else "data set")
    if part.by_file_name and (words := words_in(name)):
        return Caption(words, "file name")
    if part.role == "class images":
        return Caption("class image", "data set")  # they are shown with the class words
    beside = PurePosixPath(name).with_suffix(part.suffix or ".txt").name
    raise ValueError(f"nothing says what it shows: write it into {beside} beside it")
