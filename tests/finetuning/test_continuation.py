"""May a run move to another machine, and is that never kept quiet?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from handstyle.errors import StageMissing
from handstyle.finetuning import running
from handstyle.finetuning.continuation import continued, going_on, manifest_in
from handstyle.finetuning.manifest import RunManifest
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.snapshots import Snapshots, State
from handstyle.finetuning.trained_style import BaseIdentity, Continuation

LAPTOP, CLUSTER = {"threads": "2", "torch": "2.13.0"}, {"threads": "64", "torch": "2.13.0"}
BASE = BaseIdentity(name="tiny", family="stable-diffusion-1", sha256="b" * 64, licence="CC0-1.0")


def manifest(environment: dict[str, str], **recipe: Any) -> RunManifest:
    return RunManifest(
        collection="c" * 64,
        works=5,
        base=BASE,
        recipe=Recipe.model_validate(recipe),
        resolution=16,
        steps=100,
        environment=environment,
    )


def state(step: int) -> State:
    return State(step, {}, {}, {}, {})


def test_a_run_that_moves_says_from_where_to_where_and_from_which_step(tmp_path: Path) -> None:
    manifest(LAPTOP).save(tmp_path / "run.json")
    told: list[str] = []
    moved = going_on(manifest(CLUSTER), tmp_path, None, state(40), told.append)
    assert (moved.environment, moved.continued) == (LAPTOP, (Continuation(step=40, environment=CLUSTER),))
    assert len(told) == 1 and told[0].startswith("from step 40 on the run is in another environment: threads 64 inst")
    assert "torch" not in told[0]


def test_a_run_that_goes_on_where_it_was_says_nothing(tmp_path: Path) -> None:
    begun = manifest(LAPTOP)
    begun.save(tmp_path / "run.json")
    told: list[str] = []
    assert going_on(manifest(LAPTOP), tmp_path, None, state(40), told.append) == begun
    assert told == []


def test_every_move_is_kept_and_one_whose_steps_were_lost_is_not() -> None:
    there = continued(manifest(CLUSTER), manifest(LAPTOP), 40)
    back = continued(manifest(LAPTOP), there, 60)
    assert [(move.step, move.environment) for move in back.continued] == [(40, CLUSTER), (60, LAPTOP)]
    assert continued(manifest(LAPTOP), back, 80).continued == back.continued
    from_an_older_snapshot = continued(manifest(CLUSTER), back, 50)
    assert [(move.step, move.environment) for move in from_an_older_snapshot.continued] == [(40, CLUSTER)]
    assert continued(manifest(CLUSTER), back, 0) == manifest(CLUSTER), "from the start, so nothing of it is left"


def test_an_extension_says_where_the_run_before_it_was(tmp_path: Path) -> None:
    manifest(LAPTOP).save(tmp_path / "first" / "run.json")
    longer = going_on(manifest(CLUSTER), tmp_path / "longer", tmp_path / "first", state(100), lambda words: None)
    assert (longer.environment, longer.continued[0].step) == (LAPTOP, 100)


def test_where_a_run_was_decides_neither_its_name_nor_its_snapshots() -> None:
    moved = continued(manifest(CLUSTER), manifest(LAPTOP), 40)
    assert moved.lineage == manifest(LAPTOP).lineage == manifest(CLUSTER).lineage


def test_a_damaged_manifest_does_not_keep_a_run_from_going_on(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{")
    assert manifest_in(tmp_path) is None
    assert going_on(manifest(CLUSTER), tmp_path, None, state(40), lambda words: None) == manifest(CLUSTER)


def test_who_resumes_with_another_recipe_hears_which_run_is_unfinished_and_what_it_has(tmp_path: Path) -> None:
    """The default recipe depends on the machine: another one may compute in another precision."""
    begun, asked = manifest(LAPTOP, mixed_precision="bf16", rank=4), manifest(CLUSTER, mixed_precision="no", rank=4)
    begun.save(tmp_path / "begun" / "run.json")
    Snapshots(tmp_path / "begun" / "snapshots", begun.lineage).save(state(40))
    manifest(LAPTOP, rank=2).save(tmp_path / "without a snapshot" / "run.json")
    with pytest.raises(StageMissing, match="no unfinished run of this recipe") as missing:
        running.starting_state(tmp_path / "asked", asked, None, resume=True)
    assert [fault.removeprefix(str(tmp_path)) for fault in missing.value.faults] == [
        "/begun is unfinished, with mixed_precision=bf16"
    ]
    assert "--set" in missing.value.hint
