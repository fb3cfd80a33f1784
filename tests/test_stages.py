"""Does each stage leave behind what the next one needs, and refuse what must not be done?"""

from __future__ import annotations

import datetime
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent / "collection"))  # what consents are made from in tests

from consents import signed
from tests.conftest import copy_six_works

from handstyle import checking, digests, gates, keys, planning, stages
from handstyle.collection import intake
from handstyle.collection.rights import RightsRecord, own_work
from handstyle.collection.rights_plan import for_all, from_consents, read_rights_toml
from handstyle.consenting import look_at
from handstyle.errors import (
    CollectionFaulty,
    ConsentBroken,
    GateClosed,
    RightsMissing,
    SnapshotDamaged,
    StageMissing,
    UsageMistake,
    WorkChanged,
)
from handstyle.finetuning.manifest import RunManifest
from handstyle.finetuning.measured import CrossFitted
from handstyle.finetuning.observers import read_log
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.generation.signature import read_signature
from handstyle.inspection.report import InspectionReport
from handstyle.results import Collected, Finetuned, Generated
from handstyle.workspace import Workspace

QUICK: dict[str, Any] = {
    "max_train": "3 steps",
    "train_batch_size": 2,
    "rank": 2,
    "mixed_precision": "no",
    "resolution": 16,
}

Finetuning = Callable[..., Finetuned]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def collected(workspace: Workspace, six_works: Path) -> Collected:
    return stages.collect(workspace, six_works, read_rights_toml(six_works / "rights.toml"), validation=2)


@pytest.fixture
def finetune(workspace: Workspace, collected: Collected, tiny_base: Path) -> Finetuning:
    def go(settings: dict[str, Any] | None = None, **options: Any) -> Finetuned:
        return stages.finetune(planning.plan(workspace, tiny_base, settings={**QUICK, **(settings or {})}), **options)

    return go


def tomorrow(monkeypatch: pytest.MonkeyPatch, days: int = 1) -> None:
    class Later(datetime.date):
        @classmethod
        def today(cls) -> Any:
            return datetime.date.today() + datetime.timedelta(days)

    monkeypatch.setattr(gates, "date", Later)


# Collect and encode


def test_collecting_leaves_a_record_and_the_originals(collected: Collected, six_works: Path) -> None:
    assert (collected.works, collected.for_training, collected.for_validation) == (6, 4, 2)
    assert Path(collected.record).is_file()
    assert len(list(six_works.glob("*.png"))) == 6


def test_works_that_look_nearly_alike_are_named_and_the_collection_is_the_same(
    workspace: Workspace, collected: Collected, six_works: Path
) -> None:
    assert collected.near_duplicates == 0
    names = sorted(path.name for path in six_works.glob("*.png"))
    for place in range(12):
        with Image.open(six_works / names[0]) as image:
            image.convert("RGB").resize((80 + place, 80 + place)).save(
                six_works / f"{names[0][:-4]} again-{place:02}.png"
            )
    plan = read_rights_toml(six_works / "rights.toml")
    again = stages.collect(workspace, six_works, plan)
    assert (again.works, again.near_duplicates) == (18, 12)
    near = json.loads((Path(again.record).parent / "near-duplicates.json").read_text(encoding="utf-8"))["works"]
    assert len(near) == 12 and len(set(near.values())) == 1
    assert len(again.notes) == 11
    assert f"{next(iter(near))} looks nearly like {next(iter(near.values()))}" in again.notes
    assert again.notes[-1].startswith("2 more look nearly like an earlier one; ")
    assert again.collection == intake.collect(six_works, rights=plan, processes=1).digest


def test_a_number_that_parts_a_work_from_its_copy_is_kept_to_and_told(workspace: Workspace, six_works: Path) -> None:
    for path in sorted(six_works.glob("*.png")):
        with Image.open(path) as image:
            image.convert("RGB").resize((80, 80)).save(six_works / f"{path.stem} again.png")
    plan = read_rights_toml(six_works / "rights.toml")
    parted = stages.collect(workspace, six_works, plan, validation=3)
    assert (parted.works, parted.for_validation) == (12, 3)
    assert [note for note in parted.notes if "checks nothing" in note] == [parted.notes[-1]]
    whole = stages.collect(workspace, six_works, plan)
    assert whole.for_validation == 2 and not any("checks nothing" in note for note in whole.notes)


def test_what_is_encoded_once_is_found_the_second_time(
    workspace: Workspace, collected: Collected, tiny_base: Path
) -> None:
    first, again = (stages.encode(workspace, tiny_base) for _ in range(2))
    assert (first.works, first.texts, first.resolution) == (6, 7, 16)
    assert (first.found, again.found) == (0, 6 + 7)
    assert first.collection == collected.collection
    assert first.smallest_share_kept == 1


def test_encoding_computes_with_as_many_threads_as_finetuning(
    workspace: Workspace, collected: Collected, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With fewer, as OMP_NUM_THREADS may ask for, a cache would hold other last bits, and the weights after it."""
    asked: list[str] = []
    monkeypatch.setattr("handstyle.diffusion.hardware.use_all_cores", lambda: asked.append("all"))
    stages.encode(workspace, tiny_base)
    assert asked == ["all"]


@pytest.mark.parametrize(
    ("place", "name"),
    [("collections/{collection}", ".collection.json"), ("mine", ".a-1.png")],
    ids=["collect", "generate"],
)
def test_what_a_killed_process_left_goes_when_the_stage_is_run_again(
    place: str, name: str, workspace: Workspace, collected: Collected, six_works: Path, tiny_base: Path
) -> None:
    """By its age: another process may be writing there at this moment."""
    folder = workspace.root / place.format(collection=collected.collection[:16])
    folder.mkdir(exist_ok=True)
    older, newer = folder / f"{name}.older.part", folder / f"{name}.newer.part"
    for path in (older, newer):
        path.write_text("half")
    os.utime(older, (0, 0))
    stages.collect(workspace, six_works, read_rights_toml(six_works / "rights.toml"), validation=2)
    stages.generate(workspace, ["a"], base=tiny_base, styles=["none"], settings={"num_inference_steps": 1}, to=folder)
    assert (older.exists(), newer.exists()) == (False, True)


def test_verbs_out_of_order_name_the_one_before(workspace: Workspace, tiny_base: Path) -> None:
    for verb, call in {
        "collect": lambda: stages.encode(workspace, tiny_base),
        "collect ": lambda: planning.plan(workspace, tiny_base),
        "finetune": lambda: stages.inspect(workspace, base=tiny_base),
        "finetune ": lambda: stages.generate(workspace, ["a cat"], base=tiny_base),
        "finetune  ": lambda: stages.publish(workspace, "A style", base=tiny_base),
        "finetune   ": lambda: planning.plan(workspace, tiny_base, extend="3 steps"),
    }.items():
        with pytest.raises(StageMissing) as missing:
            call()
        assert f"handstyle {verb.strip()}" in missing.value.hint


@pytest.mark.parametrize("deed", ["withdrawn", "changed"])
def test_a_work_that_is_withdrawn_or_changed_stops_encoding(
    deed: str, workspace: Workspace, collected: Collected, six_works: Path, tiny_base: Path
) -> None:
    work = min(six_works.glob("*.png"))
    work.unlink() if deed == "withdrawn" else Image.new("RGB", (64, 64)).save(work)
    with pytest.raises(WorkChanged, match=work.name) as changed:
        stages.encode(workspace, tiny_base)
    assert "collect" in changed.value.hint and changed.value.exit_code == 3
    (fault,) = changed.value.faults
    assert work.name in fault and "Apache-2.0 is for the file that was collected (clause: works)" in fault


@pytest.mark.slow
def test_a_caption_longer_than_the_text_window_is_told(workspace: Workspace, six_works: Path, tiny_base: Path) -> None:
    long = min(six_works.glob("*.png"))
    long.with_suffix(".txt").write_text("a boat on the water " * 8 + "under a yellow moon")
    (six_works / "metadata.jsonl").unlink()
    stages.collect(workspace, six_works, read_rights_toml(six_works / "rights.toml"), validation=None)
    recipe = Recipe(template="{identifier}: {caption}", resolution=16)
    encoded = stages.encode(workspace, tiny_base, recipe=recipe)
    assert list(encoded.cut_off) == [long.name]
    assert encoded.cut_off[long.name].endswith("yellow moon")
    said: list[str] = []
    settings = {**QUICK, "template": recipe.template}
    stages.finetune(planning.plan(workspace, tiny_base, settings=settings), dry_run=True, announce=said.append)
    assert long.name in said[0] and "yellow moon" in said[0]


def test_a_size_the_base_cannot_work_at_is_refused(finetune: Finetuning) -> None:
    with pytest.raises(CollectionFaulty, match="multiples of 4 pixels, not at 18"):
        finetune({"resolution": 18})


# Finetune


def test_finetuning_leaves_a_style_that_names_what_made_it(
    finetune: Finetuning, workspace: Workspace, collected: Collected, family: Any
) -> None:
    said: list[str] = []
    run = finetune(announce=said.append)
    style = TrainedStyle.open(Path(run.style))
    assert (style.tensors, style.steps, style.number_of_works) == (run.tensors, 3, 4)
    assert (style.collection, style.base.sha256) == (collected.collection, family.digest)
    assert workspace.current().run == run.run
    assert said[0].startswith("3 steps, 6 pictures")
    assert [line.held_out is not None for line in read_log(workspace.run(run.run) / "steps.jsonl")] == [
        False,
        False,
        True,
    ]
    assert (workspace.run(run.run) / "samples" / "sheet.png").is_file()


@pytest.mark.slow
def test_the_same_recipe_is_not_trained_twice_and_another_is(finetune: Finetuning) -> None:
    first, again, other = finetune(), finetune(), finetune({"seed": 1})
    assert (first.already_there, again.already_there) == (False, True)
    assert again.tensors == first.tensors
    assert other.run != first.run and other.tensors != first.tensors


@pytest.mark.slow
def test_two_workspaces_reach_the_same_bits(
    finetune: Finetuning, tmp_path: Path, six_works: Path, tiny_base: Path
) -> None:
    elsewhere = Workspace(tmp_path / "elsewhere")
    stages.collect(elsewhere, six_works, read_rights_toml(six_works / "rights.toml"), validation=2)
    other = stages.finetune(planning.plan(elsewhere, tiny_base, settings=QUICK))
    assert other.tensors == finetune().tensors


def test_a_dry_run_says_the_cost_and_makes_no_run(finetune: Finetuning, workspace: Workspace) -> None:
    said: list[str] = []
    expected = finetune(dry_run=True, announce=said.append)
    assert expected.steps == 3 and expected.seconds > 0 and expected.style == ""
    assert said[0] == "4 of 4 works are used, each shown 1 to 2 times: 4 at 16x16"
    assert len(said) == 2 and workspace.runs() == [] and workspace.current().run is None
    assert expected.planned is not None and len(expected.planned.crops) == 4


@pytest.mark.slow
def test_a_stopped_run_is_resumed_and_ends_in_the_same_bits(finetune: Finetuning, workspace: Workspace) -> None:
    class Stopped(Exception):
        pass

    def stop(what: str, done: int, of: int) -> None:
        if what == "finetuning" and done == 2:
            raise Stopped

    settings = {"max_train": "4 steps", "ema_decay": 0.9}
    with pytest.raises(Stopped):
        finetune(settings, save_every=1, progress=stop)
    with pytest.raises(SnapshotDamaged, match="--resume"):
        finetune(settings)
    resumed = finetune(settings, resume=True)
    [run] = workspace.runs()
    for path in (workspace.run(run) / "style").iterdir():
        path.unlink()
    for path in (workspace.run(run) / "snapshots").iterdir():
        path.unlink()
    assert finetune(settings).tensors == resumed.tensors


@pytest.mark.slow
def test_class_images_are_drawn_by_the_base_and_kept(finetune: Finetuning) -> None:
    seen: list[str] = []
    settings = {"with_prior_preservation": True, "num_class_images": 2}
    finetune(settings, progress=lambda what, done, of: seen.append(what))
    assert "drawing class images" in seen


PRIOR = {**QUICK, "with_prior_preservation": True}


@pytest.fixture
def class_images(tmp_path: Path) -> Path:
    folder = tmp_path / "class"
    folder.mkdir()
    for name, colour in {"red": "red", "blue": "blue"}.items():
        Image.new("RGB", (16, 16), colour).save(folder / f"{name}.png")
    return folder


def test_class_images_of_a_folder_take_a_permission(
    workspace: Workspace, collected: Collected, tiny_base: Path, class_images: Path
) -> None:
    def planned() -> planning.Plan:
        return planning.plan(workspace, tiny_base, settings=PRIOR, class_images=class_images)

    with pytest.raises(RightsMissing, match="2 of 2 pictures") as missing:
        planned()
    assert missing.value.exit_code == 3 and str(class_images / "rights.toml") in missing.value.hint
    found = look_at(class_images, "white", pictures=False)[0]
    today = {"valid_from": datetime.date.today(), "valid_until": None, "bases": ["any"]}
    for scope, words in [({"methods": ["full"]}, "clause: method"), ({"bases": ["another-family"]}, "clause: base")]:
        (class_images / "it.consent.json").write_bytes(signed(works=found, **{**today, **scope}).data)
        with pytest.raises(RightsMissing, match=words):
            planned()
    (class_images / "it.consent.json").write_bytes(signed(works=found, **today).data)
    assert planned().class_images is not None
    with pytest.raises(UsageMistake, match="without prior preservation"):
        planning.plan(workspace, tiny_base, settings=QUICK, class_images=class_images)


@pytest.mark.slow
def test_a_style_names_the_class_images_it_stands_on_and_an_extension_keeps_them(
    workspace: Workspace, collected: Collected, tiny_base: Path, class_images: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    found = look_at(class_images, "white", pictures=False)[0]
    today = {"valid_from": datetime.date.today(), "valid_until": datetime.date.today(), "bases": ["any"]}
    (class_images / "it.consent.json").write_bytes(signed(works=found, **today).data)
    plan = planning.plan(workspace, tiny_base, settings=PRIOR, class_images=class_images)
    assert plan.class_images is not None
    digest = plan.class_images.collection.digest
    style = TrainedStyle.open(Path(stages.finetune(plan).style))
    assert style.class_images == digest != style.collection
    again = planning.plan(workspace, tiny_base, extend="1 steps")
    assert TrainedStyle.open(Path(stages.finetune(again).style)).class_images == digest
    others = tmp_path / "others"
    others.mkdir()
    Image.new("RGB", (16, 16), "green").save(others / "a.png")
    (others / "rights.toml").write_text('[[rights]]\nworks = ["*"]\nauthor = "Ada"\nbasis = "own-work"\n')
    with pytest.raises(UsageMistake, match="other class images"):
        planning.plan(workspace, tiny_base, extend="1 steps", class_images=others)
    tomorrow(monkeypatch)
    for late in (
        lambda: stages.generate(workspace, ["a fox"], base=tiny_base),
        lambda: planning.plan(workspace, tiny_base, extend="2 steps"),
    ):
        with pytest.raises(RightsMissing, match="clause: last day"):
            late()


@pytest.mark.slow
def test_a_run_is_extended_on_its_own_works(
    finetune: Finetuning, workspace: Workspace, tiny_base: Path, tmp_path: Path, collected: Collected
) -> None:
    """Even when something else was collected meanwhile."""
    first = finetune({"lr_scheduler": "constant"})
    others = tmp_path / "others"
    others.mkdir()
    for colour in ("red", "blue"):
        Image.new("RGB", (16, 16), colour).save(others / f"{colour}.png")
    stages.collect(workspace, others, for_all(own_work("Ben Pen")), validation=None)
    longer = stages.finetune(planning.plan(workspace, tiny_base, extend="2 steps"))
    assert longer.steps == 5 and longer.run != first.run
    manifest = RunManifest.load(workspace.run(longer.run) / "run.json")
    assert (manifest.extends, manifest.collection) == (first.run, collected.collection)
    workspace.point_to(collection=collected.collection)
    assert finetune({"lr_scheduler": "constant", "max_train": "5 steps"}).tensors == longer.tensors


@pytest.mark.slow
def test_an_extension_of_no_length_or_on_another_base_is_refused(
    finetune: Finetuning, workspace: Workspace, tiny_base: Path, epsilon_base: Path
) -> None:
    finetune()
    with pytest.raises(UsageMistake, match="`a little` is no duration"):
        planning.plan(workspace, tiny_base, extend="a little")
    with pytest.raises(UsageMistake, match="the style was trained on"):
        planning.plan(workspace, epsilon_base, extend="2 steps")


# Permission


def test_a_permission_that_ended_yesterday_refuses_to_finetune(
    workspace: Workspace, six_works: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = {"file": "letter.pdf", "sha256": digests.of_bytes(b"yes, until tonight")}
    rights = RightsRecord.read(
        {"author": "Ada Brush", "basis": "written-permission", "evidence": [letter], "permits": ["train"],
         "valid_until": datetime.date.today().isoformat()}, where="here",
    )  # fmt: skip
    stages.collect(workspace, six_works, for_all(rights), validation=None)
    planning.plan(workspace, tiny_base)
    tomorrow(monkeypatch)
    with pytest.raises(RightsMissing, match="6 of 6 works may not be used for training a model") as missing:
        planning.plan(workspace, tiny_base)
    assert missing.value.exit_code == 3
    assert len(missing.value.faults) == 6 and "ended on" in missing.value.faults[0]


def consented(workspace: Workspace, works: Path, tmp_path: Path, **scope: Any) -> Collected:
    """The works, collected with a consent that both holders have signed."""
    found = look_at(works, "white", pictures=False)[0]
    today = {"valid_from": datetime.date.today(), "valid_until": datetime.date.today()}
    path = tmp_path / "ada.consent.json"
    path.write_bytes(signed(works=found, **{"bases": ["stable-diffusion-1"], **today, **scope}).data)
    return stages.collect(workspace, works, from_consents([path]), validation=None)


def test_a_consent_that_was_changed_in_the_workspace_closes_every_gate(
    workspace: Workspace, six_works: Path, tiny_base: Path, tmp_path: Path
) -> None:
    made = consented(workspace, six_works, tmp_path)
    (file,) = (Path(made.record).parent / "consents").iterdir()
    file.write_bytes(file.read_bytes().replace(b'"sig":"', b'"sig":"A', 1))
    for refused in (lambda: stages.encode(workspace, tiny_base), lambda: planning.plan(workspace, tiny_base)):
        with pytest.raises(ConsentBroken):
            refused()


@pytest.fixture
def quickly_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handstyle.finetuning.cross_fitting.LEVELS", 1)
    monkeypatch.setattr("handstyle.finetuning.stopping.POINTS", 2)
    monkeypatch.setattr("handstyle.finetuning.fold.SAMPLES", 1)


@pytest.mark.usefixtures("quickly_fitted")
def test_works_left_out_in_turn_choose_a_length_and_the_run_has_it(
    workspace: Workspace, collected: Collected, tiny_base: Path, finetune: Finetuning
) -> None:
    """The run is an ordinary one of that length: whoever has the recipe can repeat it without the folds."""
    plan = planning.plan(workspace, tiny_base, settings=QUICK)
    made = stages.finetune(plan, stop="cross-fitted")
    fitted = CrossFitted.load(workspace.run(made.run) / "stopping.json")
    assert sorted(name for fold in fitted.folds for name in fold) == [work.name for work in plan.collection.training]
    assert made.steps == fitted.chosen in (2, 3) and made.verdict == fitted.verdict
    style = TrainedStyle.open(Path(made.style))
    assert (str(style.recipe.max_train), style.recipe.lr_scheduler) == (
        f"{fitted.chosen} steps",
        "constant_with_warmup",
    )
    assert stages.finetune(plan, stop="cross-fitted").already_there
    assert stages.finetune(replace(plan, recipe=style.recipe)).tensors == made.tensors
    assert not list((workspace.root / "folds").rglob("*.safetensors"))


@pytest.mark.slow
@pytest.mark.usefixtures("quickly_fitted")
@pytest.mark.parametrize("stop_at", ["leaving works out in turn", "finetuning"])
def test_a_run_that_was_stopped_while_works_were_left_out_is_resumed(
    stop_at: str, workspace: Workspace, collected: Collected, tiny_base: Path, tmp_path: Path, six_works: Path
) -> None:
    class Stopped(Exception):
        pass

    def report(what: str, done: int, of: int) -> None:
        if what.startswith(stop_at) and done == 2:
            raise Stopped

    plan = planning.plan(workspace, tiny_base, settings=QUICK)
    with pytest.raises(Stopped):
        stages.finetune(plan, stop="cross-fitted", save_every=1, progress=report)
    resumed = stages.finetune(plan, stop="cross-fitted", save_every=1, resume=True)
    other = Workspace(tmp_path / "another")
    stages.collect(other, six_works, read_rights_toml(six_works / "rights.toml"), validation=2)
    whole = stages.finetune(planning.plan(other, tiny_base, settings=QUICK), stop="cross-fitted")
    assert resumed.tensors == whole.tensors and resumed.verdict == whole.verdict


@pytest.mark.usefixtures("quickly_fitted")
def test_without_a_length_it_is_found_where_that_is_quick(
    workspace: Workspace, collected: Collected, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handstyle.finetuning.defaults.FEWEST_STEPS", 2)
    monkeypatch.setattr("handstyle.finetuning.defaults.MOST_STEPS", 2)
    plan = planning.plan(workspace, tiny_base, settings={k: v for k, v in QUICK.items() if k != "max_train"})
    said: list[str] = []
    asked = stages.finetune(plan, dry_run=True, announce=said.append)
    assert asked.steps == 4 and "cross-fitted stopping: 4 folds of 3 or more works, then all 4" in said[0]
    further = stages.finetune(plan, stop="cross-fitted", dry_run=True, announce=[].append)
    assert further.steps == 16, "whoever asks for it has time to look on"
    with monkeypatch.context() as patch:
        patch.setattr("handstyle.finetuning.how_long.PATIENCE", 0)
        stages.finetune(plan, dry_run=True, announce=said.append)
        assert "cross-fitted" not in said[1]
    given = planning.plan(workspace, tiny_base, settings=QUICK)
    stages.finetune(given, dry_run=True, announce=said.append)
    assert "cross-fitted" not in said[2], "somebody gave a length"


def test_too_few_works_cannot_be_left_out_in_turn(workspace: Workspace, six_works: Path, tiny_base: Path) -> None:
    stages.collect(workspace, six_works, read_rights_toml(six_works / "rights.toml"), validation=3)
    with pytest.raises(UsageMistake, match="there are 3 works that differ"):
        stages.finetune(planning.plan(workspace, tiny_base, settings=QUICK), stop="cross-fitted")


def test_an_oracle_that_saw_the_drawings_is_no_measure(
    workspace: Workspace, six_works: Path, tiny_base: Path, finetune: Finetuning
) -> None:
    rights = read_rights_toml(six_works / "rights.toml")
    own = finetune()
    stages.collect(workspace, six_works, rights, validation=None)
    oracle = finetune()
    workspace.point_to(run=own.run)
    with pytest.raises(UsageMistake, match="trained on 2 of the drawings it is to be measured on"):
        stages.inspect(workspace, base=tiny_base, oracle=oracle.run, quick=True)


def test_drawings_that_look_nearly_like_a_work_of_the_oracle_are_left_out_and_told(
    workspace: Workspace, six_works: Path, tiny_base: Path, tmp_path: Path, finetune: Finetuning
) -> None:
    own = finetune()
    kept = json.loads((workspace.collections()[0] / "collection.json").read_text(encoding="utf-8"))["validation"]
    copies = copy_six_works(tmp_path / "of the oracle")
    with Image.open(copies / kept[0]) as image:
        copy = image.convert("RGB").resize((90, 90))
    copy.save(copies / kept[0])
    plan = read_rights_toml(copies / "rights.toml")
    stages.collect(workspace, copies, plan, validation=None, without=[kept[1]])
    oracle = finetune()
    workspace.point_to(run=own.run)
    inspected = stages.inspect(workspace, base=tiny_base, oracle=oracle.run, quick=True)
    report = InspectionReport.load(Path(inspected.report))
    assert report.held_out_gain is not None and report.held_out_gain.drawings == "works left out of training"
    assert report.held_out_gain.number_of_drawings == 1
    assert report.too_near == (f"{kept[0]} looks nearly like {kept[0]}",)
    assert any("another time or kind" in limit for limit in report.cannot_tell)


@pytest.mark.slow
def test_the_day_after_a_consent_ends_nothing_is_drawn_with_the_style(
    workspace: Workspace, six_works: Path, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = consented(workspace, six_works, tmp_path)
    assert "signed by Ada Example" in made.permission[0]
    stages.finetune(planning.plan(workspace, tiny_base, settings=QUICK))
    stages.generate(workspace, ["a fox"], base=tiny_base, settings={"num_inference_steps": 1})
    tomorrow(monkeypatch)
    with pytest.raises(RightsMissing, match="clause: last day"):
        stages.generate(workspace, ["a fox"], base=tiny_base)
    with pytest.raises(RightsMissing, match="clause: last day"):
        planning.plan(workspace, tiny_base, extend="1 steps")


@pytest.mark.slow
def test_a_style_is_not_worn_by_a_base_its_consent_does_not_name(
    workspace: Workspace, six_works: Path, tiny_base: Path, save_base: Callable[..., Path], family: Any, tmp_path: Path
) -> None:
    consented(workspace, six_works, tmp_path, bases=[f"sha256:{family.digest}"])
    stages.finetune(planning.plan(workspace, tiny_base, settings=QUICK))
    other = save_base(seed=1)
    with pytest.raises(RightsMissing, match="clause: base"):
        stages.generate(workspace, ["a fox"], base=other)
    assert stages.generate(workspace, ["a fox"], base=tiny_base, settings={"num_inference_steps": 1}).pictures


@pytest.mark.slow
def test_inspecting_asks_as_generating_does_and_asks_for_further_drawings(
    workspace: Workspace, six_works: Path, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    consented(workspace, six_works, tmp_path)
    more = tmp_path / "more"
    more.mkdir()
    Image.new("RGB", (16, 16), "green").save(more / "a.png")
    plan = planning.plan(workspace, tiny_base, settings=QUICK)
    with pytest.raises(RightsMissing, match="no consent names"):
        stages.finetune(plan, further=more)
    assert not workspace.runs()
    stages.finetune(plan)
    with pytest.raises(RightsMissing, match="no consent names"):
        stages.inspect(workspace, base=tiny_base, further=more)
    tomorrow(monkeypatch)
    with pytest.raises(RightsMissing, match="clause: last day"):
        stages.inspect(workspace, base=tiny_base)
    assert workspace.current().inspection is None


def test_a_style_whose_permission_is_elsewhere_draws_nothing(
    finetune: Finetuning, tiny_base: Path, tmp_path: Path
) -> None:
    style = finetune().style
    with pytest.raises(RightsMissing, match="cannot be seen"):
        stages.generate(Workspace(tmp_path / "another"), ["a fox"], base=tiny_base, styles=[style])


@pytest.mark.slow
def test_publishing_without_a_report_is_refused(finetune: Finetuning, workspace: Workspace, tiny_base: Path) -> None:
    finetune()
    with pytest.raises(GateClosed, match="not been inspected") as closed:
        stages.publish(workspace, "Soft shapes", base=tiny_base)
    assert closed.value.exit_code == 3
    assert not (workspace.root / "releases").exists()


# Generate and inspect


@pytest.mark.slow
def test_pictures_carry_what_made_them_and_none_is_overwritten(
    finetune: Finetuning, workspace: Workspace, tiny_base: Path, tmp_path: Path, collected: Collected
) -> None:
    run = finetune()

    few = {"num_inference_steps": 2}

    def draw() -> Generated:
        prompts, to = ["a fox", "a\nhen"], tmp_path / "to"
        return stages.generate(workspace, prompts, base=tiny_base, seeds=[1, 2], settings=few, sheet=True, to=to)

    drawn = [draw() for _ in range(3)]
    paths = [Path(path) for each in drawn for path in (*each.pictures, str(each.sheet))]
    assert len(set(paths)) == 3 * 5 and all(path.is_file() for path in paths)
    record = read_signature(paths[0]).record
    assert record.request and record.request.prompt.startswith("a fox, ")
    assert record.collections == (collected.collection,)
    assert record.request.styles[0].tensors == run.tensors and record.styles == (run.tensors,)
    pixels = [[Image.open(path).tobytes() for path in each.pictures] for each in drawn]
    assert pixels[0] == pixels[1] == pixels[2]
    assert len(set(pixels[0])) == 4


@pytest.mark.slow
def test_every_picture_on_disk_is_signed_or_the_artists_own(
    finetune: Finetuning, workspace: Workspace, tiny_base: Path
) -> None:
    """Samples while it learns, pictures, their sheet, and what a report shows."""
    finetune(sample_every=1)
    few = {"num_inference_steps": 1}
    stages.generate(workspace, ["a fox"], base=tiny_base, seeds=[1, 2], settings=few, sheet=True)
    place = Path(stages.inspect(workspace, base=tiny_base, quick=True).report)
    report = InspectionReport.load(place)
    drawings = {work.picture.file for work in report.works}
    drawings |= {side.real.file for side in report.comparisons if side.real}
    drawings |= {output.work_picture.file for output in report.copying.outputs}
    pictures = sorted(workspace.root.rglob("*.png"))
    unsigned = {path.name for path in pictures if b"handstyle\0" not in path.read_bytes()}
    assert unsigned == drawings and len(pictures) > len(drawings) + 8
    signed = [read_signature(path) for path in pictures if path.name not in unsigned]
    assert all(found.fits for found in signed) and len({found.signer for found in signed}) == 1


def test_pictures_say_what_they_lack_without_the_extra(
    workspace: Workspace, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handstyle.publication.credentials.is_installed", lambda: False)
    few = {"num_inference_steps": 1}
    drawn = stages.generate(workspace, ["a fox"], base=tiny_base, styles=["none"], settings=few)
    assert len(drawn.notes) == 1 and "handstyle[publish]" in drawn.notes[0]
    assert read_signature(Path(drawn.pictures[0])).fits


def test_a_key_of_ones_own_choice_signs_pictures(workspace: Workspace, tiny_base: Path, tmp_path: Path) -> None:
    line = keys.new_key(tmp_path / "key", "")
    few = {"num_inference_steps": 1}
    drawn = stages.generate(workspace, ["a fox"], base=tiny_base, styles=["none"], settings=few, key=tmp_path / "key")
    found = checking.detect(Path(drawn.pictures[0]), trust=tmp_path / "key.pub")
    assert found.status == "trusted" and found.signer == keys.fingerprint(keys.key_in(line))


def test_the_base_alone_draws_without_a_style(workspace: Workspace, tiny_base: Path) -> None:
    drawn = stages.generate(workspace, ["a fox"], base=tiny_base, styles=["none"], settings={"num_inference_steps": 2})
    record = read_signature(Path(drawn.pictures[0])).record
    assert record.request and record.request.prompt == "a fox" and record.styles == record.request.styles == ()


@pytest.mark.slow
def test_a_style_is_not_inspected_on_another_base(
    finetune: Finetuning, workspace: Workspace, epsilon_base: Path
) -> None:
    """Of the same shapes, so that nothing else would notice: the report would speak of a base it never saw."""
    finetune()
    with pytest.raises(UsageMistake, match="the style was trained on"):
        stages.inspect(workspace, base=epsilon_base)
    assert workspace.current().inspection is None
