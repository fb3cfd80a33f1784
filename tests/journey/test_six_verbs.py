"""Do the six verbs lead from drawings to a release that verifies, on a real, tiny base?"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "collection"))  # what consents are made from in tests

from consents import signed

from handstyle import checking, digests, planning, renaming, sharing, stages
from handstyle.collection.rights_plan import from_consents, read_rights_toml
from handstyle.consenting import look_at
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.generation.signature import read_signature
from handstyle.inspection.report import InspectionReport
from handstyle.publication.shares import Fee
from handstyle.workspace import Workspace

pytestmark = pytest.mark.slow

NEVER_SEEN = 3


@pytest.fixture
def further(tmp_path: Path) -> Path:
    """A few more drawings of the example, which the training does not see."""
    from handstyle.demonstration import EXAMPLE

    folder = tmp_path / "further"
    folder.mkdir()
    for path in sorted((EXAMPLE / "held_out").glob("*.png"))[:NEVER_SEEN]:
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture
def untouched(six_works: Path) -> Iterator[None]:
    """A user's files are never altered, moved or joined by others."""
    before = {path.name: digests.of_file(path) for path in six_works.iterdir()}
    yield
    assert {path.name: digests.of_file(path) for path in six_works.iterdir()} == before


@pytest.mark.usefixtures("untouched")
def test_six_verbs_make_a_release_that_verifies(
    six_works: Path, further: Path, tiny_base: Path, tmp_path: Path
) -> None:
    workspace, heard = Workspace(tmp_path / "workspace"), []

    def progress(what: str, done: int, of: int) -> None:
        assert 0 <= done <= of
        heard.append(what)

    watched: dict[str, Any] = {"progress": progress}
    collected = stages.collect(
        workspace, six_works, read_rights_toml(six_works / "rights.toml"), validation=None, **watched
    )
    assert (collected.works, collected.for_training) == (6, 6)

    encoded = stages.encode(workspace, tiny_base, **watched)
    assert (encoded.works, encoded.found, encoded.cut_off) == (6, 0, {})

    settings = {"max_train": "6 steps", "train_batch_size": 4, "rank": 2, "mixed_precision": "no"}
    run = stages.finetune(planning.plan(workspace, tiny_base, settings=settings), further=further, **watched)
    assert run.steps == 6

    drawn = stages.generate(workspace, ["a fox", "a hen"], base=tiny_base, seeds=[1, 2], sheet=True, **watched)
    assert len(drawn.pictures) == 4 and drawn.sheet
    assert {Image.open(path).size for path in drawn.pictures} == {(16, 16)}

    inspected = stages.inspect(workspace, base=tiny_base, further=further, **watched)
    report = InspectionReport.load(Path(inspected.report))
    check_report(report, run.tensors, Path(inspected.report).with_name("pictures"))
    assert inspected.prompts == NEVER_SEEN and inspected.held_out_gain_interval is not None

    published = stages.publish(workspace, "Soft flat shapes", base=tiny_base, **watched)
    release = Path(published.release)
    assert checking.verify(release).status == "intact"
    trust = tmp_path / "trusted.txt"
    trust.write_text(published.signer)
    assert checking.verify(release, trust).status == "trusted"
    check_that_every_change_is_noticed(release)
    stated = sharing.shares(workspace, Fee("picture made", Decimal("0.25"), "EUR"))
    assert (stated.count.made, stated.count.releases, stated.sum) == (4, 1, "1.00 EUR")
    sides = {side.style.file for side in report.comparisons}  # some of them are among the outputs, too
    assert stated.count.released == len(sides | {output.picture.file for output in report.copying.outputs})
    check_renaming(workspace, release, run.run, tiny_base)
    assert {"collecting", "encoding works", "finetuning", "drawing", "measuring on real drawings"} <= set(heard)


def check_renaming(workspace: Workspace, release: Path, run: str, base: Path) -> None:
    """The release, and the style it was made of, get other names; each is signed and verifies."""
    said = read_signature(next(iter(workspace.root.glob("pictures/*/*-1.png")))).record.involvement
    assert said == TrainedStyle.load(release / "style.json").involvement != ""
    made = renaming.rename(workspace, str(release), "Quiet shapes")
    assert checking.verify(Path(made.folder)).status == "intact" and Path(made.folder).name == "quiet-shapes"
    made = renaming.rename(workspace, run, "Calm shapes", identifier="calmsh", remove_old=True)
    assert workspace.runs() == ["calm-shapes"] and made.withdrew_identifier
    again = stages.publish(workspace, "Calm shapes", base=base)
    everything = b"".join(path.read_bytes() for path in Path(again.release).rglob("*") if path.is_file())
    assert checking.verify(Path(again.release)).status == "intact" and b"hndst" not in everything


def check_report(report: InspectionReport, tensors: str, pictures: Path) -> None:
    assert (report.style, len(report.works), len(report.comparisons)) == (tensors, 6, NEVER_SEEN)
    assert [point.step for point in report.losses] == list(range(1, 7))
    assert report.held_out_gain is not None and report.held_out_gain.number_of_drawings == NEVER_SEEN
    assert report.nearer_to_truth is not None and len(report.nearer_to_truth.competitors) == 2
    assert len(report.copying.outputs) == NEVER_SEEN + 6
    assert [surface.of for surface in report.surfaces] == ["artist", "style", "base"]
    shown = {entry["file"] for entry in pictures_in(report.as_json())}
    assert shown == {path.name for path in pictures.iterdir()}, "every picture is there, and none besides"


def pictures_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "file" in value and "caption" in value:
            yield value
        for inner in value.values():
            yield from pictures_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from pictures_in(inner)


def check_that_every_change_is_noticed(release: Path) -> None:
    for path in sorted(path for path in release.rglob("*") if path.is_file()):
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        assert checking.verify(release).status == "broken", f"a flipped bit in {path.name}"
        path.write_bytes(data)
    assert json.loads((release / "report.json").read_text(encoding="utf-8"))["format"] == "handstyle/report/1"


def test_a_style_that_two_holders_permitted_becomes_a_release_that_says_so(
    six_works: Path, tiny_base: Path, tmp_path: Path
) -> None:
    workspace, path = Workspace(tmp_path / "workspace"), tmp_path / "ada.consent.json"
    found = look_at(six_works, "white", pictures=False)[0]
    path.write_bytes(signed(works=found, bases=["stable-diffusion-1"], derivatives=True, commercial=True).data)
    stages.collect(workspace, six_works, from_consents([path]), validation=2)
    settings = {"max_train": "2 steps", "train_batch_size": 2, "rank": 2, "mixed_precision": "no"}
    stages.finetune(planning.plan(workspace, tiny_base, settings=settings))
    stages.inspect(workspace, base=tiny_base, quick=True)
    published = stages.publish(workspace, "Soft flat shapes", base=tiny_base)
    answer = checking.verify(Path(published.release))
    assert (answer.status, len(answer.permission)) == ("intact", 1)
    assert "signed by Ada Example (SHA256:" in answer.permission[0] and "Example Press" in answer.permission[0]
    everything = b"".join(file.read_bytes() for file in Path(published.release).rglob("*") if file.is_file())
    assert not [work.name for work in found if work.name.encode() in everything]
