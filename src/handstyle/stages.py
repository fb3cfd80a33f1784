"""What are the six verbs, end to end? Read this first.

Each stage reads records, does its work and leaves a record behind. Terminal and pages call only these, and what stands
beside them for the other commands. Whatever needs torch is imported inside the stage that needs it, so collecting and
publishing's gates do without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handstyle import auditing, digests, editing, lengths, planning, releasing
from handstyle.collection.works import Collection
from handstyle.diffusion.base_provenance import BaseProvenance
from handstyle.errors import UsageMistake
from handstyle.finetuning.crop_plan import CropPlan, crop_plan
from handstyle.gates import (
    further_drawings,
    require_base,
    require_generating,
    require_permission,
    require_standing,
    require_training,
)
from handstyle.generation.meters import Meter
from handstyle.inspectees import inspectee
from handstyle.loading import (
    collection_named,
    current_collection,
    default_recipe,
    keep_collection,
    load_base,
    open_style,
)
from handstyle.picture_marks import marking, own_mark
from handstyle.planning import Plan, require_plan
from handstyle.records import LONGEST_WRITE, PART, Record, remove_abandoned
from handstyle.vouching import require_known_base
from handstyle.workspace import House, Workspace, next_name, slug, unfinished

if TYPE_CHECKING:
    from PIL.Image import Image

    from handstyle.collection.rights_plan import RightsPlan
    from handstyle.collection.scope import Distribution
    from handstyle.collection.withholding import Withholding
    from handstyle.diffusion.family import ModelFamily
    from handstyle.finetuning.defaults import Expectation
    from handstyle.finetuning.measured import Stop
    from handstyle.finetuning.recipe import Recipe
    from handstyle.finetuning.trackers import ReportTo
    from handstyle.generation.generate import Picture, Worn
    from handstyle.generation.signature import MadeFrom
    from handstyle.inspection.material import HeldOut
    from handstyle.publication.copyright_policy import Contact
    from handstyle.publication.hub import Push
    from handstyle.publication.marking import Marking

Progress = Callable[[str, int, int], None]  # what, done, of


def silent(what: str, done: int, of: int) -> None:
    """Nobody is watching."""


class Collected(Record):
    """What `collect` leaves behind."""

    collection: str  # digest
    works: int
    for_training: int
    for_validation: int
    left_out: int
    pictures_found: int  # all of them are works or left out by name
    notes: tuple[str, ...]  # what a person may want to know, though nothing is wrong
    near_duplicates: int = 0  # works that look nearly like an earlier one
    permission: tuple[str, ...]  # signed or stated, by whom, for how many works
    record: str  # path


def collect(
    workspace: Workspace,
    folder: Path,
    rights: RightsPlan,
    *,
    validation: Withholding = 0.2,
    without: Iterable[str] = (),
    background: str = "white",
    as_plain: bool = False,
    captions: Path | None = None,
    progress: Progress = silent,
) -> Collected:
    """A folder of pictures, words and permission becomes a collection; the originals stay where and as they are.
    `captions` is a table of words that stand in place of those beside the pictures."""
    from handstyle.collection import curation, intake, permission
    from handstyle.publication import logged
    from handstyle.publication.disclosure import published_collection

    gathered = intake.gather(
        folder,
        rights=rights,
        background=background,
        validation=validation,
        without=without,
        as_plain=as_plain,
        table=captions,
        kept_in=workspace.reading(folder),
        progress=progress,
    )
    progress("writing the collection", 0, 1)
    found, digest, alike = gathered.collection, gathered.collection.digest, gathered.near_duplicates
    consents = [grant.consent for grant in rights.consents]
    require_standing(workspace, found, consents, "training")
    near, house = workspace.collection(digest) / curation.ALIKE, House.here()
    if alike:
        curation.Alike(works=alike).save(near)
    path = keep_collection(workspace, found, gathered.folder, consents)
    logged.permissions(logged.keepers_log(house), published_collection(found))
    workspace.point_to(collection=digest)
    house.knows(workspace)
    progress("writing the collection", 1, 1)
    return Collected(
        collection=digest,
        works=len(found.works),
        for_training=len(found.training),
        for_validation=len(found.withheld),
        left_out=len(found.left_out),
        pictures_found=found.number_of_pictures_found,
        notes=(*gathered.notes, *found.notes, *permission.overridden(found), *curation.notes_on(alike, near)),
        near_duplicates=len(alike),
        permission=permission.standing(found),
        record=str(path),
    )


class Encoded(Record):
    """What `encode` leaves behind."""

    collection: str
    base: str
    works: int
    texts: int
    found: int  # already in the cache
    resolution: int
    smallest_share_kept: float  # of a picture's area by its crop
    cut_off: dict[str, str]  # work -> the words at the end of its text that the base does not read


def encode(
    workspace: Workspace, base: Path | None = None, *, recipe: Recipe | None = None, progress: Progress = silent
) -> Encoded:
    """Every work and every text through the base's encoders, once."""
    from handstyle.diffusion.hardware import use_all_cores

    use_all_cores()  # as finetuning does: with another number of threads the last bits are others
    collection, folder = current_collection(workspace)
    require_permission(workspace, collection, "train")
    family = load_base(base)
    require_known_base(workspace, family)
    recipe = recipe or default_recipe(collection, family)
    require_training(collection, family, recipe)
    return encode_for(workspace, collection, folder, family, recipe, progress)


def encode_for(
    workspace: Workspace, collection: Collection, folder: Path, family: ModelFamily, recipe: Recipe, progress: Progress
) -> Encoded:
    from handstyle.collection import permission
    from handstyle.encoding.cache import Cache
    from handstyle.finetuning import preparing
    from handstyle.finetuning.framing import framing_of

    framing = framing_of(recipe, family)
    cache, works, found, texts = Cache(workspace.cache), collection.works, 0, 0
    cache.tidy()
    with permission.naming_the_holder(collection):
        for what, done in preparing.encode_pictures(collection, folder, family, recipe, cache):
            found += done.found and what == "encoding works"
            progress(what, done.index, done.of)
    for what, done in preparing.encode_words(collection, family, recipe, cache):
        found, texts = found + done.found, done.of
        progress(what, done.index, done.of)
    return Encoded(
        collection=collection.digest,
        base=family.digest,
        works=len(works),
        texts=texts,
        found=found,
        resolution=framing.resolution,
        smallest_share_kept=min(
            framing.crops(work.width, work.height)[0].share_of(work.width, work.height) for work in works
        ),
        cut_off={
            work.name: words for work in works for words in [family.words_cut_off(recipe.words(work.caption))] if words
        },
    )


class Finetuned(Record):
    """What `finetune` leaves behind."""

    run: str
    style: str  # path of the trained style's folder
    tensors: str
    steps: int
    seconds: float
    pictures_per_second: float
    peak_memory_bytes: int
    already_there: bool = False
    verdict: tuple[str, ...] = ()  # on its length
    planned: CropPlan | None = None  # of a dry run: which part of each work would be shown, and how often
    memory: dict[str, int] | None = None  # of a dry run: what it does -> bytes it would then hold at most


def finetune(
    plan: Plan,
    *,
    stop: Stop = "auto",
    resume: bool = False,
    dry_run: bool = False,
    save_every: int = 20,
    sample_every: int = 40,
    report_to: ReportTo | None = None,
    further: Path | None = None,
    announce: Callable[[str], None] = lambda words: None,
    progress: Progress = silent,
) -> Finetuned:
    """DreamBooth. `announce` hears what the run will take before its first step; a dry run ends there.

    `stop` says whether works are left out in turn to find the length, or `max_train` is the length; by itself it does
    the former where that is quick and nobody gave a length.
    """
    from handstyle.diffusion.hardware import peak_memory, use_all_cores
    from handstyle.finetuning import defaults, running
    from handstyle.finetuning.continuation import going_on
    from handstyle.finetuning.trainable import trainable

    use_all_cores()
    workspace, recipe, family = plan.workspace, plan.recipe, plan.family
    require_plan(plan)  # before anything is encoded; a plan may have waited
    real = further_drawings(workspace, plan.collection, further, family, recipe) if further else None
    loaded = peak_memory()  # what is encoded now will be there when the run begins
    encoded = encode_for(workspace, plan.collection, plan.folder, family, recipe, progress)
    for name, words in encoded.cut_off.items():
        announce(f"the text of {name} is longer than the base reads; it does not see the end: {words}")
    looks = planning.looks(plan, real, sample_every) if dry_run else None
    length = lengths.found(plan, stop, save_every, announce, progress, looks=looks, loaded=loaded)
    plan, material, manifest = length.plan, length.material, length.manifest
    folder = workspace.run(run := manifest.lineage[:12])
    planned = crop_plan(plan.collection, family, plan.recipe, manifest.steps)
    for line in planned.lines() if dry_run else planned.warnings():
        announce(line)
    if length.expected:
        return _would_take(run, length.expected, planned)
    if running.is_finished(folder) and not dry_run:
        workspace.point_to(run=run)
        return _finetuned(workspace, run, already_there=True)
    with trainable(family, plan.recipe, plan.origin) as learning:
        expected = defaults.expect(family, learning, material.batch_at(0), plan.recipe, manifest.steps, looks, loaded)
        announce(str(expected))
        if dry_run:
            return _would_take(run, expected, planned)
        with workspace.held(folder):
            if own := plan.class_images:
                keep_collection(workspace, own.collection, own.folder, own.consents)
            parent = workspace.run(plan.extends) if plan.extends else None
            state = running.starting_state(folder, manifest, parent, resume=length.resumes(resume), tell=announce)
            manifest = going_on(manifest, folder, parent, state, announce)
            length.keep()
            loop = planning.running(plan, folder, manifest, learning, material, real, report_to)
            loop.go(state, save_every=save_every, sample_every=sample_every, report=progress)
    _log_run(workspace, run, plan)
    workspace.point_to(run=run)
    return _finetuned(workspace, run)


def _log_run(workspace: Workspace, run: str, plan: Plan) -> None:
    from handstyle.publication import logged
    from handstyle.publication.disclosure import published_collection

    everything = [plan.collection, *([plan.class_images.collection] if plan.class_images else ())]
    logged.run(logged.keepers_log(House.here()), open_style(workspace, run), *map(published_collection, everything))


def _would_take(run: str, expected: Expectation, planned: CropPlan) -> Finetuned:
    return Finetuned(
        run=run,
        style="",
        tensors="",
        steps=expected.steps,
        seconds=expected.seconds,
        pictures_per_second=expected.pictures / expected.seconds,
        peak_memory_bytes=expected.memory,
        planned=planned,
        memory=dict(expected.parts) or None,
    )


def _finetuned(workspace: Workspace, run: str, *, already_there: bool = False) -> Finetuned:
    from handstyle.finetuning.cross_fitting import RECORD
    from handstyle.finetuning.how_long import verdict_of_log
    from handstyle.finetuning.measured import CrossFitted
    from handstyle.finetuning.observers import read_log
    from handstyle.finetuning.running import Cost
    from handstyle.finetuning.trained_style import TrainedStyle

    folder = workspace.run(run)
    style, cost = TrainedStyle.open(folder / "style"), Cost.load(folder / "cost.json")
    fitted = folder / RECORD
    said = CrossFitted.load(fitted).verdict if fitted.is_file() else verdict_of_log(read_log(folder / "steps.jsonl"))
    return Finetuned(
        run=run,
        style=str(folder / "style"),
        tensors=style.tensors,
        steps=style.steps,
        seconds=cost.seconds,
        pictures_per_second=cost.pictures_per_second,
        peak_memory_bytes=cost.peak_memory_bytes,
        already_there=already_there,
        verdict=said,
    )


class Generated(Record):
    """What `generate` leaves behind."""

    folder: str
    pictures: tuple[str, ...]
    sheet: str | None
    base: BaseProvenance | None = None  # what the base was made from
    notes: tuple[str, ...] = ()  # what the pictures lack that they could have
    meters: tuple[Meter, ...] = ()  # where they were asked for


def generate(
    workspace: Workspace,
    prompts: Sequence[str],
    *,
    base: Path | None = None,
    styles: Sequence[str] = (),
    seeds: Sequence[int] = (0,),
    settings: dict[str, Any] | None = None,
    sheet: bool = False,
    meter: bool = False,
    edit: editing.Asked | None = None,
    to: Path | None = None,
    key: Path | None = None,
    plain: bool = False,
    progress: Progress = silent,
) -> Generated:
    """Prompts x seeds, each picture signed with what it was made from. Without `styles`, the newest style is worn. With
    an `edit`, pictures are made from a picture; with `meter`, it is told how strongly the words steer."""
    from handstyle import keys
    from handstyle.diffusion.hardware import use_all_cores
    from handstyle.generation import wardrobe
    from handstyle.generation.generate import attached
    from handstyle.generation.generate import generate as draw
    from handstyle.publication import credentials

    use_all_cores()
    secret = keys.read_key(key) if key else keys.own_key()
    family = load_base(base, plain=plain)
    known = require_known_base(workspace, family)
    worn = wardrobe.worn(workspace, styles or [workspace.needs("run", "finetune")], family)
    said = {item.style.tensors: require_generating(workspace, item.style, family) for item in worn}
    settings = dict(settings or {})
    begun = editing.begun(workspace, edit, family, settings) if edit else None
    requests = wardrobe.requests(prompts, seeds, family, worn, settings | (begun.settings if begun else {}))
    folder = to or workspace.new_pictures(prompts[0])
    remove_abandoned(folder, f".*.png.*{PART}", older_than=LONGEST_WRITE)
    made = replace(
        wardrobe.made_from(worn, family),
        base_made_from=known.made_from,
        base_provenance=known.words,
        involvement=" ".join(dict.fromkeys(said.values())),
    )
    made = begun.told(made) if begun else made
    mark = marking(workspace, worn, secret, keep=key is None)
    drawn, paths = [], []
    with attached(worn, family):
        for picture in draw(requests, family, canvas=begun.canvas if begun else None):
            drawn.append(picture)
            paths.append(_keep_picture(workspace, folder, picture, mark, made, worn))
            progress("drawing", len(paths), len(requests))
    page = None
    if sheet:
        images = [picture.image for picture in drawn]
        page = _keep_sheet(folder, images, prompts, [str(seed) for seed in seeds], mark, made)
    notes = () if credentials.is_installed() else (credentials.NOT_INSTALLED,)
    measured, more = _metered(folder, drawn, worn, family) if meter else ((), ())
    return Generated(
        folder=str(folder), pictures=tuple(paths), sheet=page, base=known, notes=(*notes, *more), meters=measured
    )


def _keep_sheet(
    folder: Path, images: Sequence[Image], prompts: Sequence[str], seeds: Sequence[str], mark: Marking, made: MadeFrom
) -> str:
    from handstyle.generation import previews
    from handstyle.records import write

    rows = [images[start : start + len(seeds)] for start in range(0, len(images), len(seeds))]
    paper = previews.sheet(rows, prompts, seeds)
    return str(write(folder / next_name(folder, "sheet", ".png"), mark(paper, made.as_sheet)))


def _metered(
    folder: Path, drawn: Sequence[Picture], worn: Sequence[Worn], family: ModelFamily
) -> tuple[tuple[Meter, ...], tuple[str, ...]]:
    """Beside the pictures, and what is to be said of it."""
    from handstyle.generation.generate import steered
    from handstyle.generation.meters import NONE, Meters, meters

    measured = any(picture.steered is not None for picture in drawn)
    own = [(picture.request.prompt, picture.steered) for picture in drawn]
    found = meters(own, steered([picture.request for picture in drawn], family)) if measured else ()
    if not found:
        return (), (NONE,)
    told = Meters(styles=tuple(item.style.tensors for item in worn), base=family.digest, prompts=found)
    path = told.save(folder / next_name(folder, "prompt-meters", ".json"))
    return found, (*(one.words for one in found), f"The numbers are in {path}.")


def _keep_picture(
    workspace: Workspace, folder: Path, picture: Picture, mark: Marking, made: MadeFrom, worn: Sequence[Worn]
) -> str:
    """Marked, and counted before it is written: there is no picture by a style that is not counted."""
    from handstyle.generation import ledger
    from handstyle.records import write

    request = picture.request
    data = mark(picture.image, made.drawn_for(request))
    if worn:
        ledger.add(workspace.ledger, "made", [item.style.tensors for item in worn], 1, digests.of_bytes(data))
    name = next_name(folder, f"{slug(request.prompt)[:40]}-{request.seed}", ".png")
    return str(write(folder / name, data))


class Inspected(Record):
    """What `inspect` leaves behind."""

    report: str  # path of report.json
    page: str
    verdict: tuple[str, ...]
    held_out_gain: float | None
    held_out_gain_interval: tuple[float, float] | None
    nearer_to_truth: int | None
    prompts: int | None


def inspect(
    workspace: Workspace,
    style: str | None = None,
    *,
    base: Path | None = None,
    further: Path | None = None,
    oracle: str | None = None,
    vision: Sequence[Path] = (),
    audit: bool = False,
    quick: bool = False,
    progress: Progress = silent,
) -> Inspected:
    """A style, against drawings it never saw: that of the current run, or the one named; a file of another tool is held
    against the newest collection. `further` is a folder of more by the same artist.
    `oracle` is a style trained on all else of that artist: what could be gained at most. `vision` are
    folders of models that look, too. An `audit` trains twins on half of the works to see whether the style copies.

    A quick inspection looks at eight drawings and one seed: enough to see that everything works, not to conclude.
    """
    from handstyle.diffusion.hardware import use_all_cores
    from handstyle.encoding.cache import Cache
    from handstyle.inspection import inspecting, material, page, subject
    from handstyle.records import write

    use_all_cores()
    mark = own_mark()
    style = style or workspace.needs("run", "finetune")  # before the base is loaded, which takes a while
    family = load_base(base)
    require_known_base(workspace, family)
    asked = inspectee(workspace, style, family, audit=audit)
    worn, collection, folder = asked.worn, asked.collection, asked.folder
    real = further_drawings(workspace, collection, further, family, asked.recipe) if further else None
    place = workspace.new_inspection(asked.run)
    run, cache = workspace.run(asked.run), Cache(workspace.cache)
    inspected = subject.Subject(collection, folder, family, worn, run, cache, mark, vision=tuple(vision))
    if oracle is not None:
        seen = material.held_out(collection, folder, real)
        inspected = replace(inspected, oracle=_oracle(workspace, oracle, family, seen))
    if quick:
        inspected = replace(inspected, seeds=(1,), most_drawings=8)
    with unfinished(place, busy=f"another handstyle process makes {place}") as beside:
        report = asked.told(inspecting.inspect(inspected, real, beside / "pictures", progress))
        if audit:
            report = report.with_audit(auditing.audited(workspace, inspected, beside / "pictures", progress))
        elif earlier := auditing.earlier(workspace, worn.style.tensors):
            report = report.with_audit(earlier)
        report.save(beside / "report.json")
        write(beside / "report.html", page.page(report, beside / "pictures", public=False).encode())
    if asked.run == workspace.current().run:  # what publishing goes by
        workspace.point_to(inspection=place.name)
    gain, nearer = report.held_out_gain, report.nearer_to_truth
    return Inspected(
        report=str(place / "report.json"),
        page=str(place / "report.html"),
        verdict=report.verdict,
        held_out_gain=gain.gain if gain else None,
        held_out_gain_interval=(gain.interval.low, gain.interval.high) if gain else None,
        nearer_to_truth=nearer.nearer if nearer else None,
        prompts=nearer.prompts if nearer else None,
    )


def _oracle(workspace: Workspace, name: str, family: ModelFamily, real: HeldOut | None) -> Worn:
    """Raises UsageMistake where it was trained on one of the drawings it is to be the measure for."""
    from handstyle.generation import wardrobe

    worn = wardrobe.worn(workspace, [name])[0]
    require_base(worn.style.base, family)
    require_generating(workspace, worn.style, family)
    known = {work.pixels_sha256 for work in collection_named(workspace, worn.style.collection)[0].training}
    both = [work.name for work in real.works if work.pixels_sha256 in known] if real else []
    if both:
        raise UsageMistake(
            f"the oracle `{name}` was trained on {len(both)} of the drawings it is to be measured on, first: {both[0]}",
            hint="Train it on all works of the artist but these, or leave --oracle out.",
        )
    return worn


class Published(Record):
    """What `publish` leaves behind."""

    release: str
    signer: str
    licence: str
    weights: tuple[str, ...]
    reasons: tuple[str, ...]
    address: str = ""  # at Hugging Face, where it was sent there


NO_POLICY = "Nobody to turn to was named, so there is no copyright policy: --keeper and --contact name them."


def publish(
    workspace: Workspace,
    name: str,
    *,
    base: Path | None = None,
    key: Path | None = None,
    model_licence: str | None = None,
    distribution: Distribution = "public",
    contact: Contact | None = None,
    to: Path | None = None,
    push: Push | None = None,
    progress: Progress = silent,
) -> Published:
    """Gates first, then weights in other tools' formats, card, records and a signature over everything. Only with
    `push` is anything sent anywhere, after the release that lies on the disk was verified."""
    from handstyle import keys
    from handstyle.diffusion import catalogue
    from handstyle.publication import clearance, exports, hub, package, records_for_others, release_records

    if push:
        hub.require_ready(push, distribution)
    base_folder = catalogue.folder_of(base)
    made = releasing.finished(workspace, base_folder)
    cleared = clearance.clearance(
        made.collection, made.style, made.report, name, on=date.today(), model_licence=model_licence,
        distribution=distribution, class_images=made.class_images, folder=to.name if to else "", base=made.base,
    )  # fmt: skip
    secret, target = keys.read_key(key) if key else keys.own_key(), to or workspace.release(cleared.name)
    with package.unfinished_release(target) as release:
        progress("writing and reloading the weights", 0, 2)
        place = release / release_records.WEIGHTS
        weights = exports.write(place, made.style, made.weights, base_folder, cleared)
        progress("writing and reloading the weights", 1, 2)
        releasing.assemble(release, made, cleared, weights, secret, contact)
        progress("writing and reloading the weights", 2, 2)
    address = hub.send(target, push) if push else ""
    return Published(
        release=str(target),
        address=address,
        signer=keys.fingerprint(secret.public_key()),
        licence=cleared.licence.name,
        weights=tuple(item.path for item in weights),
        reasons=(*cleared.reasons, *([] if (target / records_for_others.POLICY).exists() else [NO_POLICY])),
    )
