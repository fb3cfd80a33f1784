"""How is a style inspected, from its weights to a report?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from handstyle.collection import overrides
from handstyle.finetuning import cross_fitting
from handstyle.finetuning.measured import CrossFitted
from handstyle.finetuning.observers import read_log
from handstyle.finetuning.validation import NOISE_LEVELS, Drawings, noise_levels
from handstyle.generation.generate import attached
from handstyle.inspection import likeness, memorisation, surface, verdict
from handstyle.inspection.copy_distances import Looked
from handstyle.inspection.drawing import Album, Drawn, Report, draw, seed_of
from handstyle.inspection.drift import drift
from handstyle.inspection.feature_likeness import by_vision_model, feature_likeness
from handstyle.inspection.fidelity import held_out_gain
from handstyle.inspection.material import HeldOut, as_seen, encoded, given_back, held_out, kept_back, told_of
from handstyle.inspection.report import (
    MEASURES,
    Closeness,
    CopyCheck,
    FeatureLikeness,
    HeldOutGain,
    InspectedWork,
    InspectionReport,
    LossPoint,
    NearerToTruth,
    Neighbour,
    SideBySide,
)
from handstyle.inspection.subject import Subject, errors_of, style_template, templates_for_base
from handstyle.inspection.truth import closeness
from handstyle.inspection.vision_models import VisionModel

MOST_LOSS_POINTS = 200


def inspect(subject: Subject, further: HeldOut | None, pictures: Path, report: Report) -> InspectionReport:
    """Measures, draws, compares; pictures go into the folder `pictures`."""
    models = [VisionModel(folder) for folder in subject.vision]  # first: what is wrong with one shows at once
    real = held_out(subject.collection, subject.folder, further, subject.most_drawings)
    too_near = (real or kept_back(subject.collection, subject.folder)).too_near
    base_templates = templates_for_base(subject)
    gain = _gain(subject, real, base_templates, report) if real else None
    base_template = gain.base_prompt if gain else base_templates[0]
    captions = real.captions if real else tuple(work.caption for work in subject.collection.training)
    base = draw(subject, base_template, captions, [], report)
    style = draw(subject, style_template(subject), captions, [subject.worn], report)
    report("asking about other things", 0, 1)
    moved = drift(subject.worn, subject.family)
    shown = Album(pictures, subject.mark)
    truth = (
        [as_seen(work, real.folder, real.collection.background, subject.resolution) for work in real.works]
        if real
        else []
    )
    works = [
        as_seen(work, subject.folder, subject.collection.background, subject.resolution)
        for work in subject.collection.training
    ]
    seen = likeness.Seen()
    nearer, far_base, far_style = (
        _nearer(base, style, truth, works, subject.seeds, seen) if real else (None, None, None)
    )
    copying = _copying(subject, base, style, captions, works, truth, shown, report)
    features, ways = _likeness(subject, models, base, style, truth, works, captions, seen) if real else (None, ())
    trained = subject.worn.style
    return InspectionReport(
        style=trained.tensors,
        style_name=trained.name,
        collection=trained.collection,
        base=trained.base.sha256,
        base_name=trained.base.name,
        prompt_template=style.template,
        pictures_found=subject.collection.number_of_pictures_found,
        works_withheld=len(subject.collection.withheld),
        works=_works(subject, works, shown),
        losses=_losses(subject.run),
        stopping=_stopping(subject.run),
        held_out_gain=gain,
        drift=moved,
        nearer_to_truth=nearer,
        closeness=ways,
        features=features,
        comparisons=_side_by_side(captions, base, style, real, truth, far_base, far_style, shown),
        copying=copying,
        surfaces=(
            surface.surface(works, "artist"),
            surface.surface([image for row in style.pictures for image in row], "style"),
            surface.surface([image for row in base.pictures for image in row], "base"),
        ),
        cannot_tell=verdict.cannot_tell(gain, copying, further=real is not None and real.is_further),
        verdict=(*verdict.verdict(gain, nearer, copying), *told_of(too_near)),
        too_near=too_near,
    )


def _gain(subject: Subject, real: HeldOut, base_templates: Sequence[str], report: Report) -> HeldOutGain:
    drawings = encoded(real, subject.family, subject.framing, subject.cache)
    timesteps = noise_levels(subject.family.noise.number_of_timesteps)
    base = {}
    for done, template in enumerate(base_templates):
        report("measuring on real drawings", done, len(base_templates) + 1)
        base[template] = errors_of(subject, drawings, template, len(timesteps))
    with attached([subject.worn], subject.family):
        style = errors_of(subject, drawings, style_template(subject), len(timesteps))
    report("measuring on real drawings", len(base_templates) + 1, len(base_templates) + 1)
    return held_out_gain(
        base, style, timesteps=timesteps, further=real.is_further, oracle_errors_LN=_oracle(subject, drawings)
    )


def _oracle(subject: Subject, drawings: Drawings) -> Tensor | None:
    """The errors of a model that saw all of the artist but these drawings, where there is one."""
    if subject.oracle is None:
        return None
    with attached([subject.oracle], subject.family):
        return errors_of(subject, drawings, subject.oracle.style.template, NOISE_LEVELS)


def _nearer(
    base: Drawn,
    style: Drawn,
    truth: Sequence[Image.Image],
    works: Sequence[Image.Image],
    seeds: Sequence[int],
    seen: likeness.Seen,
) -> tuple[NearerToTruth, list[float], list[float]]:
    real = [seen.of(likeness.strokes, image) for image in truth]
    far_base, far_style = (likeness.mean_distances(drawn.pictures, real, seen) for drawn in (base, style))
    nothing: Mapping[str, Image.Image] = {"a white picture": white(truth[0].size), "the mean of the works": mean(works)}
    competitors = {name: likeness.mean_distances([[image]] * len(real), real, seen) for name, image in nothing.items()}
    found = likeness.nearer_to_truth(far_base, far_style, competitors, seeds=seeds, base_prompt=base.template)
    return found, far_base.tolist(), far_style.tolist()


def _likeness(
    subject: Subject,
    models: Sequence[VisionModel],
    base: Drawn,
    style: Drawn,
    truth: Sequence[Image.Image],
    works: Sequence[Image.Image],
    captions: Sequence[str],
    seen: likeness.Seen,
) -> tuple[FeatureLikeness, tuple[Closeness, ...]]:
    """To the real drawings: by plain measures, by an extractor, and by models on the user's disk."""
    end = given_back(subject.family, truth)
    features, further = feature_likeness(base.pictures, style.pictures, end, truth, works, captions)
    others = [by_vision_model(model, base.pictures, style.pictures, end, truth) for model in models]
    return features, (*closeness(base.pictures, style.pictures, end, truth, seen), *further, *others)


def white(size: tuple[int, int]) -> Image.Image:
    return Image.new("RGB", size, "white")


def mean(images: Sequence[Image.Image]) -> Image.Image:
    return Image.fromarray(
        np.mean([np.asarray(image, dtype=float) for image in images], axis=0).round().astype(np.uint8)
    )


def _works(subject: Subject, images: Sequence[Image.Image], shown: Album) -> tuple[InspectedWork, ...]:
    works = []
    for work, image in zip(subject.collection.training, images, strict=True):
        rights = subject.collection.rights_of(work)
        works.append(
            InspectedWork(
                name=work.name,
                caption=work.caption,
                author=rights.author,
                permission=", ".join([rights.in_few_words, *overrides.in_few_words(work.reservations, rights)]),
                picture=shown.add(image, work.caption),
                show=rights.why_not("show-works", date.today()) is None,
            )
        )
    return tuple(works)


def _side_by_side(
    captions: Sequence[str],
    base: Drawn,
    style: Drawn,
    real: HeldOut | None,
    truth: Sequence[Image.Image],
    far_base: Sequence[float] | None,
    far_style: Sequence[float] | None,
    shown: Album,
) -> tuple[SideBySide, ...]:
    """In the order of the drawings' own digests: nobody chose which stand first."""
    order = list(range(len(captions)))
    if real:
        order.sort(key=lambda number: real.works[number].pixels_sha256)
    return tuple(
        SideBySide(
            caption=captions[number],
            base=shown.add(
                base.first[number],
                base.template.replace("{caption}", captions[number]),
                seed_of(likeness.SEEDS[0], number),
                base.made,
            ),
            style=shown.add(
                style.first[number],
                style.template.replace("{caption}", captions[number]),
                seed_of(likeness.SEEDS[0], number),
                style.made,
            ),
            real=shown.add(truth[number], captions[number]) if real else None,
            distance_base=far_base[number] if far_base else None,
            distance_style=far_style[number] if far_style else None,
            show_real=real.may_be_shown(real.works[number]) if real else False,
        )
        for number in order
    )


def _copying(
    subject: Subject,
    base: Drawn,
    style: Drawn,
    captions: Sequence[str],
    works: Sequence[Image.Image],
    truth: Sequence[Image.Image],
    shown: Album,
    report: Report,
) -> CopyCheck:
    """Outputs for the held-out captions, and for the works' own, where a copy would show first."""
    own = tuple(work.caption for work in subject.collection.training)
    outputs = list(zip(captions, style.first, strict=True))
    if captions != own:
        drawn = draw(subject, style.template, own, [subject.worn], report, subject.seeds[:1])
        outputs += list(zip(own, drawn.first, strict=True))
    looked, others = Looked(works), Looked(truth) if truth else None
    far_KMN, real_KMN = looked.everywhere([image for _, image in outputs]), looked.everywhere(truth)
    of_base_KM = looked.everywhere(base.first).min(axis=2)
    found = memorisation.finding(far_KMN.min(axis=2), real_KMN.min(axis=2), of_base_KM)
    telling = memorisation.telling(far_KMN.min(axis=2), real_KMN.min(axis=2))

    def neighbour(number: int, measure: int) -> Neighbour:
        (caption, image), far_N = outputs[number], far_KMN[number, measure]
        work = int(far_N.argmin())
        others_N = others.distances(image).by_measure[measure] if others else None
        return Neighbour(
            picture=shown.add(image, caption, made=style.made),
            work=subject.collection.training[work].name,
            work_picture=shown.add(works[work], own[work]),
            distance=float(far_N[work]),
            measure=MEASURES[measure],
            chance=found.chances[number] if found.chances else None,
            held_out="" if others_N is None else captions[int(others_N.argmin())],
            held_out_distance=None if others_N is None else float(others_N.min()),
        )

    return CopyCheck(
        outputs=tuple(neighbour(number, measure) for number, measure in enumerate(telling)),
        distances_of_outputs=tuple(far_KMN[:, 0].min(axis=1).tolist()),
        distances_of_real=tuple(real_KMN[:, 0].min(axis=1).tolist()),
        quantile=memorisation.QUANTILE,
        threshold=None,
        unusually_near=found.near,
        unusually_near_of_base=found.near_of_base,
        outputs_of_base=0 if found.near_of_base is None else len(of_base_KM),
        words=found.words,
    )


def _stopping(run: Path) -> CrossFitted | None:
    path = run / cross_fitting.RECORD
    return CrossFitted.load(path) if path.is_file() else None


def _losses(run: Path) -> tuple[LossPoint, ...]:
    lines = read_log(run / "steps.jsonl")
    thinned = max(1, len(lines) // MOST_LOSS_POINTS)
    return tuple(
        LossPoint(
            step=line.step, train=line.loss, held_out=line.held_out, gain=line.gain, gain_interval=line.gain_interval
        )
        for number, line in enumerate(lines)
        if number % thinned == 0 or line.held_out is not None
    )
