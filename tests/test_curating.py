"""Does the doctor look at the newest collection, under its permission, and leave it as it is?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from handstyle import curating, planning, relearning, stages
from handstyle.collection.fingerprints import fingerprint
from handstyle.collection.near_duplicates import are_near
from handstyle.collection.rights_plan import read_rights_toml
from handstyle.errors import RightsMissing, StageMissing, UsageMistake
from handstyle.inspection.doctor import Checked
from handstyle.inspection.harm import Harm
from handstyle.loading import collection_named
from handstyle.workspace import Workspace


def examine(space: Workspace, base: Path, **options: Any) -> curating.Examined:
    return curating.examine(space, base=base, progress=lambda *told: None, **options)


@pytest.fixture
def space(six_works: Path, tmp_path: Path) -> Workspace:
    for path in sorted(six_works.glob("*.png")):
        with Image.open(path) as image:
            page = Image.new("RGB", image.size, "white")
            page.paste(image, mask=image.convert("RGBA").getchannel("A"))
        looks = fingerprint(page), fingerprint(ImageOps.mirror(page))
        if looks[0] and looks[1] and not are_near(looks[0], looks[1]):
            ImageOps.mirror(page).save(six_works / "zz turned.png")
            break
    space = Workspace(tmp_path / "space")
    stages.collect(space, six_works, read_rights_toml(six_works / "rights.toml"), validation=2)
    return space


def test_what_it_would_leave_out_is_printed_as_a_shell_reads_it(
    space: Workspace, tiny_base: Path, six_works: Path
) -> None:
    before = {path: path.read_bytes() for path in six_works.iterdir()}
    found = examine(space, tiny_base)
    assert found.without == "--without 'zz turned.png'"
    checked = Checked.load(Path(found.record))
    assert [finding.work for finding in checked.findings if finding.kind == "mirrored copy"] == ["zz turned.png"]
    assert "zz turned.png" in Path(found.page).read_text(encoding="utf-8")
    assert {path: path.read_bytes() for path in six_works.iterdir()} == before


def test_the_base_is_asked_only_where_somebody_wants_that(space: Workspace, tiny_base: Path) -> None:
    assert Checked.load(Path(examine(space, tiny_base).record)).captions_were_asked is False
    asked = examine(space, tiny_base, captions=True)
    assert Checked.load(Path(asked.record)).captions_were_asked is True
    assert "-2" in Path(asked.record).parent.name, "nothing is overwritten"


def test_it_asks_for_permission_and_for_a_collection(
    space: Workspace, tiny_base: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*given: Any) -> None:
        raise RightsMissing("not any more")

    with pytest.raises(StageMissing):
        examine(Workspace(tmp_path / "empty"), tiny_base)
    monkeypatch.setattr(curating, "require_permission", refuse)
    with pytest.raises(RightsMissing):
        examine(space, tiny_base)
    assert not (space.root / "doctor").exists()


def test_captions_are_exported_edited_and_collected_again(space: Workspace, six_works: Path, tmp_path: Path) -> None:
    table = tmp_path / "captions.csv"
    made = curating.captions(space, table, template="{caption}, small", progress=lambda *told: None)
    assert (made.works, made.changed, made.suggested) == (7, 7, 0)
    plan = read_rights_toml(six_works / "rights.toml")
    again = stages.collect(space, six_works, plan, validation=2, captions=table)
    collection, _ = collection_named(space, again.collection)
    assert all(work.caption.endswith(", small") and work.caption_from == "table" for work in collection.works)
    with pytest.raises(UsageMistake, match="nothing is overwritten"):
        curating.captions(space, table, progress=lambda *told: None)


def test_a_captioner_may_look_only_with_permission(
    space: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: Any) -> None:
        raise RightsMissing("not any more")

    monkeypatch.setattr(curating, "require_permission", refuse)
    with pytest.raises(RightsMissing):
        curating.captions(space, tmp_path / "t.csv", captioner=tmp_path, progress=lambda *told: None)
    assert not (tmp_path / "t.csv").exists()


@pytest.fixture
def trained(six_works: Path, tmp_path: Path, tiny_base: Path) -> Workspace:
    """Six works and four more to measure on."""
    for place in range(4):
        Image.new("RGB", (64, 64), (60 * place, 200 - 40 * place, 90)).save(six_works / f"zz {place}.png")
    space = Workspace(tmp_path / "trained")
    stages.collect(space, six_works, read_rights_toml(six_works / "rights.toml"), validation=4)
    settings = {"max_train": "4 steps", "train_batch_size": 2, "rank": 2, "mixed_precision": "no", "resolution": 16}
    stages.finetune(planning.plan(space, tiny_base, settings=settings), stop="max_train", sample_every=0)
    return space


def test_works_are_left_out_in_turn_and_what_was_measured_is_not_measured_again(
    trained: Workspace, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = curating.influence(trained, base=tiny_base, progress=lambda *told: None)
    found = Harm.load(Path(made.record))
    assert (found.drawings, found.rounds, len(found.works)) == (4, 2, 6)
    for number in (1, 2):
        dealt = [name for group in found.groups if group.round == number for name in group.works]
        assert sorted(dealt) == sorted(one.work for one in found.works)
    assert all(one.picture.file for one in found.works)
    assert not list(trained.folds("").glob("**/*.safetensors")), "nobody is to draw with these"

    def never(*given: Any) -> None:
        raise AssertionError("it was measured already")

    monkeypatch.setattr("handstyle.finetuning.fold.finetune", never)
    again = Harm.load(Path(curating.influence(trained, base=tiny_base, progress=lambda *told: None).record))
    assert again.groups == found.groups


def test_without_works_that_were_kept_back_nothing_can_be_measured(
    trained: Workspace, six_works: Path, tiny_base: Path
) -> None:
    stages.collect(trained, six_works, read_rights_toml(six_works / "rights.toml"), validation=2)
    settings = {"max_train": "2 steps", "train_batch_size": 2, "rank": 2, "mixed_precision": "no", "resolution": 16}
    stages.finetune(planning.plan(trained, tiny_base, settings=settings), stop="max_train", sample_every=0)
    with pytest.raises(StageMissing, match="2 works were kept back, and 4 are needed"):
        curating.influence(trained, base=tiny_base, progress=lambda *told: None)


def test_a_permission_that_ends_between_two_trainings_is_heard(
    trained: Workspace, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def refuse_later(*given: Any) -> None:
        asked.append(1)
        if len(asked) > 3:
            raise RightsMissing("not any more")

    monkeypatch.setattr(relearning, "require_training", refuse_later)
    with pytest.raises(RightsMissing):
        curating.influence(trained, base=tiny_base, progress=lambda *told: None)
    assert len(asked) == 4
