"""Does a picture get an answer, under the permission of the works, and does money stay out of it?"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from handstyle import attributing, planning, sharing, stages
from handstyle.collection.rights_plan import read_rights_toml
from handstyle.errors import GateClosed, RecordDamaged, RightsMissing, UsageMistake
from handstyle.inspection.influence import Influence
from handstyle.publication.shares import Fee
from handstyle.workspace import Workspace

SETTINGS = {"max_train": "4 steps", "train_batch_size": 2, "rank": 2, "mixed_precision": "no", "resolution": 16}


def asked(space: Workspace, picture: Path, base: Path, **options: Any) -> Influence:
    made = attributing.influence(space, picture, base=base, progress=lambda *told: None, **options)
    found = Influence.load(Path(made.record))
    assert made.words == found.words and made.works == tuple(one.work for one in found.works[:6])
    assert found.works[0].work in Path(made.page).read_text(encoding="utf-8")
    return found


@pytest.fixture
def space(six_works: Path, tmp_path: Path, tiny_base: Path) -> Workspace:
    space = Workspace(tmp_path / "space")
    stages.collect(space, six_works, read_rights_toml(six_works / "rights.toml"), validation=None)
    stages.finetune(planning.plan(space, tiny_base, settings=SETTINGS), stop="max_train", save_every=2, sample_every=0)
    return space


@pytest.fixture
def picture(space: Workspace, tiny_base: Path) -> Path:
    return Path(stages.generate(space, ["a red boat"], base=tiny_base).pictures[0])


def test_without_trainings_the_answer_is_called_a_guess(space: Workspace, picture: Path, tiny_base: Path) -> None:
    found = asked(space, picture, tiny_base)
    assert "a red boat" in found.prompt and len(found.works) == 6
    assert sorted(one.places["slopes"] for one in found.works) == [1, 2, 3, 4, 5, 6]
    assert [one.places["slopes"] for one in found.works] == [1, 2, 3, 4, 5, 6]
    assert "a guess" in found.words and found.trainings == 0
    assert all(score.agreement is None and not score.may_be_used for score in found.scores)


def test_trainings_judge_the_scores_and_are_not_done_again(
    space: Workspace, picture: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = asked(space, picture, tiny_base, retrain=True, halves=2, one_by_one=True)
    assert (found.trainings, found.pictures) == (2 * (4 + 6), 1 + 6)
    assert found.seeds and found.leaving_one_out and all(one.interval for one in found.works)
    assert [one.part for one in found.works] == sorted((one.part or 0 for one in found.works), reverse=True)
    assert all(score.agreement and score.with_leaving_one_out for score in found.scores)
    assert not list(space.folds("").glob("**/*.safetensors")), "nobody is to draw with these"

    def never(*given: Any) -> None:
        raise AssertionError("it was trained already")

    monkeypatch.setattr("handstyle.finetuning.fold.finetune", never)
    again = asked(space, picture, tiny_base, retrain=True, halves=2, one_by_one=True)
    assert again.works == found.works and again.scores == found.scores
    quick = asked(space, picture, tiny_base)
    assert quick.scores == found.scores and quick.judged_before.endswith("influence.json")


def test_no_money_is_moved_by_what_was_found(space: Workspace, picture: Path, tiny_base: Path) -> None:
    fee = Fee("pool", Decimal(100), "EUR")
    before = sharing.shares(space, fee)
    asked(space, picture, tiny_base)
    for path in (space.root / "influence").glob("*/influence.json"):
        found = Influence.load(path)
        passed = tuple(score.model_copy(update={"may_be_used": True}) for score in found.scores)
        found.model_copy(update={"scores": passed}).save(path)
    assert sharing.shares(space, fee) == before
    with pytest.raises(GateClosed):
        sharing.shares(space, fee, "influence")


def test_a_picture_that_the_style_did_not_draw_is_refused(
    space: Workspace, picture: Path, tiny_base: Path, tmp_path: Path
) -> None:
    by_base = stages.generate(space, ["a red boat"], base=tiny_base, styles=["none"]).pictures[0]
    with pytest.raises(UsageMistake, match="does not say that this style drew it"):
        asked(space, Path(by_base), tiny_base)
    with Image.open(picture) as image:
        image.convert("RGB").save(tmp_path / "saved again.png")
    with pytest.raises(RecordDamaged, match="carries no handstyle record"):
        asked(space, tmp_path / "saved again.png", tiny_base)


def test_permission_is_asked_before_each_training(
    space: Workspace, picture: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[int] = []

    def refuse_later(*given: Any) -> None:
        heard.append(1)
        if len(heard) > 3:
            raise RightsMissing("not any more")

    monkeypatch.setattr("handstyle.relearning.require_training", refuse_later)
    with pytest.raises(RightsMissing):
        asked(space, picture, tiny_base, retrain=True, halves=2)
    assert len(heard) == 4 and not (space.root / "influence").exists()


def test_how_to_train_stands_with_training(space: Workspace, picture: Path, tiny_base: Path) -> None:
    with pytest.raises(UsageMistake, match="--one-by-one"):
        asked(space, picture, tiny_base, one_by_one=True)
