"""How is a model trained again: without works that were withdrawn, or in full, to prove what it was made from?

Not verbs: both call them. A repetition is exact where the machine and its libraries are those of the run; where they
are not, it is said, and nothing is concluded.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from handstyle import stages
from handstyle.collection import intake, permission
from handstyle.collection.rights import own_work
from handstyle.collection.rights_plan import for_all
from handstyle.collection.works import Collection, LeftOut
from handstyle.errors import GateClosed, HandstyleError, UsageMistake
from handstyle.finetuning.manifest import RunManifest
from handstyle.finetuning.trained_style import WEIGHTS, TrainedStyle
from handstyle.publication import dialects, logged, provenance, release_records, taken_back
from handstyle.publication.disclosure import PublishedCollection, published_collection
from handstyle.publication.provenance import ENVELOPE, LARGEST_ENVELOPE
from handstyle.publication.taken_back import Taken
from handstyle.records import Record, read_whole
from handstyle.stages import Plan, Progress, silent
from handstyle.tensor_files import Tensor, tensors_in
from handstyle.workspace import House, OriginalFolder, Workspace

if TYPE_CHECKING:
    from handstyle.diffusion.family import ModelFamily

REPLACED = "replaced-by.json"
NEVER = 10**9  # steps
STATED = (
    "The recorded inputs of the new model do not include these works. That its record is true, a repetition shows "
    "(`handstyle verify RELEASE --retrain`). Copies of the old model that are elsewhere stay what they are."
)


class Replaced(Record):
    """Beside a run that must not be used any more: what stands in for it."""

    run: str
    tensors: str
    on: date
    without: tuple[str, ...]  # pixels of the works


class Retrained(Record):
    """What `retrain-without` leaves behind."""

    run: str
    style: str
    tensors: str
    replaces: str  # tensors
    without: tuple[str, ...]  # names
    works: int  # that are left
    report: str
    verdict: tuple[str, ...]
    stated: str = STATED


def retrain_without(
    workspace: Workspace,
    base: Path | None = None,
    *,
    run: str | None = None,
    class_images: Path | None = None,
    quick: bool = False,
    progress: Progress = silent,
) -> Retrained:
    """The run again, by its own recipe, without the works that were withdrawn; inspected, and linked to the old one.

    Raises UsageMistake where none was withdrawn, GateClosed where none is left.
    """
    old = run or workspace.needs("run", "finetune")
    before, style = RunManifest.load(workspace.run(old) / "run.json"), stages.open_style(workspace, old)
    collection, folder = stages.collection_named(workspace, before.collection)
    taken = withdrawn_of(workspace, collection)
    if not taken:
        raise UsageMistake(
            f"no work of the run {old} was withdrawn, as far as is known here",
            hint="Enter the withdrawal first: `handstyle withdraw`; or name another run with --run.",
        )
    if before.class_images and class_images is None:
        raise UsageMistake("the run had class images of its own", hint="Name their folder with --class-images.")
    rest = without(collection, taken)
    _keep(workspace, collection, rest, folder)
    family = stages.load_base(base, plain=before.plain)
    stages.require_base(before.base, family)
    stages.require_training(rest, family, before.recipe)
    made = stages.finetune(
        Plan(workspace, rest, folder, family, before.recipe, class_images, replaces=style.tensors), progress=progress
    )
    names = tuple(one.work.name for one in taken)
    pixels = tuple(sorted(one.work.pixels_sha256 for one in taken))
    link = Replaced(run=made.run, tensors=made.tensors, on=date.today(), without=pixels)
    link.save(workspace.run(old) / REPLACED)
    inspected = stages.inspect(workspace, base=base, quick=quick, progress=progress)
    return Retrained(
        run=made.run,
        style=made.style,
        tensors=made.tensors,
        replaces=style.tensors,
        without=names,
        works=len(rest.works),
        report=inspected.report,
        verdict=inspected.verdict,
    )


def withdrawn_of(workspace: Workspace, collection: Collection) -> list[Taken]:
    house = House.here()
    known = taken_back.known(workspace, house, logged.keepers_log(house))
    return known.of(collection, permission.kept(collection, workspace.collection(collection.digest)))


def without(collection: Collection, taken: list[Taken]) -> Collection:
    """What is left; the record says what is not there any more, and why. Raises GateClosed where nothing is."""
    gone = {one.work.name: one for one in taken}
    works = tuple(work for work in collection.works if work.name not in gone)
    validation = tuple(name for name in collection.validation if name not in gone)
    if len(works) <= len(validation):
        raise GateClosed("no work is left to train on", hint="Collect other works.")
    further = [LeftOut(name=name, reason=f"withdrawn by {one.holder} since {one.since}") for name, one in gone.items()]
    used = {work.rights for work in works}
    return collection.model_copy(
        update={
            "works": works,
            "rights": {digest: rights for digest, rights in collection.rights.items() if digest in used},
            "validation": validation,
            "left_out": tuple(sorted((*collection.left_out, *further), key=lambda entry: entry.name)),
        }
    )


def _keep(workspace: Workspace, before: Collection, rest: Collection, folder: Path) -> None:
    place, old = workspace.collection(rest.digest), workspace.collection(before.digest)
    OriginalFolder(folder=str(folder)).save(place / "folder.json")
    for digest, opened in permission.kept(before, old).items():
        if any(rights.consent and rights.consent.statement == digest for rights in rest.rights.values()):
            permission.store(opened, place)
    rest.save(place / "collection.json")
    logged.permissions(logged.keepers_log(House.here()), published_collection(rest))
    workspace.point_to(collection=rest.digest)


# Proof by repetition

Outcome = Literal["equal", "different", "cannot compare"]


class Repeated(Record):
    """Was the release made from what it says?"""

    outcome: Outcome
    words: str
    reasons: tuple[str, ...] = ()
    first_different: str | None = None  # name of a tensor

    @property
    def holds(self) -> bool:
        return self.outcome == "equal"


def repeat(release: Path, works: Path, base: Path | None = None, *, progress: Progress = silent) -> Repeated:
    """The training of a release once more, from its records and the works, and its tensors compared bit by bit.

    `works` is the workspace in which it was trained, or the folder of the works. The release must hold.
    """
    from handstyle.diffusion.hardware import use_all_cores

    use_all_cores()
    statement, _ = provenance.opened(read_whole(release / ENVELOPE, LARGEST_ENVELOPE))
    style = TrainedStyle.load(release / release_records.STYLE)
    if reasons := list(_unrepeatable(style)):
        return _cannot(reasons)
    family = stages.load_base(base, plain=style.plain)
    if reasons := list(_other_circumstances(style, family)):
        return _cannot(reasons)
    try:
        collection, folder = _collection(works, release_records.collection_in(release), statement.lineage.collection)
    except HandstyleError as error:
        return _cannot([error.what, *error.faults])
    with tempfile.TemporaryDirectory(prefix="handstyle-") as place:
        return _compared(Workspace(Path(place)), release, style, collection, folder, family, progress)


def _unrepeatable(style: TrainedStyle) -> Iterator[str]:
    if style.extends:
        yield f"the run went on from another one ({style.extends}), which the release does not hold"
    if style.continued:
        yield f"at step {style.continued[0].step} the run moved to another environment"
    if style.class_images:
        yield "the run had class images of its own, which the release does not hold"


def _other_circumstances(style: TrainedStyle, family: ModelFamily) -> Iterator[str]:
    from handstyle.diffusion.hardware import environment
    from handstyle.finetuning.continuation import differences

    if style.base.sha256 != family.digest:
        yield f"it was trained on {style.base.name} ({style.base.sha256[:12]}), and the base given is another"
    recorded = {name: value for name, value in style.environment.items() if name != "encoded works"}
    yield from (f"here: {difference}" for difference in differences(recorded, environment()))


def _collection(works: Path, published: PublishedCollection, digest: str) -> tuple[Collection, Path]:
    """As it was trained on. Raises HandstyleError where works are missing or were withdrawn here."""
    if (works / "collections").is_dir():
        workspace = Workspace(works)
        collection, folder = stages.collection_named(workspace, digest)
        stages.require_standing(workspace, collection, None, "a repetition")
        return collection, folder
    wanted = {work.pixels_sha256 for work in published.works if work.trained_on}
    # Only what decides the weights counts here: pixels, words, and the order of the names.
    everything = intake.collect(works, rights=for_all(own_work("whoever repeats it")), validation=None)
    found = tuple(work for work in everything.works if work.pixels_sha256 in wanted)
    if missing := len(wanted) - len(found):
        raise UsageMistake(f"{missing} of the {len(wanted)} works it was trained on are not in {works}")
    collection = everything.model_copy(update={"works": found})
    stages.require_standing(Workspace(works), collection, {}, "a repetition")
    return collection, works


def _compared(
    place: Workspace, release: Path, style: TrainedStyle, collection: Collection, folder: Path, family: ModelFamily,
    progress: Progress,
) -> Repeated:  # fmt: skip
    from handstyle.encoding.cache import Cache
    from handstyle.finetuning import running
    from handstyle.finetuning.trainable import trainable

    recipe = style.recipe
    stages.encode_for(place, collection, folder, family, recipe, progress)
    material = running.material(collection, family, recipe, Cache(place.cache), None, progress)
    manifest = running.manifest(collection, family, recipe, material)
    if manifest.environment["encoded works"] != style.environment.get("encoded works"):
        words = "different: already the encoded works are others: other pictures, other words beside them, other names"
        return Repeated(outcome="different", words=words)
    with trainable(family, recipe) as learning:
        again = running.Running(
            folder=place.run("again"),
            manifest=manifest,
            family=family,
            learning=learning,
            material=material,
            paint=lambda step: None,
            drawings=None,
        ).go(None, save_every=NEVER, sample_every=0, report=progress)
    if again.tensors == style.tensors:
        words = f"equal: trained again for {again.steps} steps, every bit of every tensor is the same"
        return Repeated(outcome="equal", words=words)
    first = _first_different(place.run("again") / "style" / WEIGHTS, release)
    words = f"different: trained again, {first or 'the list of tensors'} comes out otherwise"
    return Repeated(outcome="different", words=words, first_different=first)


def _first_different(own: Path, release: Path) -> str | None:
    statement, _ = provenance.opened(read_whole(release / ENVELOPE, LARGEST_ENVELOPE))
    parts = {"diffusers-lora": "", "diffusers-unet": "unet.", "transformers-text-encoder": "text_encoder."}
    theirs: dict[str, str] = {}
    for weights in statement.weights:
        if weights.format in parts:
            with tensors_in(release / release_records.WEIGHTS / weights.path) as tensors:
                theirs |= _contents({f"{parts[weights.format]}{name}": one for name, one in tensors.items()})
    with tensors_in(own) as tensors:
        ours = _contents(tensors)
    return next((name for name in sorted(ours.keys() | theirs.keys()) if ours.get(name) != theirs.get(name)), None)


def _contents(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    from handstyle import digests

    return {dialects.without_text_model(name): digests.of_tensors([("", *tensor)]) for name, tensor in tensors.items()}


def _cannot(reasons: list[str]) -> Repeated:
    words = f"cannot compare: {len(reasons)} {'thing is' if len(reasons) == 1 else 'things are'} not as they were"
    return Repeated(outcome="cannot compare", words=words, reasons=tuple(reasons))
