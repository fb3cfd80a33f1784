"""Was a release made from what it says? Trained again, it shows.

A repetition is exact where the machine and its libraries are those of the run; where they are not, it is said, and
nothing is concluded.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from handstyle import caching, digests, gates, loading
from handstyle.collection import intake
from handstyle.collection.rights import own_work
from handstyle.collection.rights_plan import for_all
from handstyle.collection.works import Collection
from handstyle.errors import HandstyleError, UsageMistake
from handstyle.finetuning.trained_style import WEIGHTS, TrainedStyle
from handstyle.progress import Progress, silent
from handstyle.publication import dialects, provenance, release_records
from handstyle.publication.disclosure import COLLECTION, PublishedCollection
from handstyle.publication.provenance import ENVELOPE, LARGEST_ENVELOPE
from handstyle.records import Record, read_whole
from handstyle.tensor_files import Tensor, tensors_in
from handstyle.workspace import Workspace

if TYPE_CHECKING:
    from handstyle.diffusion.family import ModelFamily
    from handstyle.encoding.class_images import OwnClassImages

NEVER = 10**9  # steps
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
    from handstyle.finetuning.suiting import suit

    use_all_cores()
    statement, _ = provenance.opened(read_whole(release / ENVELOPE, LARGEST_ENVELOPE))
    style = TrainedStyle.load(release / release_records.STYLE)
    if reasons := list(_unrepeatable(style)):
        return _cannot(reasons)
    family = loading.load_base(base, plain=style.plain)
    suit(family, style.recipe)
    if reasons := list(_other_circumstances(style, family)):
        return _cannot(reasons)
    try:
        published = release_records.collections_in(release, statement)[COLLECTION]
        collection, folder = _collection(works, published, statement.lineage.collection)
        own = _class_images(works, style.class_images)
    except HandstyleError as error:
        return _cannot([error.what, *error.faults])
    with tempfile.TemporaryDirectory(prefix="handstyle-") as place:
        return _compared(Workspace(Path(place)), release, style, collection, folder, family, own, progress)


def _unrepeatable(style: TrainedStyle) -> Iterator[str]:
    if style.extends:
        yield f"the run went on from another one ({style.extends}), which the release does not hold"
    if style.origin:
        yield f"it went on from a file of another tool (sha256 {style.origin[:16]}), which the release does not hold"
    if any(one.withdrew_identifier for one in style.renamed):
        yield "it was renamed, and words it was trained with may not be used any more"
    if style.continued:
        yield f"at step {style.continued[0].step} the run moved to another environment"


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
        collection, folder = loading.collection_named(workspace, digest)
        gates.require_standing(workspace, collection, None, "a repetition")
        return collection, folder
    wanted = {work.pixels_sha256 for work in published.works if work.trained_on}
    # Only what decides the weights counts here: pixels, words, and the order of the names.
    gathered = intake.gather(works, rights=for_all(own_work("whoever repeats it")), validation=None)
    everything = gathered.collection
    found = tuple(work for work in everything.works if work.pixels_sha256 in wanted)
    if missing := len(wanted) - len(found):
        raise UsageMistake(f"{missing} of the {len(wanted)} works it was trained on are not in {works}")
    collection = everything.model_copy(update={"works": found})
    gates.require_standing(Workspace(works), collection, (), "a repetition")
    return collection, gathered.folder


def _class_images(works: Path, digest: str) -> OwnClassImages | None:
    """Raises HandstyleError where they are not here, or were withdrawn here."""
    from handstyle.encoding.class_images import OwnClassImages

    if not digest:
        return None
    if not (works / "collections").is_dir():
        raise UsageMistake("it was trained with class images of somebody's own: name the workspace that has them")
    workspace = Workspace(works)
    collection, folder = loading.collection_named(workspace, digest)
    gates.require_standing(workspace, collection, None, "a repetition")
    return OwnClassImages(collection, folder)


def _compared(
    place: Workspace, release: Path, style: TrainedStyle, collection: Collection, folder: Path, family: ModelFamily,
    own: OwnClassImages | None, progress: Progress,
) -> Repeated:  # fmt: skip
    from handstyle.encoding.cache import Cache
    from handstyle.finetuning import running
    from handstyle.finetuning.material import material_of
    from handstyle.finetuning.trainable import trainable

    recipe = style.recipe
    caching.encode_for(place, collection, folder, family, recipe, progress)
    material = material_of(collection, family, recipe, Cache(place.cache), own, progress)
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
            held_out=None,
        ).go(None, save_every=NEVER, sample_every=0, report=progress)
    if again.tensors == style.tensors:
        words = f"equal: trained again for {again.steps} steps, every bit of every tensor is the same"
        return Repeated(outcome="equal", words=words)
    first = _first_different(place.run("again") / "style" / WEIGHTS, release)
    words = f"different: trained again, {first or 'the list of tensors'} comes out otherwise"
    return Repeated(outcome="different", words=words, first_different=first)


def _first_different(own: Path, release: Path) -> str | None:
    statement, _ = provenance.opened(read_whole(release / ENVELOPE, LARGEST_ENVELOPE))
    theirs: dict[str, str] = {}
    for weights in statement.weights:
        part = dialects.part_in(weights.path)
        if part or weights.format in ("diffusers-lora", "peft"):
            with tensors_in(release / release_records.WEIGHTS / weights.path) as tensors:
                theirs |= _contents({f"{part}.{name}" if part else name: one for name, one in tensors.items()})
        elif weights.format == "embedding":
            with tensors_in(release / release_records.WEIGHTS / weights.path) as tensors:
                theirs |= _contents(dialects.from_embedding(tensors))
    with tensors_in(own) as tensors:
        ours = _contents(tensors)
    return next((name for name in sorted(ours.keys() | theirs.keys()) if ours.get(name) != theirs.get(name)), None)


def _contents(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    return {dialects.without_text_model(name): digests.of_tensors([("", *tensor)]) for name, tensor in tensors.items()}


def _cannot(reasons: list[str]) -> Repeated:
    words = f"cannot compare: {len(reasons)} {'thing is' if len(reasons) == 1 else 'things are'} not as they were"
    return Repeated(outcome="cannot compare", words=words, reasons=tuple(reasons))
