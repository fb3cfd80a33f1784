"""What does the doctor say of a collection, and under whose permission does it look?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from handstyle.collection.curation import ALIKE, Alike
from handstyle.collection.works import Collection
from handstyle.errors import StageMissing, UsageMistake
from handstyle.gates import require_permission
from handstyle.loading import current_collection, load_base
from handstyle.picture_marks import own_mark
from handstyle.progress import Progress
from handstyle.records import Record, write
from handstyle.relearning import learnt
from handstyle.vouching import require_known_base
from handstyle.workspace import Workspace, next_name, unfinished

if TYPE_CHECKING:
    from handstyle.collection.works import Work
    from handstyle.diffusion.family import ModelFamily
    from handstyle.inspection.doctor import Finding, Looked, Seen
    from handstyle.inspection.drawing import Album
    from handstyle.inspection.harm import WorkHarm
    from handstyle.inspection.leaving_out import LeavingOut

FEWEST_DRAWINGS = 4  # to measure on
RECORD, PAGE, PICTURES = "doctor.json", "doctor.html", "pictures"


class Examined(Record):
    """What `doctor` leaves behind."""

    record: str  # path of doctor.json
    page: str
    words: tuple[str, ...]  # one finding a line
    without: str  # what to add to `handstyle collect`, were the copies to go


def examine(workspace: Workspace, *, base: Path | None = None, captions: bool = False, progress: Progress) -> Examined:
    """The newest collection. With `captions` the base is asked whether the words fit."""
    from handstyle.inspection import doctor, doctor_page
    from handstyle.inspection.drawing import Album

    collection, folder = current_collection(workspace)
    require_permission(workspace, collection, "train")
    family = load_base(base)
    require_known_base(workspace, family)
    looked = look(collection, folder, family.resolution, progress)
    found = doctor.findings(looked, alike_in(workspace, collection), family.resolution)
    if captions:
        found += _captions(workspace, collection, folder, family, progress)
    root = workspace.root / "doctor"
    place = root / next_name(root, collection.digest[:12])
    with unfinished(place, busy=f"another handstyle process makes {place}") as beside:
        checked = doctor.Checked(
            collection=collection.digest,
            works=len(collection.works),
            resolution=family.resolution,
            captions_were_asked=captions,
            findings=tuple(found),
            seen=tuple(_seen(looked, found, Album(beside / PICTURES, own_mark()))),
        )
        checked.save(beside / RECORD)
        write(beside / PAGE, doctor_page.page(checked, beside / PICTURES).encode())
    return Examined(
        record=str(place / RECORD),
        page=str(place / PAGE),
        words=tuple(f"{finding.work} {finding.words}" for finding in found),
        without=doctor_page.without_line(checked.without),
    )


class Tabled(Record):
    """What `captions` leaves behind."""

    table: str
    works: int
    changed: int  # captions that the template made otherwise
    suggested: int


def captions(
    workspace: Workspace,
    table: Path,
    *,
    template: str | None = None,
    captioner: Path | None = None,
    progress: Progress,
) -> Tabled:
    """The captions of the newest collection as a table to edit. Raises UsageMistake where one stands already."""
    from handstyle.collection import caption_table

    collection, folder = current_collection(workspace)
    if table.exists() or table.is_symlink():
        raise UsageMistake(f"{table} exists, and nothing is overwritten", hint="Name another file.")
    texts = caption_table.from_template(template, collection.works) if template else {}
    suggestions = _suggestions(workspace, collection, folder, captioner, progress) if captioner else {}
    write(table, caption_table.table(collection.works, texts, suggestions).encode())
    changed = sum(texts.get(work.name, work.caption) != work.caption for work in collection.works)
    return Tabled(table=str(table), works=len(collection.works), changed=changed, suggested=len(suggestions))


def _suggestions(
    workspace: Workspace, collection: Collection, folder: Path, captioner: Path, progress: Progress
) -> dict[str, str]:
    """A model looks at the works, so they must be permitted for that."""
    from handstyle.collection.intake import load_work
    from handstyle.inspection.captioner import captions

    require_permission(workspace, collection, "train")
    images = (load_work(folder, work, collection.background) for work in collection.works)
    found = {}
    for work, words in zip(collection.works, captions(captioner, images), strict=True):
        found[work.name] = words
        progress("asking the captioner", len(found), len(collection.works))
    return found


def alike_in(workspace: Workspace, collection: Collection) -> dict[str, str]:
    path = workspace.collection(collection.digest) / ALIKE
    return Alike.load(path).works if path.is_file() else {}


def look(collection: Collection, folder: Path, resolution: int, progress: Progress) -> list[Looked]:
    from PIL import Image

    from handstyle.collection.intake import load_work
    from handstyle.encoding.crops import centre_crop
    from handstyle.inspection.doctor import WHOLE, Looked

    looked = []
    for done, work in enumerate(collection.works):
        progress("looking at the works", done, len(collection.works))
        image = load_work(folder, work, collection.background)
        box = centre_crop(work.width, work.height, resolution).box
        square = image.resize((resolution, resolution), Image.Resampling.LANCZOS, box=box)
        image.thumbnail((WHOLE, WHOLE))
        looked.append(Looked(work, image, square))
    progress("looking at the works", len(collection.works), len(collection.works))
    return looked


def _captions(
    workspace: Workspace, collection: Collection, folder: Path, family: ModelFamily, progress: Progress
) -> list[Finding]:
    from handstyle.diffusion.hardware import hardware, use_all_cores
    from handstyle.encoding.buckets import Framing
    from handstyle.encoding.cache import Cache
    from handstyle.inspection.caption_fit import beaten
    from handstyle.inspection.doctor import ill_described
    from handstyle.inspection.material import HeldOut, encoded

    use_all_cores()
    names = [work.name for work in collection.works]
    held = HeldOut(collection, folder, collection.works, False)
    drawings = encoded(held, family, Framing(family.resolution), Cache(workspace.cache))
    precision = "bf16" if hardware().fast_bf16 else "no"
    fits = beaten(family, drawings, names, precision, lambda done, of: progress("asking the base", done, of))
    return ill_described(names, drawings.captions, fits)


def _seen(looked: Iterable[Looked], found: Iterable[Finding], album: Album) -> Iterable[Seen]:
    from handstyle.encoding.crops import centre_crop
    from handstyle.inspection.doctor import Seen

    wanted = {name for finding in found for name in (finding.work, finding.other)}
    for one in looked:
        if one.work.name in wanted:
            width, height = one.whole.size
            crop = centre_crop(width, height, 1)
            yield Seen(
                name=one.work.name,
                caption=one.work.caption,
                picture=album.add(one.whole, one.work.caption),
                crop=(crop.left / width, crop.top / height, crop.width / width, crop.height / height),
            )


class Measured(Record):
    """What `doctor --influence` leaves behind."""

    record: str
    page: str
    words: str
    without: str


def influence(
    workspace: Workspace, *, base: Path | None = None, rounds: int | None = None, progress: Progress
) -> Measured:
    """Which works of the newest style harm it, measured on works that were kept back. Raises StageMissing where there
    are too few of those."""
    from handstyle.inspection import doctor_page
    from handstyle.inspection.drawing import Album
    from handstyle.inspection.leaving_out import ROUNDS

    run = workspace.needs("run", "finetune")
    trainings, collection, folder = _trainings(workspace, run, base, rounds or ROUNDS, progress)
    root = workspace.root / "doctor"
    with workspace.held(trainings.folder):
        found = trainings.go(progress)
    place = root / next_name(root, f"influence-{run}")
    with unfinished(place, busy=f"another handstyle process makes {place}") as beside:
        album, works = Album(beside / PICTURES, own_mark()), {work.name: work for work in collection.works}
        told = tuple(_with_picture(one, works[one.work], collection, folder, album) for one in found.works)
        found = found.model_copy(update={"works": told})
        found.save(beside / "influence.json")
        write(beside / "influence.html", doctor_page.harm_page(found, beside / PICTURES).encode())
    return Measured(
        record=str(place / "influence.json"),
        page=str(place / "influence.html"),
        words=found.words,
        without=doctor_page.without_line(found.suspects),
    )


def _with_picture(one: WorkHarm, work: Work, collection: Collection, folder: Path, album: Album) -> WorkHarm:
    from handstyle.collection.intake import load_work
    from handstyle.inspection.doctor import WHOLE

    image = load_work(folder, work, collection.background)
    image.thumbnail((WHOLE, WHOLE))
    return one.model_copy(update={"caption": work.caption, "picture": album.add(image, work.caption)})


def _trainings(
    workspace: Workspace, run: str, base: Path | None, rounds: int, progress: Progress
) -> tuple[LeavingOut, Collection, Path]:
    from handstyle.finetuning.material import example
    from handstyle.inspection.leaving_out import LeavingOut

    known = learnt(workspace, run, base, progress)
    withheld = known.collection.withheld
    if len(withheld) < FEWEST_DRAWINGS:
        raise StageMissing(
            f"{len(withheld)} works were kept back, and {FEWEST_DRAWINGS} are needed to measure on",
            hint="Collect with --leave-out 0.2 and finetune again.",
        )
    trainings = LeavingOut(
        folder=workspace.folds(f"influence-{run}"),
        style=known.style,
        family=known.family,
        material=known.material,
        drawings=[example(work, known.family, known.recipe, known.cache) for work in withheld],
        alike=alike_in(workspace, known.collection),
        rounds=rounds,
        environment=known.environment,
        still_permitted=known.still_permitted,
    )
    return trainings, known.collection, known.folder
