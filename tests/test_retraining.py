"""Is a model trained again without what was withdrawn, and does a repetition tell equal from different?"""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent / "attacks"))
sys.path.insert(0, str(Path(__file__).parent / "collection"))

from desk import Desk

from handstyle import checking, loading, planning, repeating, retraining, stages
from handstyle.collection.works import Collection
from handstyle.errors import GateClosed, UsageMistake, Withdrawn
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.publication import logged, taken_back
from handstyle.publication.log_entries import RunRecord
from handstyle.results import Finetuned
from handstyle.workspace import Workspace

QUICK: dict[str, Any] = {
    **{"max_train": "2 steps", "train_batch_size": 2, "rank": 2, "mixed_precision": "no", "resolution": 16},
}
pytestmark = pytest.mark.slow


@pytest.fixture
def desk(tmp_path: Path, six_works: Path) -> Desk:
    return Desk(tmp_path, six_works)


@pytest.fixture
def trained(desk: Desk, tiny_base: Path) -> Finetuned:
    desk.start_log()
    desk.collect(desk.consent(derivatives=True, commercial=True))
    return stages.finetune(planning.plan(desk.workspace, tiny_base, settings=QUICK))


@pytest.fixture
def release(desk: Desk, trained: Finetuned, tiny_base: Path) -> Path:
    stages.inspect(desk.workspace, base=tiny_base, quick=True)
    return Path(stages.publish(desk.workspace, "Soft shapes", base=tiny_base).release)


# Without


def test_without_the_withdrawn_works_it_is_trained_inspected_linked_and_published(
    desk: Desk, trained: Finetuned, tiny_base: Path
) -> None:
    names = sorted(path.name for path in desk.works.glob("*.png"))
    desk.on_written_word("Ada Example", names=names[:2])
    made = retraining.retrain_without(desk.workspace, tiny_base, quick=True)
    assert made.without == tuple(names[:2]) and made.works == 4 and made.replaces == trained.tensors
    assert made.tensors != trained.tensors and Path(made.report).is_file()

    link = retraining.Replaced.load(desk.workspace.run(trained.run) / "replaced-by.json")
    assert (link.run, link.tensors, len(link.without)) == (made.run, made.tensors, 2)
    style = TrainedStyle.open(Path(made.style))
    assert style.replaces == trained.tensors and style.recipe == TrainedStyle.open(Path(trained.style)).recipe
    collection = Collection.load(desk.workspace.collection(style.collection) / "collection.json")
    assert [work.name for work in collection.works] == names[2:]
    assert [(one.name, one.reason) for one in collection.left_out] == [
        (name, "withdrawn by Ada Example since 2020-06-01") for name in names[:2]
    ]
    log = logged.keepers_log(desk.house)
    assert log is not None
    runs = [one.kept.record for one in log.logged() if one.kept and isinstance(one.kept.record, RunRecord)]
    assert [(run.tensors, run.replaces) for run in runs] == [(trained.tensors, ""), (made.tensors, trained.tensors)]

    published = stages.publish(desk.workspace, "Soft shapes again", base=tiny_base)
    found = checking.verify(Path(published.release), logs=[log.folder])
    assert found.status == "intact", found
    assert json.loads((Path(published.release) / "style.json").read_text())["replaces"] == trained.tensors
    with pytest.raises(Withdrawn):
        stages.generate(desk.workspace, ["a fox"], base=tiny_base, styles=[trained.run])


def test_a_model_retrained_without_is_the_one_that_never_saw_them(
    desk: Desk, trained: Finetuned, tiny_base: Path
) -> None:
    """To the bit."""
    names = sorted(path.name for path in desk.works.glob("*.png"))
    desk.on_written_word("Ada Example", names=names[:2])
    made = retraining.retrain_without(desk.workspace, tiny_base, quick=True)
    house = desk.house.withdrawals
    house.rename(house.with_name("put away"))  # another keeper's desk, where these two were never there
    never = Workspace(desk.place / "never")
    desk.collect(desk.place / "ada.consent.json", workspace=never, without=names[:2])
    assert stages.finetune(planning.plan(never, tiny_base, settings=QUICK)).tensors == made.tensors


def test_where_nothing_was_withdrawn_nothing_is_retrained(desk: Desk, trained: Finetuned, tiny_base: Path) -> None:
    with pytest.raises(UsageMistake, match="no work of the run"):
        retraining.retrain_without(desk.workspace, tiny_base)


def test_where_everything_was_withdrawn_nothing_is_left(desk: Desk, trained: Finetuned, tiny_base: Path) -> None:
    desk.enter(desk.taken_back(desk.place / "ada.consent.json"))
    with pytest.raises(GateClosed, match="no work is left"):
        retraining.retrain_without(desk.workspace, tiny_base)


# Repetition


def test_a_repetition_is_equal_to_the_bit(desk: Desk, release: Path, tiny_base: Path) -> None:
    found = repeating.repeat(release, desk.workspace.root, tiny_base)
    assert (found.outcome, found.holds) == ("equal", True), found


def test_the_folder_of_works_is_enough(desk: Desk, release: Path, tiny_base: Path) -> None:
    found = repeating.repeat(release, desk.works, tiny_base)
    assert found.outcome == "equal", found


def test_a_recipe_that_was_not_the_one_comes_out_different_and_names_a_tensor(
    desk: Desk, release: Path, tiny_base: Path
) -> None:
    path = release / "style.json"
    content = json.loads(path.read_text())
    content["recipe"]["learning_rate"] *= 2
    path.write_text(json.dumps(content))
    found = repeating.repeat(release, desk.workspace.root, tiny_base)
    assert found.outcome == "different" and found.first_different is not None
    assert found.first_different.startswith("unet.") and not found.holds


def test_other_words_beside_the_works_are_noticed_before_training(desk: Desk, release: Path, tiny_base: Path) -> None:
    (desk.works / "metadata.jsonl").write_text(
        (desk.works / "metadata.jsonl").read_text().replace('"text": "', '"text": "another ')
    )
    found = repeating.repeat(release, desk.works, tiny_base)
    assert found.outcome == "different" and "already the encoded works" in found.words


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("environment", {"torch": "1.0", "features": "avx"}, "torch"),
        ("extends", "abc", "went on from another one"),
        ("class_images", "a" * 64, "holds no collection"),
        ("continued", [{"step": 1, "environment": {}}], "moved to another environment"),
    ],
)
def test_where_it_cannot_be_compared_the_reason_is_given(
    desk: Desk, release: Path, tiny_base: Path, key: str, value: Any, why: str
) -> None:
    path = release / "style.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    found = repeating.repeat(release, desk.workspace.root, tiny_base)
    assert (found.outcome, found.holds) == ("cannot compare", False)
    assert why in " ".join(found.reasons)


def test_on_another_base_nothing_is_compared(desk: Desk, release: Path, epsilon_base: Path) -> None:
    found = repeating.repeat(release, desk.workspace.root, epsilon_base)
    assert found.outcome == "cannot compare" and "the base given is another" in found.reasons[0]


def test_missing_works_are_told(desk: Desk, release: Path, tiny_base: Path) -> None:
    gone, words = min(desk.works.glob("*.png")), desk.works / "metadata.jsonl"
    gone.unlink()
    words.write_text("".join(line for line in words.read_text().splitlines(keepends=True) if gone.name not in line))
    found = repeating.repeat(release, desk.works, tiny_base)
    assert found.outcome == "cannot compare" and any("1 of the 6 works" in reason for reason in found.reasons)


def test_withdrawn_works_are_not_trained_on_to_repeat(desk: Desk, release: Path, tiny_base: Path) -> None:
    desk.enter(desk.taken_back(desk.place / "ada.consent.json"))
    for works in (desk.workspace.root, desk.works):
        found = repeating.repeat(release, works, tiny_base)
        assert found.outcome == "cannot compare" and "taken back" in found.reasons[0]


def test_the_day_of_a_link_is_today(tmp_path: Path) -> None:
    link = retraining.Replaced(run="a", tensors="b", on=date.today(), without=())
    assert retraining.Replaced.load(link.save(tmp_path / "link.json")) == link


def test_what_is_withdrawn_of_a_collection_is_known(desk: Desk, trained: Finetuned) -> None:
    collection, _ = loading.current_collection(desk.workspace)
    assert retraining.withdrawn_of(desk.workspace, collection) == []
    desk.enter(desk.taken_back(desk.place / "ada.consent.json"))
    assert len(retraining.withdrawn_of(desk.workspace, collection)) == 6
    assert taken_back.NEXT.startswith("train again")
