"""Are two runs compared on what neither of them knows, under the permission of both?"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps
from tests.conftest import copy_six_works

from handstyle import comparing, planning, stages
from handstyle.collection.rights_plan import read_rights_toml
from handstyle.errors import CollectionFaulty, RightsMissing, UsageMistake
from handstyle.generation.signature import read_signature
from handstyle.inspection import drawing
from handstyle.inspection.comparison import Comparison
from handstyle.workspace import Workspace

QUICK = {"max_train": "4 steps", "train_batch_size": 2, "rank": 2, "mixed_precision": "no", "resolution": 16}


@pytest.fixture(scope="module")
def made(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Path, str, str]:
    """Two runs: the second without a work of the first, with another one described anew, and of another rank."""
    root = tmp_path_factory.mktemp("compared")
    works, space = copy_six_works(root / "works"), Workspace(root / "space")
    names = sorted(path.name for path in works.glob("*.png"))

    def run(without: list[str], **settings: Any) -> str:
        plan = read_rights_toml(works / "rights.toml")
        stages.collect(space, works, plan, validation=2, without=without)
        made = planning.plan(space, tiny_base, settings={**QUICK, **settings})
        return stages.finetune(made, stop="max_train", sample_every=0, save_every=2).run

    first = run([])
    held = json.loads((space.collections()[0] / "collection.json").read_text(encoding="utf-8"))["validation"]
    learnt = [name for name in names if name not in held]
    lines = [json.loads(line) for line in (works / "metadata.jsonl").read_text(encoding="utf-8").splitlines()]
    for line in lines:
        if line["file_name"] == learnt[1]:
            line[next(key for key in line if key != "file_name")] = "something else"
    (works / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return space, works, first, run([learnt[0]], rank=3)


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """Pictures take two steps."""
    request = drawing.GenerationRequest
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "GenerationRequest", lambda **named: request(**{**named, "num_inference_steps": 2}))
        yield


def compare(space: Workspace, first: str, second: str, base: Path, **options: Any) -> Comparison:
    done = comparing.compare(space, first, second, base=base, progress=lambda *told: None, **options)
    return Comparison.load(Path(done.comparison))


@pytest.fixture(scope="module")
def found(made: tuple[Workspace, Path, str, str], tiny_base: Path, quick: None) -> Comparison:
    space, _, first, second = made
    return compare(space, first, second, tiny_base, weights=[0.5])


def test_what_changed_is_told_beside_what_it_did(found: Comparison) -> None:
    assert [change.fate for change in found.works if change.fate in ("removed", "re-captioned")] == [
        "removed", "re-captioned"
    ]  # fmt: skip
    assert [(change.name, change.before, change.after) for change in found.recipe] == [("rank", "2", "3")]
    assert "Several things changed at once" in found.verdict[-1]


def test_only_drawings_that_neither_learnt_from_are_the_yardstick(
    found: Comparison, made: tuple[Workspace, Path, str, str]
) -> None:
    gain = found.gain
    assert gain is not None
    collections = [json.loads((place / "collection.json").read_text("utf-8")) for place in made[0].collections()]
    learnt = {
        work["pixels_sha256"] for one in collections for work in one["works"] if work["name"] not in one["validation"]
    }
    kept = {work["pixels_sha256"] for one in collections for work in one["works"] if work["name"] in one["validation"]}
    assert gain.number_of_drawings == len(kept - learnt) == len(gain.on_drawings) > 0
    assert gain.difference.gain == pytest.approx(gain.after.gain - gain.before.gain)
    for whole, part, other in zip(gain.difference.bands, gain.after.bands, gain.before.bands, strict=True):
        assert whole.gain == pytest.approx(part.gain - other.gain)


def test_every_prompt_is_drawn_by_every_snapshot_at_every_weight(found: Comparison) -> None:
    assert found.weights == (0.5, 1.0), "the pictures of the slider are worn at 1"
    assert found.steps_before == found.steps_after == (2, 4)
    for row in found.rows:
        asked = {(which, steps, weight) for which in ("before", "after") for steps in (2, 4) for weight in (0.5, 1.0)}
        assert {(cell.which, cell.steps, cell.weight) for cell in row.cells} == asked


def test_pictures_are_signed_with_the_weights_that_drew_them(
    found: Comparison, made: tuple[Workspace, Path, str, str]
) -> None:
    (place,) = {path.parent for path in (made[0].root / "comparisons").glob("*/comparison.json")}
    row = found.rows[0]
    finished = read_signature(place / "pictures" / row.cell("after", 4, 1.0).picture.file)
    assert finished.fits and finished.record.styles == (found.after.style,)
    earlier = read_signature(place / "pictures" / row.cell("after", 2, 1.0).picture.file)
    assert earlier.fits and earlier.record.styles != finished.record.styles
    base = read_signature(place / "pictures" / row.base.file)
    assert base.record.styles == ()


def test_a_run_against_itself_and_a_run_that_is_not_there_are_refused(
    made: tuple[Workspace, Path, str, str], tiny_base: Path
) -> None:
    space, _, first, _ = made
    with pytest.raises(UsageMistake, match="same weights"):
        compare(space, first, first, tiny_base)
    with pytest.raises(UsageMistake, match="no run `nowhere`"):
        compare(space, first, "nowhere", tiny_base)


def test_a_permission_that_ended_closes_this_way_too(
    made: tuple[Workspace, Path, str, str], tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: Any) -> None:
        raise RightsMissing("not any more")

    monkeypatch.setattr("handstyle.gates.require_standing", refuse)
    space, _, first, second = made
    with pytest.raises(RightsMissing, match="not any more"):
        compare(space, first, second, tiny_base)
    assert not list((space.root / "comparisons").glob("*-2"))


def removed_from(found: Comparison) -> str:
    """A work that only the first run learnt from."""
    return next(change.name for change in found.works if change.fate == "removed")


def further_folder(works: Path, place: Path) -> Path:
    """For more drawings, under the permission of the works."""
    folder = place / "further"
    folder.mkdir()
    for name in ("rights.toml", "licence-statement.json", "LICENSE-Apache-2.0.txt"):
        shutil.copy(works / name, folder)
    return folder


def test_a_further_drawing_that_either_run_learnt_from_is_refused(
    made: tuple[Workspace, Path, str, str], tiny_base: Path, tmp_path: Path, found: Comparison
) -> None:
    space, works, first, second = made
    further = further_folder(works, tmp_path)
    shutil.copy(works / removed_from(found), further)
    with pytest.raises(CollectionFaulty, match="trained on"):
        compare(space, first, second, tiny_base, further=further)


def test_drawings_that_look_nearly_like_a_work_of_either_run_are_left_out_and_told(
    made: tuple[Workspace, Path, str, str], tiny_base: Path, tmp_path: Path, found: Comparison
) -> None:
    space, works, first, second = made
    removed, further = removed_from(found), further_folder(works, tmp_path)
    with Image.open(works / removed) as image:
        ImageOps.mirror(image.convert("RGB")).resize((90, 90)).save(further / "turned.png")
    again = compare(space, first, second, tiny_base, further=further, prompts=["a kite"])
    assert again.gain is not None and found.gain is not None
    assert (again.gain.number_of_drawings, again.gain.further) == (found.gain.number_of_drawings, 0)
    assert again.verdict[-2:] == (
        "1 drawing looks nearly like a work trained on, so nothing was measured on it.",
        f"turned.png looks nearly like {removed}, mirrored",
    )


def test_a_work_that_has_left_the_folder_is_still_told(
    made: tuple[Workspace, Path, str, str], tiny_base: Path, found: Comparison, tmp_path: Path
) -> None:
    space, works, first, second = made
    gone = next(change for change in found.works if change.fate == "removed")
    shutil.move(works / gone.name, tmp_path / "aside.png")
    try:
        again = compare(space, first, second, tiny_base, prompts=["a kite"])
    finally:
        shutil.move(tmp_path / "aside.png", works / gone.name)
    told = next(change for change in again.works if change.fate == "removed")
    assert (told.name, told.picture.file) == (gone.name, "") and gone.picture.file
    assert [row.caption for row in again.rows] == ["a kite"] and again.rows[0].real is None
