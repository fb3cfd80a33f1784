"""How does a folder of images become a collection?

Nothing is written, and every picture found is accounted for: it becomes a work, it was left out by name, or the
folder is refused with everything that is wrong in it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from PIL import Image

from handstyle.collection import caption_table
from handstyle.collection.captions import Captions
from handstyle.collection.covering import Permissions
from handstyle.collection.curation import duplicates
from handstyle.collection.imports import Wanted, laid_out
from handstyle.collection.journal import Remembered
from handstyle.collection.layout import Layout
from handstyle.collection.listing import Fault, Listing
from handstyle.collection.near_duplicates import NearDuplicates
from handstyle.collection.notes_beside import Notes
from handstyle.collection.pixels import Picture, Unfit, page_colour, read_picture
from handstyle.collection.reading import Memory, NoMemory
from handstyle.collection.reading_folder import look_at_all
from handstyle.collection.reading_masks import read_mask
from handstyle.collection.refusal import collection_faulty, rights_missing
from handstyle.collection.rights_plan import RightsPlan
from handstyle.collection.withholding import ONE_IN_FIVE, Withholding, withheld
from handstyle.collection.works import Collection, LeftOut, Work
from handstyle.errors import WorkChanged
from handstyle.progress import Progress

NO_PICTURES = "there is no picture in it: PNG, JPEG, WebP and TIFF become works"


MOST_SUGGESTIONS = 20  # each looks at every name of the folder


@dataclass(frozen=True)
class Gathered:
    collection: Collection
    near_duplicates: dict[str, str]  # work -> the earlier one that it looks nearly like
    folder: Path  # below which the works lie
    notes: tuple[str, ...] = ()  # on how the folder was read


def collect(folder: Path, **how: Any) -> Collection:
    """`gather` for those who only need the collection."""
    return gather(folder, **how).collection


def gather(
    folder: Path,
    *,
    rights: RightsPlan,
    background: str = "white",
    validation: Withholding = ONE_IN_FIVE,
    without: Iterable[str] = (),
    table: Path | None = None,
    on: date | None = None,
    kept_in: Path | None = None,
    processes: int | None = None,
    wanted: Wanted = "works",
    as_plain: bool = False,
    progress: Progress = lambda what, done, of: None,
) -> Gathered:
    """The pictures in `folder`, or in those that it describes (`imports`), with their words and permissions.

    What was read is remembered in the file `kept_in` for the next time, also when this time comes to no end. Raises
    RightsMissing where a picture lacks a permission to train that is in force `on` that day (today), and
    CollectionFaulty for everything else.
    """
    page = page_colour(background)
    without = frozenset(without)
    progress("looking through the folder", 0, 1)
    laid = laid_out(folder, rights.documents, wanted=wanted, as_plain=as_plain)
    folder, listing = laid.folder, laid.listing
    names = [name for name in listing.pictures if name not in without]
    captions = laid.captions(names, without)
    if table is not None:
        captions = caption_table.over(captions, table, names)
    permissions = Permissions(names, rights, on or date.today())
    with closing(Remembered(kept_in, page, names)) if kept_in else nullcontext(NoMemory()) as memory:
        works, faults, alike = _works(laid, names, page, captions, permissions, memory, processes, progress)
    faults = [*laid.faults, *_misdirected(listing, without), *_standing(listing, without), *captions.faults, *faults]
    faults += [Fault(name, f"shows the same pixels as {first}") for name, first in duplicates(works).items()]
    if not listing.pictures and not faults:
        faults.append(Fault(str(folder), NO_PICTURES))
    elif not names and not faults:
        faults.append(Fault(str(folder), "every picture in it is left out"))
    if gaps := permissions.gaps():
        raise rights_missing(folder, len(names), gaps, rights, faults)
    if faults:
        known = _known(listing)
        raise collection_faulty(folder, faults, sorted({fault.name for fault in faults if fault.name in known}))
    collection = Collection(
        works=tuple(works),
        rights=permissions.in_use(work.name for work in works),
        validation=_kept_back(works, laid, validation, alike),
        left_out=_left_out(listing, without),
        background=background,
    )
    return Gathered(collection, alike, folder, laid.notes)


def load_work(folder: Path, work: Work, background: str = "white") -> Image.Image:
    """The image of a work, proven to be the one that was collected. Raises WorkChanged."""
    return load_picture(folder, work, background).image


def load_picture(folder: Path, work: Work, background: str = "white") -> Picture:
    """The same, with what else its file shows."""
    path = folder / work.name
    again = f"Put back the file that was collected, or collect {folder} again."

    def changed(words: str, hint: str = again) -> WorkChanged:
        return WorkChanged(f"{path} {words}", work=work.name, hint=hint)

    try:
        leads_out = not path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, or NUL in the name of the folder
        raise changed(f"cannot be opened: {error}") from error
    if leads_out:
        raise changed(f"leads out of {folder}")
    try:
        picture = read_picture(path, page_colour(background))
    except Unfit as unfit:
        raise changed(str(unfit)) from unfit
    if picture.file_sha256 != work.file_sha256:
        raise changed("is not the file that was collected: its content has changed")
    if picture.pixels_sha256 != work.pixels_sha256:
        raise changed(
            "is the file that was collected, but its pixels come out differently here",
            f"Another background, or another version of Pillow, decodes it; collect {folder} again here.",
        )
    return picture


def _works(
    laid: Layout,
    names: Sequence[str],
    page: tuple[int, int, int],
    captions: Captions,
    permissions: Permissions,
    memory: Memory,
    processes: int | None,
    progress: Progress,
) -> tuple[list[Work], list[Fault], dict[str, str]]:
    """No picture stays in memory. One without words or permission is still looked at for faults."""
    works: list[Work] = []
    faults: list[Fault] = []
    alike, notes = NearDuplicates(len(names)), Notes(laid.folder)
    with closing(look_at_all(laid.folder, names, page, memory, processes)) as looks:
        for done, (name, shown) in enumerate(zip(names, looks, strict=True)):
            progress("collecting", done, len(names))
            if isinstance(shown, Unfit):
                faults.append(Fault(name, str(shown)))
                continue
            caption = captions.of.get(name)
            reservations = (*shown.reservations, *notes.of(name, shown.file_format))
            permission = permissions.of(name, shown.file_sha256, shown.pixels_sha256, reservations)
            if permission is None:
                continue  # and nothing is remembered of it
            memory.keep(name, shown)
            mask = read_mask(laid, name, shown)
            if isinstance(mask, Unfit):
                faults.append(Fault(laid.masks[name], str(mask)))
            if caption is None or isinstance(mask, Unfit):
                continue
            alike.see(name, shown.looks)
            works.append(
                Work(
                    name=name,
                    file_format=shown.file_format,
                    file_sha256=shown.file_sha256,
                    pixels_sha256=shown.pixels_sha256,
                    width=shown.width,
                    height=shown.height,
                    caption=caption.text,
                    caption_from=caption.source,
                    rights=permissions.digest_of(permission),
                    reservations=reservations,
                    repeats=laid.repeats.get(name, 1),
                    mask=mask,
                )
            )
    progress("collecting", len(names), len(names))
    return works, faults, alike.found


def _known(listing: Listing) -> frozenset[str]:
    """Every name that `without` may hold."""
    return frozenset((*listing.pictures, *listing.texts, *(fault.name for fault in listing.faults)))


def _misdirected(listing: Listing, without: frozenset[str]) -> list[Fault]:
    faults: list[Fault] = []
    known = _known(listing)
    for name in sorted(without - known):
        nearest = difflib.get_close_matches(name, known, n=1) if len(faults) < MOST_SUGGESTIONS else []
        meant = f"; did you mean {nearest[0]}?" if nearest else ""
        faults.append(Fault(f"--without {name}", f"there is no such file in the folder{meant}"))
    return faults


def _standing(listing: Listing, without: frozenset[str]) -> list[Fault]:
    return [fault for fault in listing.faults if fault.name not in without]


def _kept_back(
    works: Sequence[Work], laid: Layout, validation: Withholding, alike: Mapping[str, str]
) -> tuple[str, ...]:
    """Those that a description names, where it names any."""
    return tuple(work.name for work in works if work.name in laid.validation) or withheld(works, validation, alike)


def _left_out(listing: Listing, without: frozenset[str]) -> tuple[LeftOut, ...]:
    """Pictures, and what might have been one; words are no works."""
    names = {*listing.pictures, *(fault.name for fault in listing.faults)} & without
    return tuple(LeftOut(name=name, reason="left out by name") for name in sorted(names))
