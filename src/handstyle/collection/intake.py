"""How does a folder of images become a collection?

Nothing is written, and every picture found is accounted for: it becomes a work, it was left out by name, or the
folder is refused with everything that is wrong in it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path

from PIL import Image

from handstyle.collection.captions import Captions, read_captions
from handstyle.collection.covering import Permissions
from handstyle.collection.curation import duplicates
from handstyle.collection.listing import Fault, Listing, list_folder
from handstyle.collection.notes_beside import Notes
from handstyle.collection.pixels import Unfit, page_colour, read_picture
from handstyle.collection.refusal import collection_faulty, rights_missing
from handstyle.collection.rights_plan import RightsPlan
from handstyle.collection.withholding import ONE_IN_FIVE, Withholding, withheld
from handstyle.collection.works import Collection, LeftOut, Work
from handstyle.errors import WorkChanged

NO_PICTURES = "there is no picture in it: PNG, JPEG, WebP and TIFF become works"


def collect(
    folder: Path,
    *,
    rights: RightsPlan,
    background: str = "white",
    validation: Withholding = ONE_IN_FIVE,
    without: Iterable[str] = (),
    on: date | None = None,
    watch: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> Collection:
    """The pictures in `folder` with their words and permissions; `watch` may wrap the names to show progress.

    Raises RightsMissing where a picture lacks a permission to train that is in force `on` that day (today),
    and CollectionFaulty for everything else.
    """
    page = page_colour(background)
    without = frozenset(without)
    listing = list_folder(folder, rights.documents)
    names = [name for name in listing.pictures if name not in without]
    captions = read_captions(folder, _texts_kept(listing, without), names)
    permissions = Permissions(names, rights, on or date.today())
    works, faults = _works(folder, watch(names), page, captions, permissions)
    faults = [*_misdirected(listing, without), *_standing(listing, without), *captions.faults, *faults]
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
    return Collection(
        works=tuple(works),
        rights={record.digest: record for work in works if (record := permissions.settled(work.name))},
        validation=withheld(works, validation),
        left_out=_left_out(listing, without),
        background=background,
    )


def load_work(folder: Path, work: Work, background: str = "white") -> Image.Image:
    """The image of a work, proven to be the one that was collected. Raises WorkChanged."""
    path = folder / work.name
    again = f"Put back the file that was collected, or collect {folder} again."
    try:
        leads_out = not path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, or NUL in the name of the folder
        raise WorkChanged(f"{path} cannot be opened: {error}", hint=again) from error
    if leads_out:
        raise WorkChanged(f"{path} leads out of {folder}", hint=again)
    try:
        picture = read_picture(path, page_colour(background))
    except Unfit as unfit:
        raise WorkChanged(f"{path} {unfit}", hint=again) from unfit
    if picture.file_sha256 != work.file_sha256:
        raise WorkChanged(f"{path} is not the file that was collected: its content has changed", hint=again)
    if picture.pixels_sha256 != work.pixels_sha256:
        raise WorkChanged(
            f"{path} is the file that was collected, but its pixels come out differently here",
            hint=f"Another background, or another version of Pillow, decodes it; collect {folder} again here.",
        )
    return picture.image


def _works(
    folder: Path, names: Iterable[str], page: tuple[int, int, int], captions: Captions, permissions: Permissions
) -> tuple[list[Work], list[Fault]]:
    """One picture in memory at a time. A picture without words or permission is still looked at for faults."""
    works, faults, notes = [], [], Notes(folder)
    for name in names:
        try:
            picture = read_picture(folder / name, page)
        except Unfit as unfit:
            faults.append(Fault(name, str(unfit)))
            continue
        caption = captions.of.get(name)
        reservations = (*picture.reservations, *notes.of(name, picture.file_format))
        permission = permissions.of(name, picture.file_sha256, picture.pixels_sha256, reservations)
        if caption is None or permission is None:
            continue
        works.append(
            Work(
                name=name,
                file_format=picture.file_format,
                file_sha256=picture.file_sha256,
                pixels_sha256=picture.pixels_sha256,
                width=picture.image.width,
                height=picture.image.height,
                caption=caption.text,
                caption_from=caption.source,
                rights=permission.digest,
                reservations=reservations,
            )
        )
    return works, faults


def _known(listing: Listing) -> frozenset[str]:
    """Every name that `without` may hold."""
    return frozenset((*listing.pictures, *listing.texts, *(fault.name for fault in listing.faults)))


def _misdirected(listing: Listing, without: frozenset[str]) -> list[Fault]:
    faults = []
    for name in sorted(without - _known(listing)):
        nearest = difflib.get_close_matches(name, _known(listing), n=1)
        meant = f"; did you mean {nearest[0]}?" if nearest else ""
        faults.append(Fault(f"--without {name}", f"there is no such file in the folder{meant}"))
    return faults


def _standing(listing: Listing, without: frozenset[str]) -> list[Fault]:
    return [fault for fault in listing.faults if fault.name not in without]


def _texts_kept(listing: Listing, without: frozenset[str]) -> Listing:
    return Listing(listing.pictures, tuple(text for text in listing.texts if text not in without), listing.faults)


def _left_out(listing: Listing, without: frozenset[str]) -> tuple[LeftOut, ...]:
    """Pictures, and what might have been one; words are no works."""
    names = {*listing.pictures, *(fault.name for fault in listing.faults)} & without
    return tuple(LeftOut(name=name, reason="left out by name") for name in sorted(names))
