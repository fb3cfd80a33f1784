"""Does a withdrawal reach everything that was made with the works, and stop every stage?"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent / "attacks"))
sys.path.insert(0, str(Path(__file__).parent / "collection"))

from desk import Desk

from handstyle import checking, planning, renaming, stages
from handstyle.errors import Withdrawn
from handstyle.tensor_files import Tensor, metadata_of, tensors_in, write_tensors
from handstyle.workspace import Workspace

QUICK: dict[str, Any] = {
    **{"max_train": "2 steps", "train_batch_size": 2, "rank": 2, "mixed_precision": "no", "resolution": 16},
}


@pytest.fixture
def desk(tmp_path: Path, six_works: Path) -> Desk:
    return Desk(tmp_path, six_works)


@pytest.fixture
def released(desk: Desk, tiny_base: Path) -> Desk:
    """A keeper with a log, and a release in it."""
    desk.start_log()
    desk.collect(desk.consent(derivatives=True, commercial=True))
    stages.finetune(planning.plan(desk.workspace, tiny_base, settings=QUICK))
    stages.inspect(desk.workspace, base=tiny_base, quick=True)
    stages.publish(desk.workspace, "Soft shapes", base=tiny_base)
    return desk


def release(desk: Desk) -> Path:
    return desk.workspace.release("soft-shapes")


@pytest.mark.slow
def test_a_withdrawal_stops_every_stage_and_is_seen_by_everybody(released: Desk, tiny_base: Path) -> None:
    desk, log = released, released.place / "log"
    assert checking.verify(release(desk), logs=[log]).status == "intact"
    plan = planning.plan(desk.workspace, tiny_base, settings=QUICK)
    file = desk.place / "ada.consent.json"
    entered = desk.enter(desk.taken_back(file))
    assert entered.logged == 3
    workspace = desk.workspace
    refused: dict[str, Callable[[], object]] = {
        "collect": lambda: desk.collect(file),
        "encode": lambda: stages.encode(workspace, tiny_base),
        "plan": lambda: planning.plan(workspace, tiny_base),
        "extend": lambda: planning.plan(workspace, tiny_base, extend="2 steps"),
        "a plan that waited": lambda: stages.finetune(plan),
        "generate": lambda: stages.generate(workspace, ["a fox"], base=tiny_base),
        "inspect": lambda: stages.inspect(workspace, base=tiny_base),
        "publish": lambda: stages.publish(workspace, "Soft shapes again", base=tiny_base),
        "rename": lambda: renaming.rename(workspace, "soft-shapes", "Quiet lines"),
        "rename a run": lambda: renaming.rename(workspace, str(workspace.current().run), "Quiet lines"),
    }
    for stage, call in refused.items():
        with pytest.raises(Withdrawn) as no:
            call()
        assert no.value.exit_code == 3 and len(no.value.faults) == 6, stage
        assert "withdrawn by Ada Example since 2020-06-01; train again without it" in no.value.faults[0], stage
    found = checking.verify(release(desk), logs=[log])
    assert found.status == "withdrawn" and "WITHDRAWN since" in found.words


@pytest.mark.slow
def test_everything_that_was_made_with_the_works_is_found(released: Desk) -> None:
    desk, elsewhere = released, released.place / "elsewhere"
    weights = release(desk) / "weights" / "soft-shapes.safetensors"
    shutil.copytree(release(desk), elsewhere / "a copy")
    (elsewhere / "loose").mkdir()
    shutil.copy(weights, elsewhere / "loose" / "holiday.safetensors")
    own = metadata_of(weights)["modelspec.hash_sha256"]
    one = {"a": Tensor("F32", (1,), b"\0\0\0\0")}
    write_tensors(elsewhere / "merge.safetensors", one, {"modelspec.merged_from": f"{own}, 0xabc"})
    with tensors_in(elsewhere / "merge.safetensors"):
        pass
    from handstyle import digests

    merged = digests.of_file(elsewhere / "merge.safetensors")
    two = {"a": Tensor("F32", (1,), b"\0\0\0\1")}
    write_tensors(elsewhere / "a merge of the merge.safetensors", two, {"modelspec.merged_from": merged})
    three = {"a": Tensor("F32", (1,), b"\0\0\0\2")}
    write_tensors(elsewhere / "innocent.safetensors", three, {"modelspec.merged_from": "0x" + "1" * 64})
    (elsewhere / "broken.safetensors").write_bytes(b"no weights")

    found = desk.enter(desk.taken_back(desk.place / "ada.consent.json"), elsewhere).made_with_them
    assert [one.kind for one in found.found] == [
        *("collection", "run", "release", "release", "weights", "weights", "weights"),
    ]
    named = {Path(one.where).name: one.why for one in found.of("weights")}
    assert named["holiday.safetensors"] == "holds their tensors"
    assert set(named) == {"holiday.safetensors", "merge.safetensors", "a merge of the merge.safetensors"}
    assert any("broken.safetensors" in one for one in found.unreadable)


@pytest.mark.slow
def test_what_was_renamed_is_found_under_its_new_name(released: Desk) -> None:
    desk = released
    renaming.rename(desk.workspace, "soft-shapes", "Quiet lines")
    renaming.rename(desk.workspace, str(desk.workspace.current().run), "Quiet lines")
    assert checking.verify(desk.workspace.release("quiet-lines"), logs=[desk.place / "log"]).holds
    found = desk.enter(desk.taken_back(desk.place / "ada.consent.json")).made_with_them
    assert {Path(one.where).name for one in found.found} >= {"soft-shapes", "quiet-lines"}
    assert len(found.of("run")) == 2 and len(found.of("release")) == 2


@pytest.mark.slow
def test_other_workspaces_of_the_keeper_are_searched_too(released: Desk) -> None:
    desk = released
    other = Workspace(desk.place / "other")
    desk.collect(desk.place / "ada.consent.json", workspace=other)
    found = desk.enter(desk.taken_back(desk.place / "ada.consent.json"))
    assert len(found.made_with_them.of("collection")) == 2
    assert {Path(file).parent for file in found.files} == {
        *(desk.house.withdrawals, desk.workspace.withdrawals, other.withdrawals),
    }


@pytest.mark.slow
def test_one_style_for_each_contributor_is_the_other_exact_way(desk: Desk, tiny_base: Path, tmp_path: Path) -> None:
    """Two styles, each of one person's works, worn together; when one of them withdraws, the other still draws."""
    from handstyle.collection.rights import own_work
    from handstyle.collection.rights_plan import for_all

    names = sorted(path.name for path in desk.works.glob("*.png"))
    runs = {}
    for person, without in {"Ada Pen": names[:3], "Ben Ink": names[3:]}.items():
        desk.collect(plan=for_all(own_work(person)), without=without)
        runs[person] = stages.finetune(planning.plan(desk.workspace, tiny_base, settings=QUICK)).run
    few: dict[str, Any] = {"base": tiny_base, "settings": {"num_inference_steps": 1}}
    both = stages.generate(desk.workspace, ["a fox"], styles=list(runs.values()), **few)
    assert len(both.pictures) == 1
    desk.on_written_word("Ada Pen")
    with pytest.raises(Withdrawn, match="Ada Pen"):
        stages.generate(desk.workspace, ["a fox"], styles=list(runs.values()), **few)
    stages.generate(desk.workspace, ["a fox"], styles=[runs["Ben Ink"]], **few)
