"""What are the six verbs, end to end? Read this first.

Each stage reads records, does its work and leaves a record behind. Terminal and pages call only these. Whatever needs
torch is imported inside the stage that needs it, so collecting, publishing's gates and verifying do without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handstyle.collection.scope import Act
from handstyle.collection.works import Collection
from handstyle.errors import GateClosed, RecordDamaged, RightsMissing, StageMissing, UsageMistake
from handstyle.records import LONGEST_WRITE, PART, Record, remove_abandoned
from handstyle.workspace import House, OriginalFolder, Workspace, next_name, slug, unfinished

if TYPE_CHECKING:
    from handstyle.collection.consent import Consent
    from handstyle.collection.licences import Use
    from handstyle.collection.rights_plan import RightsPlan
    from handstyle.collection.scope import Distribution
    from handstyle.collection.withholding import Withholding
    from handstyle.diffusion.family import ModelFamily
    from handstyle.finetuning.defaults import Expectation
    from handstyle.finetuning.recipe import Recipe
    from handstyle.finetuning.trained_style import BaseIdentity, TrainedStyle
    from handstyle.finetuning.validation import Drawings
    from handstyle.inspection.report import InspectionReport
    from handstyle.publication.verification import Verification

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
    progress: Progress = silent,
) -> Collected:
    """A folder of pictures, words and permission becomes a collection; the originals stay where and as they are."""
    from handstyle.collection import intake, permission
    from handstyle.publication import logged
    from handstyle.publication.disclosure import published_collection

    def watched(names: Sequence[str]) -> Iterable[str]:
        for done, name in enumerate(names):
            progress("collecting", done, len(names))
            yield name
        progress("collecting", len(names), len(names))

    found = intake.collect(
        folder, rights=rights, background=background, validation=validation, without=without, watch=watched
    )
    require_standing(workspace, found, {grant.consent.digest: grant.consent for grant in rights.consents}, "training")
    place, house = workspace.collection(found.digest), House.here()
    remove_abandoned(place, older_than=LONGEST_WRITE)
    OriginalFolder(folder=str(folder.resolve())).save(place / "folder.json")
    permission.keep(rights, found, place)
    path = found.save(place / "collection.json")
    logged.permissions(logged.keepers_log(house), published_collection(found))
    workspace.point_to(collection=found.digest)
    house.knows(workspace)
    return Collected(
        collection=found.digest,
        works=len(found.works),
        for_training=len(found.training),
        for_validation=len(found.withheld),
        left_out=len(found.left_out),
        pictures_found=found.number_of_pictures_found,
        notes=found.notes,
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
    recipe = recipe or default_recipe(collection, family)
    require_training(collection, family, recipe)
    return encode_for(workspace, collection, folder, family, recipe, progress)


def encode_for(
    workspace: Workspace, collection: Collection, folder: Path, family: ModelFamily, recipe: Recipe, progress: Progress
) -> Encoded:
    from handstyle.encoding import crops, encode
    from handstyle.encoding.cache import Cache

    resolution = recipe.resolution or family.resolution
    crops.check_resolution(resolution, family.pixel_multiple)
    cache, works = Cache(workspace.cache), collection.works
    cache.tidy()
    wanted = [encode.crops_of(work, resolution, random_flip=recipe.random_flip) for work in works]
    texts = ["", *sorted({recipe.words(work.caption) for work in works})]
    found = 0
    for done in encode.encode_works(works, folder, collection.background, wanted, family, cache):
        found += done.found
        progress("encoding works", done.index, done.of)
    for done in encode.encode_texts(texts, family, cache):
        found += done.found
        progress("encoding texts", done.index, done.of)
    return Encoded(
        collection=collection.digest,
        base=family.digest,
        works=len(works),
        texts=len(texts),
        found=found,
        resolution=resolution,
        smallest_share_kept=min(crops.share_kept(work.width, work.height) for work in works),
        cut_off={
            work.name: words for work in works for words in [family.words_cut_off(recipe.words(work.caption))] if words
        },
    )


@dataclass(frozen=True)
class Plan:
    """Everything a run needs, before it starts."""

    workspace: Workspace
    collection: Collection
    folder: Path
    family: ModelFamily
    recipe: Recipe
    class_image_folder: Path | None = None
    extends: str = ""
    replaces: str = ""  # tensors that this run stands in for


def plan(
    workspace: Workspace,
    base: Path | None = None,
    *,
    recipe_file: Path | None = None,
    preset: str | None = None,
    settings: dict[str, Any] | None = None,
    class_images: Path | None = None,
    extend: str | None = None,
    plain: bool = False,
) -> Plan:
    """The recipe for this collection on this base: the default for so many works, a preset or a file, then settings."""
    from handstyle.finetuning.defaults import recipe_from
    from handstyle.finetuning.recipe import Recipe

    if extend is not None:
        return _extension(workspace, base, class_images, extend, plain=plain)
    collection, folder = current_collection(workspace)
    require_permission(workspace, collection, "train")
    # Before the base is loaded, which takes a while: a slip is told at once.
    recipe = recipe_from(recipe_file, preset, Recipe()).changed(**(settings or {}))
    family = load_base(base, plain=plain)
    if recipe_file is None and preset is None:
        recipe = default_recipe(collection, family).changed(**(settings or {}))
    require_training(collection, family, recipe)
    return Plan(workspace, collection, folder, family, recipe, class_images)


def _extension(workspace: Workspace, base: Path | None, class_images: Path | None, extend: str, *, plain: bool) -> Plan:
    """The current run, on its own works and base, for so much longer."""
    from handstyle.finetuning.manifest import RunManifest
    from handstyle.finetuning.recipe import Duration

    run = workspace.needs("run", "finetune")
    before = RunManifest.load(workspace.run(run) / "run.json")
    collection, folder = collection_named(workspace, before.collection)
    require_permission(workspace, collection, "train")
    family = load_base(base, plain=plain)
    require_base(before.base, family)
    try:
        more = Duration.parse(extend).in_steps(before.works, before.recipe.train_batch_size)
    except ValueError as error:
        raise UsageMistake(
            f"`{extend}` is no duration: {error}", hint='Write for example --extend "120 steps".'
        ) from None
    recipe = before.recipe.changed(max_train=f"{before.steps + more} steps")
    require_training(collection, family, recipe)
    return Plan(workspace, collection, folder, family, recipe, class_images, run)


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


def finetune(
    plan: Plan,
    *,
    resume: bool = False,
    dry_run: bool = False,
    save_every: int = 20,
    sample_every: int = 40,
    further: Path | None = None,
    announce: Callable[[str], None] = lambda words: None,
    progress: Progress = silent,
) -> Finetuned:
    """DreamBooth. `announce` hears what the run will take before its first step; a dry run ends there."""
    from handstyle.diffusion.hardware import use_all_cores
    from handstyle.encoding.cache import Cache
    from handstyle.finetuning import defaults, running
    from handstyle.finetuning.continuation import going_on
    from handstyle.finetuning.trainable import trainable
    from handstyle.generation.previews import samples_of
    from handstyle.publication import logged
    from handstyle.publication.disclosure import published_collection

    use_all_cores()
    workspace, recipe, family = plan.workspace, plan.recipe, plan.family
    require_permission(workspace, plan.collection, "train")  # a plan may have waited
    encoded = encode_for(workspace, plan.collection, plan.folder, family, recipe, progress)
    for name, words in encoded.cut_off.items():
        announce(f"the text of {name} is longer than the base reads; it does not see the end: {words}")
    material = running.material(
        plan.collection, family, recipe, Cache(workspace.cache), plan.class_image_folder, progress
    )
    manifest = running.manifest(plan.collection, family, recipe, material, plan.extends)
    manifest = manifest.model_copy(update={"replaces": plan.replaces})
    run = manifest.lineage[:12]
    folder = workspace.run(run)
    if running.is_finished(folder) and not dry_run:
        workspace.point_to(run=run)
        return _finetuned(workspace, run, already_there=True)
    with trainable(family, recipe) as learning:
        expected = defaults.expect(family, learning, material.batch_at(0), recipe, manifest.steps)
        announce(str(expected))
        if dry_run:
            return _would_take(run, expected)
        with workspace.held(folder):
            parent = workspace.run(plan.extends) if plan.extends else None
            state = running.starting_state(folder, manifest, parent, resume=resume, tell=announce)
            manifest = going_on(manifest, folder, parent, state, announce)
            previews = samples_of(plan.collection.training, recipe, family, folder / "samples")
            running.Running(
                folder=folder,
                manifest=manifest,
                family=family,
                learning=learning,
                material=material,
                paint=lambda step: previews.paint(step, family),
                drawings=_drawings_to_check_with(plan, further),
            ).go(state, save_every=save_every, sample_every=sample_every, report=progress)
    logged.run(logged.keepers_log(House.here()), open_style(workspace, run), published_collection(plan.collection))
    workspace.point_to(run=run)
    return _finetuned(workspace, run)


def _would_take(run: str, expected: Expectation) -> Finetuned:
    return Finetuned(
        run=run,
        style="",
        tensors="",
        steps=expected.steps,
        seconds=expected.seconds,
        pictures_per_second=expected.pictures / expected.seconds,
        peak_memory_bytes=expected.memory,
    )


def _finetuned(workspace: Workspace, run: str, *, already_there: bool = False) -> Finetuned:
    from handstyle.finetuning.running import Cost
    from handstyle.finetuning.trained_style import TrainedStyle

    folder = workspace.run(run)
    style, cost = TrainedStyle.open(folder / "style"), Cost.load(folder / "cost.json")
    return Finetuned(
        run=run,
        style=str(folder / "style"),
        tensors=style.tensors,
        steps=style.steps,
        seconds=cost.seconds,
        pictures_per_second=cost.pictures_per_second,
        peak_memory_bytes=cost.peak_memory_bytes,
        already_there=already_there,
    )


def _drawings_to_check_with(plan: Plan, further: Path | None) -> Drawings | None:
    """Further drawings if there are any, else the works left out of training."""
    from handstyle.encoding.cache import Cache
    from handstyle.inspection import material

    resolution = plan.recipe.resolution or plan.family.resolution
    found = material.held_out(plan.collection, plan.folder, further)
    return material.encoded(found, plan.family, resolution, Cache(plan.workspace.cache)) if found else None


class Generated(Record):
    """What `generate` leaves behind."""

    folder: str
    pictures: tuple[str, ...]
    sheet: str | None


def generate(
    workspace: Workspace,
    prompts: Sequence[str],
    *,
    base: Path | None = None,
    styles: Sequence[str] = (),
    seeds: Sequence[int] = (0,),
    settings: dict[str, Any] | None = None,
    sheet: bool = False,
    to: Path | None = None,
    plain: bool = False,
    progress: Progress = silent,
) -> Generated:
    """Prompts x seeds, each picture signed with what it was made from. Without `styles`, the newest style is worn."""
    from handstyle.diffusion.hardware import use_all_cores
    from handstyle.generation import previews, wardrobe
    from handstyle.generation.generate import attached
    from handstyle.generation.generate import generate as draw
    from handstyle.generation.signature import png, signed_png
    from handstyle.records import write

    use_all_cores()
    family = load_base(base, plain=plain)
    worn = wardrobe.worn(workspace, styles or [workspace.needs("run", "finetune")])
    for item in worn:
        require_generating(workspace, item.style)
    requests = wardrobe.requests(prompts, seeds, family, worn, settings or {})
    folder = to or workspace.new_pictures(prompts[0])
    remove_abandoned(folder, f".*.png.*{PART}", older_than=LONGEST_WRITE)
    lineage = {"collections": " ".join(sorted({item.style.collection for item in worn}))}
    images, paths = [], []
    with attached(worn, family):
        for number, picture in enumerate(draw(requests, family)):
            request = picture.request
            data = signed_png(
                picture.image, request, base_name=family.card.name, base_digest=family.digest, lineage=lineage
            )
            name = next_name(folder, f"{slug(request.prompt)[:40]}-{request.seed}", ".png")
            images.append(picture.image)
            paths.append(str(write(folder / name, data)))
            progress("drawing", number + 1, len(requests))
    page = None
    if sheet:
        rows = [images[start : start + len(seeds)] for start in range(0, len(images), len(seeds))]
        paper = previews.sheet(rows, prompts, [str(seed) for seed in seeds])
        page = str(write(folder / next_name(folder, "sheet", ".png"), png(paper)))
    return Generated(folder=str(folder), pictures=tuple(paths), sheet=page)


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
    *,
    base: Path | None = None,
    further: Path | None = None,
    quick: bool = False,
    progress: Progress = silent,
) -> Inspected:
    """The style of the current run, against drawings it never saw; `further` is a folder of more by the same artist.

    A quick inspection looks at eight drawings and one seed: enough to see that everything works, not to conclude.
    """
    from handstyle.diffusion.hardware import use_all_cores
    from handstyle.encoding.cache import Cache
    from handstyle.generation import wardrobe
    from handstyle.inspection import inspecting, page, subject
    from handstyle.records import write

    use_all_cores()
    run = workspace.needs("run", "finetune")
    worn = wardrobe.worn(workspace, [run])[0]
    family = load_base(base)
    require_base(worn.style.base, family)
    collection, folder = collection_named(workspace, worn.style.collection)
    require_standing(workspace, collection, None, "pictures in an inspection")
    place = workspace.new_inspection(run)
    cache = Cache(workspace.cache)
    inspected = subject.Subject(collection, folder, family, worn, workspace.run(run), cache)
    if quick:
        inspected = replace(inspected, seeds=(1,), most_drawings=8)
    with unfinished(place, busy=f"another handstyle process makes {place}") as beside:
        report = inspecting.inspect(inspected, further, beside / "pictures", progress)
        report.save(beside / "report.json")
        write(beside / "report.html", page.page(report, beside / "pictures", public=False).encode())
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


class Published(Record):
    """What `publish` leaves behind."""

    release: str
    signer: str
    licence: str
    weights: tuple[str, ...]
    reasons: tuple[str, ...]


def publish(
    workspace: Workspace,
    name: str,
    *,
    base: Path | None = None,
    key: Path | None = None,
    model_licence: str | None = None,
    distribution: Distribution = "public",
    to: Path | None = None,
    progress: Progress = silent,
) -> Published:
    """Gates first, then weights in other tools' formats, card, records and a signature over everything."""
    from handstyle import keys
    from handstyle.collection import permission
    from handstyle.diffusion.catalogue import EMBEDDED
    from handstyle.finetuning.trained_style import WEIGHTS
    from handstyle.publication import card, clearance, exports, logged, package, release_records
    from handstyle.publication.disclosure import published_collection

    run = workspace.needs("run", "finetune")
    style = open_style(workspace, run)
    collection, folder = collection_named(workspace, style.collection)
    require_standing(workspace, collection, None, "a release")
    report, pictures = _current_report(workspace)
    log = logged.keepers_log(House.here())
    cleared = clearance.clearance(
        collection, style, report, name, on=date.today(), model_licence=model_licence, distribution=distribution
    )
    if report is None:
        raise GateClosed("there is no inspection report", hint="Run `handstyle inspect` first.")
    secret = keys.read_key(key) if key else keys.own_key()
    target = to or workspace.release(cleared.name)
    with package.unfinished_release(target) as release:
        progress("writing and reloading the weights", 0, 2)
        own = workspace.run(run) / "style" / WEIGHTS
        weights = exports.write(release / release_records.WEIGHTS, style, own, base or EMBEDDED, cleared)
        progress("writing and reloading the weights", 1, 2)
        signer = keys.fingerprint(secret.public_key())
        package.assemble(
            release,
            collection=collection,
            style=style,
            cleared=cleared,
            weights=weights,
            card_text=card.text(style, collection, report, cleared, weights, signer),
            report_files=_public_report(report, pictures),
            consents=permission.kept(collection, workspace.collection(style.collection)),
            evidence_folders=[folder, folder.parent],
            key=secret,
            prove=None if log is None else partial(logged.release, log, style, [published_collection(collection)]),
        )
        progress("writing and reloading the weights", 2, 2)
    return Published(
        release=str(target),
        signer=signer,
        licence=cleared.licence.name,
        weights=tuple(item.path for item in weights),
        reasons=cleared.reasons,
    )


def _public_report(report: InspectionReport, pictures: Path) -> dict[str, bytes]:
    from handstyle.inspection import page
    from handstyle.inspection.redaction import redacted

    return {
        "report.json": redacted(report).model_dump_json(indent=2).encode() + b"\n",
        "report.html": page.page(report, pictures, public=True).encode(),
    }


def open_style(workspace: Workspace, run: str) -> TrainedStyle:
    from handstyle.finetuning.trained_style import TrainedStyle

    return TrainedStyle.open(workspace.run(run) / "style")


def _current_report(workspace: Workspace) -> tuple[InspectionReport | None, Path]:
    from handstyle.inspection.report import InspectionReport

    name = workspace.current().inspection
    if name is None:
        return None, workspace.root
    place = workspace.inspection(name)
    return InspectionReport.load(place / "report.json"), place / "pictures"


def verify(
    folder: Path,
    trust: Path | None = None,
    *,
    logs: Sequence[Path] = (),
    witnesses: Path | None = None,
    max_age: timedelta | None = None,
) -> Verification:
    """Everything a release claims, checked offline and without torch; `logs` are copies of the log it is in. What was
    seen of a log is remembered, so that it cannot claim less the next time."""
    from handstyle.publication import log_hearing

    return log_hearing.heard(folder, House.here(), trust, logs, witnesses, max_age)


def load_base(base: Path | None, *, plain: bool = False) -> ModelFamily:
    from handstyle.diffusion import catalogue
    from handstyle.diffusion.hardware import hardware

    return catalogue.load(base, hardware().device, plain=plain)


def default_recipe(collection: Collection, family: ModelFamily) -> Recipe:
    from handstyle.diffusion.hardware import hardware
    from handstyle.finetuning import defaults

    return defaults.default_recipe(len(collection.training), family, hardware())


def current_collection(workspace: Workspace) -> tuple[Collection, Path]:
    return collection_named(workspace, workspace.needs("collection", "collect"))


def collection_named(workspace: Workspace, digest: str) -> tuple[Collection, Path]:
    """The collection and where its originals are. Raises StageMissing, RecordDamaged or ConsentBroken."""
    from handstyle.collection import permission

    place = workspace.collection(digest)
    if not (place / "collection.json").is_file():
        raise StageMissing(f"{place} holds no collection", hint="Run `handstyle collect` again.")
    folder = OriginalFolder.load(place / "folder.json").folder
    collection = Collection.load(place / "collection.json")
    if collection.digest != digest:
        raise RecordDamaged(
            f"{place / 'collection.json'} is not the collection it is filed as: somebody has edited it",
            hint="Run `handstyle collect` again: what may be said of the works is said beside them, not here.",
        )
    permission.kept(collection, place)
    return collection, Path(folder)


def require_base(trained_on: BaseIdentity, family: ModelFamily) -> None:
    """Raises UsageMistake when `family` is not the base that was trained on, to the bit."""
    if trained_on.sha256 != family.digest:
        raise UsageMistake(
            f"the style was trained on {trained_on.name} ({trained_on.sha256[:12]}), and the base given is "
            f"{family.card.name} ({family.digest[:12]})",
            hint="Give the base it was trained on with --base.",
        )


def require_permission(workspace: Workspace, collection: Collection, use: Use) -> None:
    """Raises Withdrawn or RightsMissing when a work's permission does not cover `use` today."""
    from handstyle.collection import permission
    from handstyle.collection.licences import USES

    require_standing(workspace, collection, None, USES[use])
    permission.require(collection, Act(use, date.today()), USES[use])


def require_training(collection: Collection, family: ModelFamily, recipe: Recipe) -> None:
    """Raises RightsMissing when a permission does not cover training in this way on this base today."""
    from handstyle.collection import permission

    act = Act("train", date.today(), recipe.method, family.kind, family.digest)
    permission.require(collection, act, f"training by {recipe.method} on {family.card.name or family.kind}")


def require_standing(
    workspace: Workspace, collection: Collection, consents: Mapping[str, Consent] | None, doing: str
) -> None:
    """Raises Withdrawn where a permission was taken back. `consents` are those it stands on; None means the kept."""
    from handstyle.collection import permission
    from handstyle.publication import logged, taken_back

    if consents is None:
        consents = permission.kept(collection, workspace.collection(collection.digest))
    house = House.here()
    known = taken_back.known(workspace, house, logged.keepers_log(house))
    taken_back.require(known, collection, consents, doing)


def require_generating(workspace: Workspace, style: TrainedStyle) -> None:
    """Raises RightsMissing when the permission under which a style was trained does not hold today."""
    from handstyle.collection import permission

    try:
        collection, _ = collection_named(workspace, style.collection)
    except StageMissing as missing:
        raise RightsMissing(
            f"whether the style `{style.name}` may still be used cannot be seen: its collection is not here",
            hint="Name the workspace in which it was trained with --workspace.",
        ) from missing
    require_standing(workspace, collection, None, f"pictures by the style {style.name}")
    act = Act("train", date.today(), style.recipe.method, style.base.family, style.base.sha256)
    permission.require(collection, act, f"pictures by the style {style.name}")
