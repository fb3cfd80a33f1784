"""Is a style measured fairly, from its weights to a report?"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from handstyle.collection.intake import collect
from handstyle.collection.rights_plan import read_rights_toml
from handstyle.diffusion.family import KnownStyle
from handstyle.encoding.cache import Cache
from handstyle.errors import CollectionFaulty
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trained_style import BaseIdentity, TrainedStyle
from handstyle.finetuning.validation import denoising_errors
from handstyle.generation.generate import Worn
from handstyle.inspection.inspecting import inspect, mean, white
from handstyle.inspection.material import further_drawings
from handstyle.inspection.report import InspectionReport
from handstyle.inspection.subject import Subject, style_template, templates_for_base
from handstyle.publication.marking import Marking

MARK = Marking(Ed25519PrivateKey.from_private_bytes(b"k" * 32))

LAYER = "unet.mid_block.resnets.0.conv1"
RECIPE = Recipe(rank=2, lora_alpha=2, mixed_precision="no")


@pytest.fixture
def subject(family: Any, six_works: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Subject]:
    """Six works and a style of one layer, `strength` times as strong as its base; pictures take two steps."""
    monkeypatch.setattr(family, "card", family.card.model_copy(update={"num_inference_steps": 2}))

    def made(strength: float = 0.3, validation: int | None = 2, **options: Any) -> Subject:
        collection = collect(six_works, rights=read_rights_toml(six_works / "rights.toml"), validation=validation)
        base = BaseIdentity(name="tiny", family=family.kind, sha256=family.digest, licence="CC0-1.0")
        style = TrainedStyle(
            name="style-1", base=base, collection=collection.digest, number_of_works=len(collection.training),
            recipe=RECIPE, steps=3, resolution=16, tensors="a" * 64, environment={},
        )  # fmt: skip
        chance = torch.Generator().manual_seed(0)
        channels = family.denoiser.get_parameter(f"{LAYER.removeprefix('unet.')}.weight").shape
        pair = {
            f"{LAYER}.lora_A.weight": torch.randn(2, *channels[1:], generator=chance),
            f"{LAYER}.lora_B.weight": strength * torch.randn(channels[0], 2, 1, 1, generator=chance),
        }
        cache, run = Cache(tmp_path / "cache"), tmp_path / "run"
        return Subject(collection, six_works, family, Worn(style, pair), run, cache, MARK, **{"seeds": (1,), **options})

    return made


def report_of(subject: Subject, tmp_path: Path, further: Path | None = None) -> InspectionReport:
    drawings = further_drawings(subject.collection, further) if further else None
    return inspect(subject, drawings, tmp_path / "pictures", lambda what, done, of: None)


def test_a_style_that_changes_nothing_gains_exactly_nothing(
    subject: Callable[..., Subject], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked in the same words, so that only the weights could make a difference."""
    inspected = subject(strength=0.0)
    monkeypatch.setattr("handstyle.inspection.inspecting.templates_for_base", lambda subject: [style_template(subject)])
    report = report_of(inspected, tmp_path)
    gain, nearer = report.held_out_gain, report.nearer_to_truth
    assert gain is not None and nearer is not None
    assert (gain.gain, gain.interval.low, gain.interval.high) == (0, 0, 0)
    assert (nearer.nearer, nearer.further) == (0, 0), "a draw is no win, and no defeat"
    for side in report.comparisons:
        pair = [Image.open(tmp_path / "pictures" / file) for file in (side.base.file, side.style.file)]
        assert pair[0].tobytes() == pair[1].tobytes() and side.base.file != side.style.file
    assert "has not been shown" in report.verdict[0]


def test_the_base_may_use_every_word_it_knows(subject: Callable[..., Subject], monkeypatch: pytest.MonkeyPatch) -> None:
    inspected = subject()
    assert templates_for_base(inspected) == ["{caption}", "{caption}, drawing"]
    known = (KnownStyle(phrase="in flat colours"), KnownStyle(phrase="as an engraving"))
    monkeypatch.setattr(inspected.family, "card", inspected.family.card.model_copy(update={"known_styles": known}))
    templates = templates_for_base(inspected)
    assert templates[:2] == ["{caption}", "{caption}, drawing"] and len(templates) == 3
    assert templates[2] in [f"{{caption}}, {style.phrase}" for style in known]


def test_the_nearest_known_style_is_chosen_on_the_works_alone(subject: Callable[..., Subject]) -> None:
    """Withheld drawings have no say: with other ones withheld, only the training works count."""
    inspected = subject()
    known = tuple(KnownStyle(phrase=words) for words in ("red", "an engraving", "by night", "photo"))
    card = inspected.family.card.model_copy(update={"known_styles": known})
    seen: list[tuple[str, ...]] = []

    def noticing(family: Any, drawings: Any, *given: Any) -> torch.Tensor:
        seen.append(drawings.captions)
        return denoising_errors(family, drawings, *given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inspected.family, "card", card)
        patch.setattr("handstyle.finetuning.validation.denoising_errors", noticing)
        templates_for_base(inspected)
    assert len(seen) == 4
    assert set(seen) == {tuple(work.caption for work in inspected.collection.training)}


def test_the_style_is_asked_in_its_own_words(subject: Callable[..., Subject]) -> None:
    assert style_template(subject()) == "{caption}, hndst drawing"


@pytest.mark.slow
def test_withheld_works_are_the_yardstick_where_there_are_no_further_drawings(
    subject: Callable[..., Subject], tmp_path: Path
) -> None:
    inspected = subject()
    report = report_of(inspected, tmp_path)
    assert report.held_out_gain is not None and report.nearer_to_truth is not None
    assert report.held_out_gain.drawings == "works left out of training"
    assert report.held_out_gain.number_of_drawings == 2 == report.nearer_to_truth.prompts
    assert report.copying.unusually_near is None and "2 other drawings are too few" in report.copying.words
    assert all(output.chance is not None for output in report.copying.outputs)
    assert {side.caption for side in report.comparisons} == {work.caption for work in inspected.collection.withheld}
    assert {work.name for work in report.works} == {work.name for work in inspected.collection.training}
    competitors = [competitor.name for competitor in report.nearer_to_truth.competitors]
    assert competitors == ["a white picture", "the mean of the works"]
    assert any("another time or kind" in limit for limit in report.cannot_tell)


def test_a_trained_network_says_why_it_shows_nothing_and_a_model_on_the_disk_how_far_the_way_was(
    subject: Callable[..., Subject], tmp_path: Path
) -> None:
    from tests.inspection.test_vision_models import saved

    saved(tmp_path / "dinov2-small", "dinov2")
    report = report_of(subject(vision=(tmp_path / "dinov2-small",)), tmp_path)
    assert report.features is not None and "16 pixels wide" in report.features.hand_not_shown
    assert report.features.pictures == ()
    [row] = [row for row in report.closeness if row.part == "vision models"]
    assert row.measure == "dinov2-small" and row.base > 0


def test_without_any_other_drawing_the_report_says_what_it_cannot_tell(
    subject: Callable[..., Subject], tmp_path: Path
) -> None:
    report = report_of(subject(validation=None), tmp_path)
    assert report.held_out_gain is None and report.nearer_to_truth is None and report.copying.threshold is None
    assert all(side.real is None and side.distance_base is None for side in report.comparisons)
    assert any("no drawing to measure on" in limit for limit in report.cannot_tell)
    assert "cannot be told" in report.verdict[0]


def test_a_further_drawing_that_was_trained_on_is_no_proof(
    subject: Callable[..., Subject], tmp_path: Path, six_works: Path
) -> None:
    inspected, further = subject(), tmp_path / "further"
    further.mkdir()
    work = inspected.collection.training[0]
    shutil.copy(six_works / work.name, further / "under another name.png")
    with pytest.raises(CollectionFaulty, match=r"1 of the drawings in .* were trained on") as faulty:
        report_of(inspected, tmp_path, further)
    assert faulty.value.faults == (f"under another name.png is {work.name}",)


def test_a_further_drawing_that_looks_nearly_like_a_work_is_left_out_and_told(
    subject: Callable[..., Subject], tmp_path: Path, six_works: Path
) -> None:
    inspected, further = subject(), tmp_path / "further"
    further.mkdir()
    learnt, own = inspected.collection.training[0].name, inspected.collection.withheld[0].name
    with Image.open(six_works / learnt) as image:
        copy = image.convert("RGB")
    copy.putpixel((0, 0), (1, 2, 3))
    copy.save(further / "copy.png")
    shutil.copy(six_works / own, further / "own.png")
    report = report_of(inspected, tmp_path, further)
    assert report.held_out_gain is not None and report.held_out_gain.number_of_drawings == 1
    assert [side.caption for side in report.comparisons] == ["own"] and len(report.copying.distances_of_real) == 1
    assert report.too_near == (f"copy.png looks nearly like {learnt}",)
    assert {output.held_out for output in report.copying.outputs} == {"own"}, "the one that may stand beside an output"
    assert all(output.held_out_distance for output in report.copying.outputs)
    assert report.verdict[-1] == "1 drawing looks nearly like a work trained on, so nothing was measured on it."


def test_an_oracle_that_is_the_style_itself_is_reached_in_full_or_gains_nothing(
    subject: Callable[..., Subject], tmp_path: Path
) -> None:
    inspected = subject(strength=0.05)
    gain = report_of(replace(inspected, oracle=inspected.worn), tmp_path).held_out_gain
    assert gain is not None
    if gain.interval.low > 0:
        assert gain.normalised is not None and gain.normalised.share == pytest.approx(1)
    else:
        assert gain.normalised is None


@pytest.mark.slow
def test_the_same_inspection_finds_the_same(subject: Callable[..., Subject], tmp_path: Path) -> None:
    one, other = report_of(subject(), tmp_path / "1"), report_of(subject(), tmp_path / "2")
    assert one == other
    names = [sorted(path.name for path in (tmp_path / place / "pictures").iterdir()) for place in ("1", "2")]
    assert names[0] == names[1]


@pytest.mark.slow
def test_inspecting_leaves_the_base_as_it_was(subject: Callable[..., Subject], tmp_path: Path, family: Any) -> None:
    name = f"{LAYER.removeprefix('unet.')}.weight"
    before = family.denoiser.get_parameter(name).detach().clone()
    report_of(subject(), tmp_path)
    assert torch.equal(family.denoiser.get_parameter(name), before)


def test_what_draws_nothing_is_drawn_as_said() -> None:
    assert white((4, 2)).getcolors() == [(8, (255, 255, 255))]
    halves = mean([Image.new("RGB", (2, 2), "black"), Image.new("RGB", (2, 2), (255, 100, 3))])
    assert np.asarray(halves)[0, 0].tolist() == [128, 50, 2]
