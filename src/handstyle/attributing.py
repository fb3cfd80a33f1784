"""Which works shaped this picture, and under whose permission is that found out?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from handstyle.curating import PICTURES, alike_in
from handstyle.errors import GateClosed, UsageMistake
from handstyle.gates import require_generating
from handstyle.picture_marks import own_mark
from handstyle.progress import Progress
from handstyle.records import Record, write
from handstyle.relearning import Learnt, learnt
from handstyle.workspace import Workspace, next_name, unfinished

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from handstyle.encoding.batches import Example
    from handstyle.generation.generate import Worn
    from handstyle.generation.signature import MadeFrom
    from handstyle.inspection.coalitions import Trained
    from handstyle.inspection.drawing import Album
    from handstyle.inspection.influence import Influence, Score, Values

RECORD, PAGE = "influence.json", "influence.html"
PANEL = 8  # further pictures by the style, on which scores are judged
MOST_SNAPSHOTS = 4
FEWEST_WORKS = 4


class Attributed(Record):
    """What `influence` leaves behind."""

    record: str
    page: str
    words: str
    works: tuple[str, ...]  # the most first, as far as the order is shown


def influence(
    workspace: Workspace,
    picture: Path,
    *,
    prompt: str | None = None,
    style: str | None = None,
    base: Path | None = None,
    retrain: bool = False,
    halves: int | None = None,
    one_by_one: bool = False,
    progress: Progress,
) -> Attributed:
    """Of one picture by the newest style or a named run. With `retrain` by trainings without works, else by a score."""
    if not retrain and (one_by_one or halves is not None):
        raise UsageMistake("--halves and --one-by-one say how to train without works", hint="Add --retrain.")
    began, run = time.perf_counter(), style or workspace.needs("run", "finetune")
    from handstyle.generation.wardrobe import made_from, worn
    from handstyle.inspection import influence_page
    from handstyle.inspection.drawing import Album
    from handstyle.inspection.influence_scores import scores

    known = learnt(workspace, run, base, progress)
    require_generating(workspace, known.style, known.family)
    if len(known.material.works) < FEWEST_WORKS:
        raise GateClosed(
            f"{len(known.material.works)} works were trained on, and of fewer than {FEWEST_WORKS} nothing can be ranked"
        )
    image, words = _asked(picture, prompt, known)
    pictures = [_example("the picture", _encoded(image, known), words, known)]
    trained = None
    if retrain:
        pictures += _panel(workspace, run, known)
        trained = _trained(workspace, run, known, pictures, halves, one_by_one, progress)

    def told(done: int, of: int) -> None:
        progress("following the slopes of the run", done, of)

    by_score = scores(known.family, known.recipe, _weights(workspace, run, known), known.material.works, pictures, told)
    found = _found(workspace, run, known, words, by_score, trained, len(pictures))
    root = workspace.root / "influence"
    place = root / next_name(root, f"{run}-{_name_of(pictures[:1])}")
    with unfinished(place, busy=f"another handstyle process makes {place}") as beside:
        made = made_from(worn(workspace, [run]), known.family)
        found = _with_pictures(found, image, known, made, Album(beside / PICTURES, own_mark()))
        found = found.model_copy(update={"seconds": round(time.perf_counter() - began, 1)})
        found.save(beside / RECORD)
        write(beside / PAGE, influence_page.page(found, beside / PICTURES).encode())
    return Attributed(
        record=str(place / RECORD),
        page=str(place / PAGE),
        words=found.words,
        works=tuple(one.work for one in found.works[: influence_page.SHOWN]),
    )


def _trained(
    workspace: Workspace, run: str, known: Learnt, pictures: Sequence[Example], halves: int | None, one_by_one: bool,
    progress: Progress,
) -> Trained:  # fmt: skip
    from handstyle.inspection.coalitions import PAIRS, Coalitions

    trainings = Coalitions(
        folder=workspace.folds(f"shaping-{run}") / known.style.tensors[:12] / _name_of(pictures),
        style=known.style,
        family=known.family,
        material=known.material,
        pictures=pictures,
        alike=alike_in(workspace, known.collection),
        pairs=halves or PAIRS,
        one_by_one=one_by_one,
        environment=known.environment,
        still_permitted=known.still_permitted,
    )
    with workspace.held(trainings.folder):
        return trainings.go(progress)


def _found(
    workspace: Workspace, run: str, known: Learnt, words: str, by_score: dict[str, Values],
    trained: Trained | None, pictures: int,
) -> Influence:  # fmt: skip
    from handstyle.inspection import influence as measure
    from handstyle.inspection.influence_scores import SCORES
    from handstyle.inspection.report import Shown

    seeds = one_out = by_pair_PN = None
    before = ""
    if trained is not None:
        seeds = measure.among_themselves(trained.truths)
        one_out = measure.among_themselves(trained.left_out) if trained.left_out else None
        judged = tuple(
            measure.judged(score, by_score[score.name], trained.truths, seeds, trained.left_out) for score in SCORES
        )
        by_pair_PN = trained.by_pair_of(0)
    else:
        judged, before = _judged_before(workspace, known)
    order = next((score.name for score in judged if score.may_be_used), judged[0].name)
    names = [work.name for work in known.material.works]
    of_picture = {name: values_QN[0] for name, values_QN in by_score.items()}
    return measure.Influence(
        run=run,
        style=known.style.tensors,
        collection=known.style.collection,
        prompt=words,
        picture=Shown(file="", caption=words),
        pictures=pictures,
        trainings=trained.trainings if trained else 0,
        steps=known.style.steps,
        seeds=seeds,
        leaving_one_out=one_out,
        scores=judged,
        judged_before=before,
        works=tuple(measure.parts(names, of_picture, by_pair_PN, order)),
        seconds=0.0,
    )


def _judged_before(workspace: Workspace, known: Learnt) -> tuple[tuple[Score, ...], str]:
    """By the newest trainings for another picture of the same style; else they are as nobody judged them."""
    from handstyle.inspection.influence import Influence
    from handstyle.inspection.influence_scores import SCORES

    paths = sorted((workspace.root / "influence").glob(f"*/{RECORD}"), key=lambda path: path.stat().st_mtime)
    for path in reversed(paths):
        found = Influence.load(path)
        if found.style == known.style.tensors and found.trainings:
            return found.scores, f"{path.parent.name}/{RECORD}"
    return SCORES, ""


def _asked(picture: Path, prompt: str | None, known: Learnt) -> tuple[Image.Image, str]:
    """The picture and the words it was drawn for. Raises UsageMistake for one that this style is not known to have
    drawn: of any other, its works shaped nothing."""
    from handstyle.collection.pixels import decode
    from handstyle.generation.signature import read_signature

    image, signed = decode(picture), read_signature(picture)
    if not signed.fits or known.style.tensors not in signed.record.styles:
        raise UsageMistake(
            f"{picture} does not say that this style drew it",
            hint="Name the run that drew it with --style, and the file as it was drawn: what was edited is another.",
        )
    words = prompt or (signed.record.request.prompt if signed.record.request else "")
    if not words:
        raise UsageMistake(
            f"{picture} does not say for which words it was drawn", hint='Say them with --prompt "A RED BOAT".'
        )
    return image, known.style.asked(words)


def _encoded(image: Image.Image, known: Learnt) -> Tensor:
    """CHW, of the square in the middle, in the size that was trained in."""
    import numpy as np
    import torch
    from PIL import Image

    from handstyle.encoding.crops import centre_crop

    side = known.style.resolution
    box = centre_crop(*image.size, side).box
    square = image.convert("RGB").resize((side, side), Image.Resampling.LANCZOS, box=box)
    pixels_1CHW = torch.from_numpy(np.asarray(square, dtype=np.float32)).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        return known.family.encode_pixels(pixels_1CHW).mean_BCHW[0]


def _example(name: str, latents_CHW: Tensor, words: str, known: Learnt) -> Example:
    import torch

    from handstyle.diffusion.family import LatentDistribution
    from handstyle.encoding.batches import Example

    with torch.no_grad():
        conditioning_LD = known.family.encode_texts([words])[0]
    return Example(name, (LatentDistribution(latents_CHW, torch.zeros_like(latents_CHW)),), words, conditioning_LD)


def _panel(workspace: Workspace, run: str, known: Learnt) -> list[Example]:
    """Pictures by the style, as latents: of the captions of works that were kept back, then of those trained on."""
    from handstyle.diffusion import sampling
    from handstyle.generation.generate import attached
    from handstyle.generation.wardrobe import worn

    family, card, style = known.family, known.family.card, known.style
    works = [*known.collection.withheld, *known.collection.training]
    words = [style.recipe.words(work.caption) for work in works][:PANEL]
    with attached(worn(workspace, [run]), family):
        walk = sampling.denoise(
            family,
            sampling.starting_noise(range(len(words)), family.latent_shape(style.resolution, style.resolution)),
            family.encode_texts(words),
            family.encode_texts([""] * len(words)),
            sampler="dpm++",
            steps=card.num_inference_steps,
            guidance_scale=card.guidance_scale,
            guidance_rescale=card.guidance_rescale,
            precision=style.precision,
        )
        *_, last = walk
    rows = zip(last.latents_BCHW, words, strict=True)
    return [_example(f"panel {number}", latents, said, known) for number, (latents, said) in enumerate(rows, 1)]


def _weights(workspace: Workspace, run: str, known: Learnt) -> list[dict[str, Tensor]]:
    """Of snapshots along the run, as many as are kept, and of the finished style."""
    from handstyle.finetuning.manifest import RunManifest
    from handstyle.finetuning.snapshots import Snapshots
    from handstyle.generation.wardrobe import worn

    finished: Worn = worn(workspace, [run])[0]
    folder = workspace.run(run)
    kept = Snapshots(folder / "snapshots", RunManifest.load(folder / "run.json").lineage)
    states = (kept.load(path) for path in kept.paths()[-MOST_SNAPSHOTS:])
    before = [state.finished_weights() for state in states if state.step < known.style.steps]
    return [*before[-(MOST_SNAPSHOTS - 1) :], dict(finished.tensors)]


def _with_pictures(found: Influence, image: Image.Image, known: Learnt, made: MadeFrom, album: Album) -> Influence:
    from handstyle.collection.intake import load_work
    from handstyle.inspection.doctor import WHOLE

    works, told = {work.name: work for work in known.collection.works}, []
    for one in found.works:
        work = works[one.work]
        drawing = load_work(known.folder, work, known.collection.background)
        drawing.thumbnail((WHOLE, WHOLE))
        told.append(one.model_copy(update={"caption": work.caption, "picture": album.add(drawing, work.caption)}))
    image.thumbnail((WHOLE, WHOLE))
    return found.model_copy(update={"works": tuple(told), "picture": album.add(image, found.prompt, made=made)})


def _name_of(pictures: Sequence[Example]) -> str:
    """By what they look like and the words they are asked with."""
    from handstyle import digests
    from handstyle.diffusion.checkpoints import digest_of

    latents = {str(n): picture.variants[0].mean_BCHW for n, picture in enumerate(pictures)}
    return digests.of_json([digest_of(latents), [picture.text for picture in pictures]])[:12]
