"""Does the plan say what a run will really show of each work?"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from handstyle import caching, planning, stages
from handstyle.collection.rights import own_work
from handstyle.collection.rights_plan import for_all
from handstyle.encoding.cache import Cache
from handstyle.errors import RecipeInvalid
from handstyle.finetuning.crop_plan import crop_plan
from handstyle.finetuning.framing import framing_of
from handstyle.finetuning.material import Material, material_of
from handstyle.finetuning.recipe import Recipe
from handstyle.inspection.subject import Subject
from handstyle.loading import current_collection
from handstyle.progress import silent
from handstyle.workspace import Workspace

SIZES = {"ant.png": (40, 20), "bee.png": (16, 16), "cow.png": (17, 33), "dog.png": (41, 20), "elk.png": (90, 12)}
QUICK: dict[str, Any] = {"max_train": "5 steps", "train_batch_size": 2, "rank": 2, "mixed_precision": "no",
                         "resolution": 16, "enable_bucket": True, "random_flip": True}  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Five works of many proportions, in two folders of kohya's that count once and three times."""
    for seed, (name, size) in enumerate(SIZES.items()):
        folder = tmp_path / "works" / ("3_hard" if name in ("cow.png", "dog.png") else "1_easy")
        folder.mkdir(parents=True, exist_ok=True)
        image = Image.new("RGB", size, "white")
        image.paste((seed * 50, 90, 20), (0, 0, size[0] // 2, size[1]))
        image.save(folder / name)
    found = Workspace(tmp_path / "workspace")
    stages.collect(found, tmp_path / "works", for_all(own_work("Ada")), validation=None)
    return found


def material(workspace: Workspace, family: Any, recipe: Recipe) -> Material:
    collection, folder = current_collection(workspace)
    caching.encode_for(workspace, collection, folder, family, recipe, silent)
    return material_of(collection, family, recipe, Cache(workspace.cache), None, silent)


@pytest.mark.parametrize("settings", [{}, {"enable_bucket": False}, {"gradient_accumulation_steps": 3}])
def test_the_plan_counts_what_the_batches_show(settings: dict[str, Any], workspace: Workspace, family: Any) -> None:
    recipe = Recipe().changed(**{**QUICK, **settings})
    shown: Counter[str] = Counter()
    learnt = material(workspace, family, recipe)
    for step in range(5 * recipe.gradient_accumulation_steps):
        shown.update(learnt.batch_at(step).names)
    plan = crop_plan(current_collection(workspace)[0], family, recipe, 5)
    assert {crop.name: crop.shown for crop in plan.crops} == {name: shown[name] for name in
        ("1_easy/ant.png", "1_easy/bee.png", "1_easy/elk.png", "3_hard/cow.png", "3_hard/dog.png")}  # fmt: skip


def test_over_a_cycle_works_are_shown_as_often_as_their_folders_say(workspace: Workspace, family: Any) -> None:
    plan = crop_plan(current_collection(workspace)[0], family, Recipe().changed(**QUICK), 9)
    assert {crop.name: crop.shown for crop in plan.crops} == {
        **dict.fromkeys(["1_easy/ant.png", "1_easy/bee.png", "1_easy/elk.png"], 2),
        **dict.fromkeys(["3_hard/cow.png", "3_hard/dog.png"], 6),
    }
    assert plan.never_shown == ()


def test_every_crop_is_named_with_what_is_cut_off(workspace: Workspace, family: Any) -> None:
    lines = list(crop_plan(current_collection(workspace)[0], family, Recipe().changed(**QUICK), 9).lines())
    assert lines[0].startswith("5 of 5 works are used, each shown 2 to 6 times: ")
    named = {line.split(":")[0] for line in lines[1:]}
    assert "1_easy/bee.png" not in named, "all of it is seen"
    assert {"3_hard/cow.png", "3_hard/dog.png", "1_easy/elk.png"} <= named


def test_works_that_a_short_run_does_not_reach_are_told(workspace: Workspace, family: Any) -> None:
    plan = crop_plan(current_collection(workspace)[0], family, Recipe().changed(**QUICK), 1)
    assert 3 <= len(plan.never_shown) < 5
    [warning] = plan.warnings()
    assert warning.startswith(f"{len(plan.never_shown)} of 5 works are not shown in so short a run")


def test_a_batch_holds_one_size_and_class_images_of_that_size(workspace: Workspace, family: Any) -> None:
    recipe = Recipe().changed(**QUICK, with_prior_preservation=True, num_class_images=4)
    learnt = material(workspace, family, recipe)
    seen = set()
    for step in range(9):
        batch = learnt.batch_at(step)
        assert len(batch.names) == 4 and batch.number_of_works == 2
        seen.add(tuple(batch.latents.mean_BCHW.shape[2:]))
    assert len(seen) >= 3


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"bucket_reso_steps": 10}, "multiples of 4 pixels, not at 10"),
        ({"min_bucket_reso": 32, "max_bucket_reso": 64}, "the resolution, 16, lies between them"),
        ({"bucket_reso_steps": 32}, "32 is more than the resolution, 16"),
    ],
)
def test_buckets_the_base_cannot_have_are_refused(settings: dict[str, Any], fault: str, family: Any) -> None:
    with pytest.raises(RecipeInvalid) as invalid:
        framing_of(Recipe().changed(**{**QUICK, **settings}), family)
    assert any(fault in one for one in invalid.value.faults)


def test_a_style_is_trained_and_measured_in_buckets(workspace: Workspace, tiny_base: Path) -> None:
    plan = planning.plan(workspace, tiny_base, settings={**QUICK, "max_train": "2 steps"})
    made = stages.finetune(plan, stop="cross-fitted", sample_every=0)
    again = stages.finetune(planning.plan(workspace, tiny_base, settings={**QUICK, "max_train": "2 steps"}),
                            stop="max_train", sample_every=0)  # fmt: skip
    squares = {**QUICK, "max_train": "2 steps", "enable_bucket": False}
    other = stages.finetune(planning.plan(workspace, tiny_base, settings=squares), stop="max_train", sample_every=0)
    assert made.steps and again.tensors != other.tensors


@pytest.mark.parametrize("buckets", [True, False])
def test_drawings_a_run_is_measured_on_are_cut_as_its_works_are(
    buckets: bool, workspace: Workspace, tmp_path: Path, tiny_base: Path
) -> None:
    stages.collect(workspace, tmp_path / "works", for_all(own_work("Ada")), validation=2)
    plan = planning.plan(workspace, tiny_base, settings={**QUICK, "enable_bucket": buckets})
    collection, framing = plan.collection, framing_of(plan.recipe, plan.family)
    measured = planning._yardstick(plan, None)
    assert measured is not None and len(collection.withheld) == 2
    wanted = [plan.family.latent_shape(*framing.size(work.width, work.height)) for work in collection.withheld]
    assert [tuple(latents.shape) for latents in measured.drawings.latents] == wanted
    assert any(height != width for _, height, width in wanted) is buckets


@pytest.mark.parametrize("buckets", [True, False])
def test_an_inspection_cuts_drawings_as_the_style_it_inspects_was_trained(buckets: bool, family: Any) -> None:
    recipe = Recipe().changed(**{**QUICK, "resolution": None, "enable_bucket": buckets})
    style = SimpleNamespace(recipe=recipe, resolution=24)
    subject: Any = SimpleNamespace(worn=SimpleNamespace(style=style), family=family)
    found = Subject.framing.fget(subject)  # type: ignore[attr-defined]
    assert found == framing_of(recipe.changed(resolution=24), family)
    assert (found.buckets is not None) is buckets
