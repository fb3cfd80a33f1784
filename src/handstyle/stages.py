"""What are the six verbs, end to end? Read this first.

Each stage reads records, does its work and leaves a record behind, all of which stand in `results`. Terminal and pages
call only these, and what stands beside them for the other commands. Whatever needs torch is imported inside the stage
that needs it, after what can be told without: to import it takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handstyle import (
    auditing,
    caching,
    collecting,
    editing,
    lengths,
    oracles,
    picture_folder,
    planning,
    releasing,
    runs,
)
from handstyle.collection.listing import require_folder
from handstyle.finetuning.crop_plan import crop_plan
from handstyle.gates import further_drawings, require_generating, require_permission, require_standing, require_training
from handstyle.inspectees import inspectee
from handstyle.loading import current_collection, default_recipe, load_base
from handstyle.picture_marks import marking, own_mark
from handstyle.planning import Plan, require_plan
from handstyle.progress import Progress, silent
from handstyle.records import LONGEST_WRITE, PART, remove_abandoned
from handstyle.results import Collected, Encoded, Finetuned, Generated, Inspected, Published
from handstyle.vouching import require_known_base
from handstyle.workspace import Workspace, unfinished

if TYPE_CHECKING:
    from handstyle.collection.rights_plan import RightsPlan
    from handstyle.collection.scope import Distribution
    from handstyle.collection.withholding import Withholding
    from handstyle.finetuning.measured import Stop
    from handstyle.finetuning.recipe import Recipe
    from handstyle.finetuning.trackers import ReportTo
    from handstyle.publication.copyright_policy import Contact
    from handstyle.publication.hub import Push


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
    from handstyle.collection import intake

    gathered = intake.gather(
        folder, rights=rights, background=background, validation=validation, without=without, as_plain=as_plain,
        table=captions, kept_in=workspace.reading(folder), progress=progress,
    )  # fmt: skip
    progress("writing the collection", 0, 1)
    consents = [grant.consent for grant in rights.consents]
    require_standing(workspace, gathered.collection, consents, "training")
    made = collecting.keep(workspace, gathered, consents)
    progress("writing the collection", 1, 1)
    return made


def encode(
    workspace: Workspace, base: Path | None = None, *, recipe: Recipe | None = None, progress: Progress = silent
) -> Encoded:
    """Every work and every text through the base's encoders, once."""
    collection, folder = current_collection(workspace)
    require_permission(workspace, collection, "train")
    from handstyle.diffusion.hardware import use_all_cores

    use_all_cores()  # as finetuning does: with another number of threads the last bits are others
    family = load_base(base)
    require_known_base(workspace, family)
    recipe = recipe or default_recipe(collection, family)
    require_training(collection, family, recipe)
    return caching.encode_for(workspace, collection, folder, family, recipe, progress)


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
    from handstyle.finetuning.trainable import trainable

    use_all_cores()
    workspace, recipe, family = plan.workspace, plan.recipe, plan.family
    require_plan(plan)  # before anything is encoded; a plan may have waited
    real = further_drawings(workspace, plan.collection, further, family, recipe) if further else None
    loaded = peak_memory()  # what is encoded now will be there when the run begins
    encoded = caching.encode_for(workspace, plan.collection, plan.folder, family, recipe, progress)
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
        return runs.would_take(run, length.expected, planned)
    if running.is_finished(folder) and not dry_run:
        workspace.point_to(run=run)
        return runs.finetuned(workspace, run, already_there=True)
    with trainable(family, plan.recipe, plan.origin) as learning:
        expected = defaults.expect(family, learning, material.batch_at(0), plan.recipe, manifest.steps, looks, loaded)
        announce(str(expected))
        if dry_run:
            return runs.would_take(run, expected, planned)
        with workspace.held(folder):
            state, manifest = runs.begin(length, resume, announce)
            loop = planning.running(plan, folder, manifest, learning, material, real, report_to)
            loop.go(state, save_every=save_every, sample_every=sample_every, report=progress)
    runs.log(workspace, run, plan)
    workspace.point_to(run=run)
    return runs.finetuned(workspace, run)


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
    styles = styles or [workspace.needs("run", "finetune")]
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
    worn = wardrobe.worn(workspace, styles, family)
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
            paths.append(picture_folder.keep_picture(workspace, folder, picture, mark, made, worn))
            progress("drawing", len(paths), len(requests))
    page = picture_folder.keep_sheet(folder, drawn, prompts, seeds, mark, made) if sheet else None
    notes = () if credentials.is_installed() else (credentials.NOT_INSTALLED,)
    measured, more = picture_folder.keep_meters(folder, drawn, worn, family) if meter else ((), ())
    return Generated(
        folder=str(folder), pictures=tuple(paths), sheet=page, base=known, notes=(*notes, *more), meters=measured
    )


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
    against the newest collection. `further` is a folder of more by the same artist, `oracle` a style trained on all
    else of it, `vision` folders of models that look, too. An `audit` trains twins on half of the works: does it copy?

    A quick inspection looks at eight drawings and one seed: enough to see that everything works, not to conclude.
    """
    if further is not None:
        require_folder(further)
    style = style or workspace.needs("run", "finetune")
    from handstyle.diffusion.hardware import use_all_cores
    from handstyle.encoding.cache import Cache
    from handstyle.inspection import inspecting, material, page, subject
    from handstyle.records import write

    use_all_cores()
    mark = own_mark()
    family = load_base(base)
    require_known_base(workspace, family)
    asked = inspectee(workspace, style, family, audit=audit)
    worn, collection, folder = asked.worn, asked.collection, asked.folder
    real = further_drawings(workspace, collection, further, family, asked.recipe) if further else None
    place = workspace.new_inspection(asked.run)
    run, cache = workspace.run(asked.run), Cache(workspace.cache)
    inspected = subject.Subject(collection, folder, family, worn, run, cache, mark, vision=tuple(vision))
    if oracle is not None:
        saw_all, real = oracles.oracle(workspace, oracle, family, material.held_out(collection, folder, real))
        inspected = replace(inspected, oracle=saw_all)
    if quick:
        inspected = replace(inspected, seeds=(1,), most_drawings=8)
    with unfinished(place, busy=f"another handstyle process makes {place}") as beside:
        report = asked.told(inspecting.inspect(inspected, real, beside / "pictures", progress))
        if found := auditing.audit(workspace, inspected, beside / "pictures", progress, anew=audit):
            report = report.with_audit(found)
        report.save(beside / "report.json")
        write(beside / "report.html", page.page(report, beside / "pictures", public=False).encode())
    if asked.run == workspace.current().run:  # what publishing goes by
        workspace.point_to(inspection=place.name)
    return Inspected.of(report, place)


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
    workspace.needs("run", "finetune")
    from handstyle import keys
    from handstyle.diffusion import catalogue
    from handstyle.publication import clearance, exports, hub, package, release_records

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
    return releasing.published(target, cleared, weights, secret, address)
