"""What are the six verbs, end to end? Read this first.

Each stage reads records, does its work and leaves a record behind. Terminal and pages call only these. Whatever needs
torch is imported inside the stage that needs it, so collecting, publishing's gates and verifying do without.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handstyle import digests
from handstyle.collection.involvement import involvement
from handstyle.collection.scope import Act
from handstyle.collection.works import Collection
from handstyle.diffusion.base_provenance import BaseProvenance
from handstyle.errors import RecordDamaged, RightsMissing, StageMissing, UsageMistake
from handstyle.records import LONGEST_WRITE, PART, Record, remove_abandoned
from handstyle.workspace import House, OriginalFolder, Workspace, next_name, slug, unfinished

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from handstyle.collection.consent import Consent
    from handstyle.collection.licences import Use
    from handstyle.collection.rights_plan import RightsPlan
    from handstyle.collection.scope import Distribution
    from handstyle.collection.withholding import Withholding
    from handstyle.diffusion.family import ModelFamily
    from handstyle.encoding.class_images import OwnClassImages
    from handstyle.finetuning.defaults import Expectation
    from handstyle.finetuning.recipe import Recipe
    from handstyle.finetuning.trained_style import BaseIdentity, TrainedStyle
    from handstyle.finetuning.validation import Drawings
    from handstyle.generation.generate import Worn
    from handstyle.inspection.material import HeldOut
    from handstyle.inspection.report import InspectionReport
    from handstyle.publication.copyright_policy import Contact
    from handstyle.publication.detection import Detected
    from handstyle.publication.disclosure import PublishedCollection
    from handstyle.publication.log_proof import LogProof
    from handstyle.publication.marking import Marking
    from handstyle.publication.new_words import Asked
    from handstyle.publication.provenance import Statement
    from handstyle.publication.renaming import Renamed
    from handstyle.publication.shares import Division, Fee
    from handstyle.publication.shares import Statement as SharesStatement
    from handstyle.publication.verification import Verification

Progress = Callable[[str, int, int], None]  # what, done, of


def silent(what: str, done: int, of: int) -> None:
    """Nobody is watching."""


ALIKE = "near-duplicates.json"
MOST_NOTES = 10  # on near-duplicates


class Alike(Record):
    """What `collect` says beside a collection: each work that looks nearly like an earlier one, and that one."""

    works: dict[str, str]


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
    progress: Progress = silent,
) -> Collected:
    """A folder of pictures, words and permission becomes a collection; the originals stay where and as they are."""
    from handstyle.collection import intake, permission
    from handstyle.publication import logged
    from handstyle.publication.disclosure import published_collection

    gathered = intake.gather(
        folder,
        rights=rights,
        background=background,
        validation=validation,
        without=without,
        kept_in=workspace.reading(folder),
        progress=progress,
    )
    progress("writing the collection", 0, 1)
    found, digest, alike = gathered.collection, gathered.collection.digest, gathered.near_duplicates
    consents = [grant.consent for grant in rights.consents]
    require_standing(workspace, found, consents, "training")
    near, house = workspace.collection(digest) / ALIKE, House.here()
    if alike:
        Alike(works=alike).save(near)
    path = _kept(workspace, found, folder, consents)
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
        notes=(*found.notes, *permission.overridden(found), *_notes_on(alike, near)),
        near_duplicates=len(alike),
        permission=permission.standing(found),
        record=str(path),
    )


def _kept(workspace: Workspace, found: Collection, folder: Path, consents: Iterable[Consent]) -> Path:
    """The record of a collection, with where its originals are and the consents it stands on."""
    from handstyle.collection import permission

    place = workspace.collection(found.digest)
    remove_abandoned(place, older_than=LONGEST_WRITE)
    OriginalFolder(folder=str(folder.resolve())).save(place / "folder.json")
    permission.keep(consents, found, place)
    return found.save(place / "collection.json")


def _notes_on(alike: Mapping[str, str], path: Path) -> Iterator[str]:
    for name, earlier in islice(alike.items(), MOST_NOTES):
        yield f"{name} looks nearly like {earlier}"
    if len(alike) > MOST_NOTES:
        yield f"{len(alike) - MOST_NOTES} more look nearly like an earlier one; {path} names them all"


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
    from handstyle.encoding import crops, encode
    from handstyle.encoding.cache import Cache

    resolution = recipe.resolution or family.resolution
    crops.check_resolution(resolution, family.pixel_multiple)
    cache, works = Cache(workspace.cache), collection.works
    cache.tidy()
    wanted = [encode.crops_of(work, resolution, random_flip=recipe.random_flip) for work in works]
    texts = ["", *sorted({recipe.words(work.caption) for work in works})]
    found = 0
    with permission.naming_the_holder(collection):
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
    class_images: OwnClassImages | None = None
    extends: str = ""
    base: BaseProvenance | None = None  # what the base was made from
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
    known = require_known_base(workspace, family)
    if recipe_file is None and preset is None:
        recipe = default_recipe(collection, family).changed(**(settings or {}))
    require_training(collection, family, recipe)
    own = _own_class_images(class_images, recipe, family) if class_images else None
    return Plan(workspace, collection, folder, family, recipe, own, base=known)


def _own_class_images(folder: Path, recipe: Recipe, family: ModelFamily) -> OwnClassImages:
    """Raises RightsMissing where nobody permitted to train on one of them."""
    from handstyle.collection import rights_plan
    from handstyle.collection.beside import collect_beside
    from handstyle.encoding.class_images import OwnClassImages

    if not recipe.with_prior_preservation:
        raise UsageMistake(
            "without prior preservation there are no class images to train on",
            hint="Ask for it with --set with_prior_preservation=true, or leave --class-images out.",
        )
    rights = rights_plan.in_folder(folder)
    found = collect_beside(folder, rights, instead="; or leave --class-images out, and the base draws them")
    require_training(found, family, recipe)
    return OwnClassImages(found, folder, tuple(grant.consent for grant in rights.consents))


def _extension(workspace: Workspace, base: Path | None, class_images: Path | None, extend: str, *, plain: bool) -> Plan:
    """The current run, on its own works and base, for so much longer."""
    from handstyle.finetuning.manifest import RunManifest
    from handstyle.finetuning.recipe import Duration

    run = workspace.needs("run", "finetune")
    before = RunManifest.load(workspace.run(run) / "run.json")
    collection, folder = collection_named(workspace, before.collection)
    require_permission(workspace, collection, "train")
    family = load_base(base, plain=plain)
    known = require_known_base(workspace, family)
    require_base(before.base, family)
    try:
        more = Duration.parse(extend).in_steps(before.works, before.recipe.train_batch_size)
    except ValueError as error:
        raise UsageMistake(
            f"`{extend}` is no duration: {error}", hint='Write for example --extend "120 steps".'
        ) from None
    recipe = before.recipe.changed(max_train=f"{before.steps + more} steps")
    require_training(collection, family, recipe)
    own = class_images_again(workspace, before.class_images, class_images, recipe, family)
    return Plan(workspace, collection, folder, family, recipe, own, run, known)


def class_images_again(
    workspace: Workspace, before: str, folder: Path | None, recipe: Recipe, family: ModelFamily
) -> OwnClassImages | None:
    """Those a run was trained with: an extension goes on with them, so that the style still names all it stands on."""
    from handstyle.encoding.class_images import OwnClassImages

    own = _own_class_images(folder, recipe, family) if folder else None
    if not before:
        return own
    if own is not None and own.collection.digest != before:
        raise UsageMistake("the run was trained with other class images", hint="Leave --class-images out.")
    found, place = collection_named(workspace, before)
    require_training(found, family, recipe)
    return OwnClassImages(found, place)


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

    use_all_cores()
    workspace, recipe, family = plan.workspace, plan.recipe, plan.family
    own = plan.class_images
    _require_still(plan)  # before anything is encoded; a plan may have waited
    real = _further(workspace, plan.collection, further, _training(family, recipe)) if further else None
    encoded = encode_for(workspace, plan.collection, plan.folder, family, recipe, progress)
    for name, words in encoded.cut_off.items():
        announce(f"the text of {name} is longer than the base reads; it does not see the end: {words}")
    material = running.material(plan.collection, family, recipe, Cache(workspace.cache), own, progress)
    manifest = running.manifest(plan.collection, family, recipe, material, plan.extends, plan.replaces)
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
            if own is not None:
                _kept(workspace, own.collection, own.folder, own.consents)
            parent = workspace.run(plan.extends) if plan.extends else None
            state = running.starting_state(folder, manifest, parent, resume=resume, tell=announce)
            manifest = going_on(manifest, folder, parent, state, announce)
            previews = samples_of(plan.collection, recipe, family, folder / "samples", _own_mark())
            running.Running(
                folder=folder,
                manifest=manifest,
                family=family,
                learning=learning,
                material=material,
                paint=lambda step: previews.paint(step, family),
                drawings=_drawings_to_check_with(plan, real),
                involvement=involvement(plan.collection, plan.class_images.collection if plan.class_images else None),
            ).go(state, save_every=save_every, sample_every=sample_every, report=progress)
    _log_run(workspace, run, plan)
    workspace.point_to(run=run)
    return _finetuned(workspace, run)


def _own_mark() -> Marking:
    """For pictures that stay at home or inside a page. Raises WriteFailed where this person has no key."""
    from handstyle import keys
    from handstyle.publication.marking import Marking

    return Marking(keys.own_key())


def _require_still(plan: Plan) -> None:
    """Raises Withdrawn or RightsMissing where a permission does not stand any more."""
    require_permission(plan.workspace, plan.collection, "train")
    if own := plan.class_images:
        require_standing(plan.workspace, own.collection, own.consents or None, "class images")


def _log_run(workspace: Workspace, run: str, plan: Plan) -> None:
    from handstyle.publication import logged
    from handstyle.publication.disclosure import published_collection

    everything = [plan.collection, *([plan.class_images.collection] if plan.class_images else ())]
    logged.run(logged.keepers_log(House.here()), open_style(workspace, run), *map(published_collection, everything))


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


def _drawings_to_check_with(plan: Plan, further: HeldOut | None) -> Drawings | None:
    """Further drawings if there are any, else the works left out of training."""
    from handstyle.encoding.cache import Cache
    from handstyle.inspection import material

    resolution = plan.recipe.resolution or plan.family.resolution
    found = material.held_out(plan.collection, plan.folder, further)
    return material.encoded(found, plan.family, resolution, Cache(plan.workspace.cache)) if found else None


def _further(workspace: Workspace, collection: Collection, folder: Path, act: Act) -> HeldOut:
    """Further drawings, for which the same is asked as for the works. Raises RightsMissing."""
    from handstyle.collection import permission
    from handstyle.inspection import material

    consents = permission.kept(collection, workspace.collection(collection.digest))
    found = material.further_drawings(collection, folder, tuple(consents.values()))
    require_standing(workspace, found.collection, consents.values(), "comparing a style with them")
    permission.require(found.collection, act, "comparing a style with them")
    return found


class Generated(Record):
    """What `generate` leaves behind."""

    folder: str
    pictures: tuple[str, ...]
    sheet: str | None
    base: BaseProvenance | None = None  # what the base was made from
    notes: tuple[str, ...] = ()  # what the pictures lack that they could have


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
    key: Path | None = None,
    plain: bool = False,
    progress: Progress = silent,
) -> Generated:
    """Prompts x seeds, each picture signed with what it was made from. Without `styles`, the newest style is worn."""
    from handstyle import keys
    from handstyle.diffusion.hardware import use_all_cores
    from handstyle.generation import ledger, previews, wardrobe
    from handstyle.generation.generate import attached
    from handstyle.generation.generate import generate as draw
    from handstyle.publication import credentials
    from handstyle.records import write

    use_all_cores()
    secret = keys.read_key(key) if key else keys.own_key()
    family = load_base(base, plain=plain)
    known = require_known_base(workspace, family)
    worn = wardrobe.worn(workspace, styles or [workspace.needs("run", "finetune")])
    said = {item.style.tensors: require_generating(workspace, item.style, family) for item in worn}
    requests = wardrobe.requests(prompts, seeds, family, worn, settings or {})
    folder = to or workspace.new_pictures(prompts[0])
    remove_abandoned(folder, f".*.png.*{PART}", older_than=LONGEST_WRITE)
    made = replace(
        wardrobe.made_from(worn, family),
        base_made_from=known.made_from,
        base_provenance=known.words,
        involvement=" ".join(dict.fromkeys(said.values())),
    )
    mark = _marking(workspace, worn, secret, keep=key is None)
    images, paths = [], []
    with attached(worn, family):
        for number, picture in enumerate(draw(requests, family)):
            request = picture.request
            data = mark(picture.image, made.drawn_for(request))
            if worn:  # counted before it is written: there is no picture by a style that is not counted
                ledger.add(workspace.ledger, "made", [item.style.tensors for item in worn], 1, digests.of_bytes(data))
            name = next_name(folder, f"{slug(request.prompt)[:40]}-{request.seed}", ".png")
            images.append(picture.image)
            paths.append(str(write(folder / name, data)))
            progress("drawing", number + 1, len(requests))
    page = None
    if sheet:
        rows = [images[start : start + len(seeds)] for start in range(0, len(images), len(seeds))]
        paper = previews.sheet(rows, prompts, [str(seed) for seed in seeds])
        page = str(write(folder / next_name(folder, "sheet", ".png"), mark(paper, made.as_sheet)))
    notes = () if credentials.is_installed() else (credentials.NOT_INSTALLED,)
    return Generated(folder=str(folder), pictures=tuple(paths), sheet=page, base=known, notes=notes)


def _marking(workspace: Workspace, worn: Sequence[Worn], secret: Ed25519PrivateKey, *, keep: bool) -> Marking:
    """With the credentials of the styles, where the extra is installed. `keep` the certificate of one's own key."""
    from handstyle.finetuning.trained_style import WEIGHTS
    from handstyle.publication import certificates, credentials
    from handstyle.publication.marking import Marking

    if not credentials.is_installed():
        return Marking(secret)
    signing = certificates.credentials_of(secret)
    if keep:
        certificates.keep_own(signing)
    models = []
    for item in worn:
        assert item.folder is not None, "what is worn here was found in a folder"
        named = filter(None, (item.style.collection, item.style.class_images))
        collections = [collection_named(workspace, digest)[0] for digest in named]
        models.append(credentials.kept(workspace.credentials, item.folder / WEIGHTS, item.style, collections, signing))
    return Marking(secret, models)


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
    mark = _own_mark()
    run = workspace.needs("run", "finetune")
    worn = wardrobe.worn(workspace, [run])[0]
    family = load_base(base)
    require_known_base(workspace, family)
    require_base(worn.style.base, family)
    require_generating(workspace, worn.style, family)
    collection, folder = collection_named(workspace, worn.style.collection)
    real = _further(workspace, collection, further, _training(family, worn.style.recipe)) if further else None
    place = workspace.new_inspection(run)
    cache = Cache(workspace.cache)
    inspected = subject.Subject(collection, folder, family, worn, workspace.run(run), cache, mark)
    if quick:
        inspected = replace(inspected, seeds=(1,), most_drawings=8)
    with unfinished(place, busy=f"another handstyle process makes {place}") as beside:
        report = inspecting.inspect(inspected, real, beside / "pictures", progress)
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
    progress: Progress = silent,
) -> Published:
    """Gates first, then weights in other tools' formats, card, records and a signature over everything."""
    from handstyle import keys
    from handstyle.diffusion.catalogue import EMBEDDED
    from handstyle.finetuning.trained_style import WEIGHTS
    from handstyle.publication import card, clearance, exports, package, records_for_others, release_records

    run = workspace.needs("run", "finetune")
    style = open_style(workspace, run)
    (collection, folder), (class_images, beside) = _made_from(workspace, style)
    report, pictures = _current_report(workspace)
    known, base_statement = _base_to_publish(workspace, base or EMBEDDED, style)
    cleared = clearance.clearance(
        collection, style, report, name, on=date.today(), model_licence=model_licence, distribution=distribution,
        class_images=class_images, folder=to.name if to else "", base=known,
    )  # fmt: skip
    assert report is not None, "without one there is no clearance"
    secret, target = keys.read_key(key) if key else keys.own_key(), to or workspace.release(cleared.name)
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
            card_text=card.text(style, collection, report, cleared, weights, signer, class_images),
            report_files=_public_report(report, pictures),
            consents=_consents(workspace, collection, class_images),
            evidence_folders=[folder, folder.parent, beside],
            key=secret,
            class_images=class_images,
            base_statement=base_statement,
            contact=contact,
            prove=_proof_of_log(style, collection, class_images),
        )
        _count_release(workspace, style, report, release)
        progress("writing and reloading the weights", 2, 2)
    return Published(
        release=str(target),
        signer=signer,
        licence=cleared.licence.name,
        weights=tuple(item.path for item in weights),
        reasons=(*cleared.reasons, *([] if (target / records_for_others.POLICY).exists() else [NO_POLICY])),
    )


def _made_from(
    workspace: Workspace, style: TrainedStyle
) -> tuple[tuple[Collection, Path], tuple[Collection | None, Path]]:
    """Works and class images, each with its folder. Raises Withdrawn where a permission was taken back."""
    collection, folder = collection_named(workspace, style.collection)
    class_images, beside = collection_named(workspace, style.class_images) if style.class_images else (None, folder)
    for found in filter(None, (collection, class_images)):
        require_standing(workspace, found, None, "a release")
    return (collection, folder), (class_images, beside)


def _proof_of_log(style: TrainedStyle, *collections: Collection | None) -> Callable[[Statement], LogProof] | None:
    """By which a release is logged before it is signed; None without a log."""
    from handstyle.publication import logged
    from handstyle.publication.disclosure import published_collection

    log = logged.keepers_log(House.here())
    published = [published_collection(found) for found in collections if found]
    return None if log is None else partial(logged.release, log, style, published)


def _consents(workspace: Workspace, *collections: Collection | None) -> dict[str, Consent]:
    from handstyle.collection import permission

    return {
        digest: given
        for found in collections
        if found
        for digest, given in permission.kept(found, workspace.collection(found.digest)).items()
    }


def _base_to_publish(workspace: Workspace, folder: Path, style: TrainedStyle) -> tuple[BaseProvenance, bytes | None]:
    """What is known of the base, and the statement that goes along so that others can judge it, too."""
    from handstyle import policy
    from handstyle.diffusion import base_provenance
    from handstyle.diffusion.stable_diffusion_1 import read_card

    asked, envelope = policy.of(workspace), base_provenance.envelope_in(folder)
    claim = read_card(folder).works
    found = base_provenance.provenance_of(style.base.sha256, envelope, claim, asked.trusted)
    base_provenance.require_known(found, asked.unknown_base)
    return found, envelope if found.signer else None


def _count_release(workspace: Workspace, style: TrainedStyle, report: InspectionReport, release: Path) -> None:
    """In the ledger, with the pictures by the style that anybody can see in the release."""
    from handstyle.generation import ledger
    from handstyle.inspection.redaction import redacted
    from handstyle.publication.provenance import ENVELOPE

    report = redacted(report)
    shown = [*(side.style for side in report.comparisons), *(output.picture for output in report.copying.outputs)]
    pictures = len({picture.file for picture in shown} - {""})
    ledger.add(workspace.ledger, "released", [style.tensors], pictures, digests.of_file(release / ENVELOPE))


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


def shares(
    workspace: Workspace,
    fee: Fee,
    division: Division = "equal",
    *,
    run: str | None = None,
    since: date | None = None,
    until: date | None = None,
) -> SharesStatement:
    """Who contributed to a style, and what is each one's part of what was agreed; by what the ledger counted."""
    from handstyle.generation import ledger
    from handstyle.publication import shares

    style = open_style(workspace, run or workspace.needs("run", "finetune"))
    collection, _ = collection_named(workspace, style.collection)
    count = ledger.count(workspace.ledger, style.tensors, since=since, until=until)
    return shares.statement(collection, style, count, fee, division, since=since, until=until, on=date.today())


def rename(
    workspace: Workspace,
    what: str,
    title: str,
    *,
    identifier: str | None = None,
    key: Path | None = None,
    to: Path | None = None,
    remove_old: bool = False,
) -> Renamed:
    """A release, or the style of a run, under another name. The old one stays where it is unless `remove_old`."""
    from handstyle import keys
    from handstyle.publication import naming, package, renaming
    from handstyle.publication.new_words import Asked

    asked = Asked(title, identifier, date.today(), to.name if to else "")
    source = renaming.release_at(Path(what), workspace.release(what))
    if source is None:
        source, renamed = _rename_run(workspace, what, asked)
    else:
        _require_release(workspace, source)
        secret, target = keys.read_key(key) if key else keys.own_key(), to or source.parent / naming.slug(title)
        if target.resolve().is_relative_to(source.resolve()):
            raise UsageMistake(f"{target} lies inside the old release", hint="Name a folder beside it with --to.")
        with package.unfinished_release(target) as folder:
            renamed = renaming.release(source, folder, asked, secret, _renaming_logged()).model_copy(
                update={"folder": str(target)}
            )
    if remove_old:
        shutil.rmtree(source)
    return renamed


def _require_release(workspace: Workspace, release: Path) -> None:
    """Raises Withdrawn where it stands on a permission that was taken back: it is not signed again."""
    from handstyle.collection import consent, permission
    from handstyle.publication import renamed_files

    old = renamed_files.Release.at(release)
    consents = [consent.read(path) for path in (release / permission.CONSENTS).glob(f"*{consent.ENDING}")]
    for collection in old.collections.values():
        require_standing(workspace, collection, consents, "a release under another name")


def _renaming_logged() -> Callable[..., LogProof] | None:
    from handstyle.publication import logged

    log = logged.keepers_log(House.here())
    return None if log is None else partial(logged.renamed_release, log)


def _rename_run(workspace: Workspace, what: str, asked: Asked) -> tuple[Path, Renamed]:
    """The run that has it now, and what was made of it. The next verb means the new one."""
    from handstyle.finetuning.trained_style import TrainedStyle
    from handstyle.publication import logged, naming, renaming

    source = renaming.style_at(workspace.run(what), Path(what))
    style = TrainedStyle.open(source / "style")
    collection, _ = collection_named(workspace, style.collection)
    beside = collection_named(workspace, style.class_images)[0] if style.class_images else None
    for found in filter(None, (collection, beside)):
        require_standing(workspace, found, None, "a style under another name")
    report, pictures = _current_report(workspace)
    speaks = report is not None and report.style == style.tensors
    target = workspace.run(naming.slug(asked.title))
    if target.exists():
        raise UsageMistake(f"{target} is there already", hint="Choose another name.")
    inspection = workspace.new_inspection(target.name)
    with unfinished(target, busy=f"another handstyle process makes {target}") as folder:
        renamed = renaming.run(source / "style", pictures.parent if speaks else None, collection, beside, asked, folder)
        if speaks:
            inspection.parent.mkdir(parents=True, exist_ok=True)
            (folder / renaming.INSPECTION).rename(inspection)
    logged.renaming(logged.keepers_log(House.here()), style.name, renamed.name, style.tensors)
    workspace.point_to(run=target.name, **({"inspection": inspection.name} if speaks else {}))
    return source, renamed.model_copy(update={"folder": str(target)})


def verify(
    folder: Path,
    trust: Path | None = None,
    *,
    logs: Sequence[Path] = (),
    witnesses: Path | None = None,
    max_age: timedelta | None = None,
    refuse_unknown_base: bool = False,
) -> Verification:
    """Everything a release claims, checked offline and without torch; `logs` are copies of the log it is in. What was
    seen of a log is remembered, so that it cannot claim less the next time."""
    from handstyle.publication import log_hearing, verification

    answer = log_hearing.heard(folder, House.here(), trust, logs, witnesses, max_age)
    return verification.strictly(answer) if refuse_unknown_base else answer


def require_known_base(workspace: Workspace, family: ModelFamily) -> BaseProvenance:
    """What the base was made from. Raises GateClosed where that is unknown and the workspace's policy refuses it."""
    from handstyle import policy
    from handstyle.diffusion import base_provenance

    found = made_from(workspace, family)
    base_provenance.require_known(found, policy.of(workspace).unknown_base)
    return found


def made_from(workspace: Workspace, family: ModelFamily) -> BaseProvenance:
    """What a base was made from, by its digest or by somebody's word that this workspace trusts."""
    from handstyle import policy
    from handstyle.diffusion import base_provenance

    envelope, trusted = base_provenance.envelope_in(family.folder), policy.of(workspace).trusted
    return base_provenance.provenance_of(family.digest, envelope, family.card.works, trusted)


def vouch(folder: Path, said: str, because: str, key: Path | None = None) -> Path:
    """A statement on a base, signed, beside it: `said` is what it was made from. Raises UsageMistake where one is."""
    from handstyle import keys
    from handstyle.diffusion import base_provenance
    from handstyle.records import write

    family = load_base(folder)
    place = folder / base_provenance.FILE
    if place.exists():
        raise UsageMistake(f"{place} is there already", hint="Move it away first: nothing is overwritten.")
    statement = base_provenance.BaseStatement.read(
        {"base": family.digest, "made_from": said, "because": because}, where="what was typed", error=UsageMistake
    )
    return write(place, base_provenance.sign(statement, keys.read_key(key) if key else keys.own_key()))


def detect(picture: Path, trust: Path | None = None, trust_certificate: Path | None = None) -> Detected:
    """What a picture says of where it came from, offline and without torch."""
    from handstyle import keys
    from handstyle.publication import certificates, detection

    return detection.detect(
        picture,
        keys.trusted_fingerprints(trust) if trust else None,
        certificates.certificates_in(trust_certificate) if trust_certificate else (),
    )


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


def _training(family: ModelFamily, recipe: Recipe) -> Act:
    return Act("train", date.today(), recipe.method, family.kind, family.digest)


def require_training(collection: Collection, family: ModelFamily, recipe: Recipe) -> None:
    """Raises RightsMissing when a permission does not cover training in this way on this base today, and GateClosed
    when the words of the training name somebody who has not agreed to that."""
    from handstyle.collection import permission
    from handstyle.publication import naming

    act = _training(family, recipe)
    permission.require(collection, act, f"training by {recipe.method} on {family.card.name or family.kind}")
    naming.checked(naming.words_trained_with(recipe, collection), collection)


def require_standing(
    workspace: Workspace, collection: Collection | PublishedCollection, consents: Iterable[Consent] | None, doing: str
) -> None:
    """Raises Withdrawn where a permission was taken back. `consents` are those it stands on; None means the kept."""
    from handstyle.collection import permission
    from handstyle.publication import logged, taken_back

    if consents is None:
        assert isinstance(collection, Collection), "a published one lies in no workspace"
        consents = permission.kept(collection, workspace.collection(collection.digest)).values()
    house = House.here()
    known = taken_back.known(workspace, house, logged.keepers_log(house))
    taken_back.require(known, collection, {given.digest: given for given in consents}, doing)


def require_generating(workspace: Workspace, style: TrainedStyle, family: ModelFamily) -> str:
    """Whose works it was trained on and who was asked, in words. Raises Withdrawn or RightsMissing when the permission
    under which a style was trained does not hold today, or not on the base that draws: a low-rank update can be worn by
    another one than it was trained on."""
    from handstyle.collection import permission

    found: list[Collection] = []
    for digest in filter(None, (style.collection, style.class_images)):
        try:
            collection, _ = collection_named(workspace, digest)
        except StageMissing as missing:
            raise RightsMissing(
                f"whether the style `{style.name}` may still be used cannot be seen: its collection is not here",
                hint="Name the workspace in which it was trained with --workspace.",
            ) from missing
        require_standing(workspace, collection, None, f"pictures by the style {style.name}")
        for kind, base in {(style.base.family, style.base.sha256): None, (family.kind, family.digest): None}:
            act = Act("train", date.today(), style.recipe.method, kind, base)
            permission.require(collection, act, f"pictures by the style {style.name} on this base")
        found.append(collection)
    return involvement(found[0], found[1] if style.class_images else None)
