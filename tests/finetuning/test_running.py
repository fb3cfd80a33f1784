"""Does a run in its folder survive being stopped, a full disk and a second process?"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.finetuning.conftest import Stopped, manifest

from handstyle.collection.rights import own_work
from handstyle.collection.works import Collection, Work
from handstyle.diffusion.checkpoints import read_tensors
from handstyle.diffusion.hardware import environment
from handstyle.errors import SnapshotDamaged, StageMissing, WorkspaceBusy, WriteFailed
from handstyle.finetuning import running
from handstyle.finetuning.manifest import RunManifest
from handstyle.finetuning.observers import read_log
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.snapshots import Snapshots
from handstyle.finetuning.trainable import trainable
from handstyle.finetuning.trained_style import WEIGHTS, TrainedStyle
from handstyle.finetuning.validation import Drawings, Yardstick, yardstick
from handstyle.workspace import Workspace

STEPS = 7


def stop_at(step: int) -> Callable[[str, int, int], None]:
    def report(what: str, done: int, of: int) -> None:
        if done == step:
            raise Stopped

    return report


@pytest.fixture
def go(family: Any, material: Any, tmp_path: Path) -> Callable[..., TrainedStyle]:
    """A run in a folder, saved at every second step."""

    def begin(
        recipe: Recipe,
        folder: Path,
        *,
        resume: bool = False,
        parent: Path | None = None,
        steps: int = STEPS,
        report: Callable[[str, int, int], object] = lambda what, done, of: None,
        held_out: Yardstick | None = None,
        paint: Callable[[int], object] = lambda step: None,
    ) -> TrainedStyle:
        asked = manifest(recipe, steps, parent.name if parent else "")
        with trainable(family, recipe) as learning:
            state = running.starting_state(folder, asked, parent, resume=resume)
            run = running.Running(folder, asked, family, learning, material(recipe), paint, held_out)
            return run.go(state, save_every=2, sample_every=3, report=report)

    return begin


def test_a_run_leaves_its_style_its_log_and_its_cost(go: Any, recipe: Any, tmp_path: Path) -> None:
    folder, painted = tmp_path / "run", []
    style = go(recipe(), folder, paint=painted.append)
    assert TrainedStyle.open(folder / "style") == style
    assert (style.steps, style.number_of_works) == (STEPS, 5)
    assert [line.step for line in read_log(folder / "steps.jsonl")] == list(range(1, STEPS + 1))
    assert [path.stem for path in Snapshots(folder / "snapshots", "").paths()] == [
        f"step-{n:06d}" for n in (2, 4, 6, 7)
    ]
    assert painted == [0, 3, 6, 7], "from the untrained base to the end"
    cost = running.Cost.load(folder / "cost.json")
    assert cost.seconds > 0 and cost.pictures_per_second > 0 and cost.peak_memory_bytes > 1 << 24
    assert running.is_finished(folder)
    assert not running.is_finished(tmp_path)


@pytest.mark.parametrize("stop", [3, *(pytest.param(stop, marks=pytest.mark.slow) for stop in (1, 2, 6))])
def test_a_stopped_run_is_resumed_to_the_same_style_and_log(stop: int, go: Any, recipe: Any, tmp_path: Path) -> None:
    chosen = recipe(ema_decay=0.9, lora_dropout=0.3)
    whole = go(chosen, tmp_path / "whole")
    with pytest.raises(Stopped):
        go(chosen, tmp_path / "stopped", report=stop_at(stop))
    assert not running.is_finished(tmp_path / "stopped")
    resumed = go(chosen, tmp_path / "stopped", resume=True)
    assert resumed.tensors == whole.tensors
    lines = [read_log(tmp_path / name / "steps.jsonl") for name in ("whole", "stopped")]
    assert [(line.step, line.loss) for line in lines[0]] == [(line.step, line.loss) for line in lines[1]]


def test_an_unfinished_run_is_not_started_over_by_accident(go: Any, recipe: Any, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        go(recipe(), tmp_path, report=stop_at(5))
    with pytest.raises(SnapshotDamaged, match="holds an unfinished run of the same recipe, at step 4") as unfinished:
        go(recipe(), tmp_path)
    assert "--resume" in unfinished.value.hint
    assert read_log(tmp_path / "steps.jsonl")[-1].step == 5, "nothing of it was touched"


def test_where_nothing_was_begun_there_is_nothing_to_resume(go: Any, recipe: Any, tmp_path: Path) -> None:
    with pytest.raises(StageMissing, match="no unfinished run of this recipe"):
        go(recipe(), tmp_path / "run", resume=True)


@pytest.mark.slow
def test_snapshots_of_another_recipe_are_not_resumed(go: Any, recipe: Any, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        go(recipe(), tmp_path, report=stop_at(5))
    with pytest.raises(SnapshotDamaged, match="belongs to another recipe"):
        go(recipe(learning_rate=2e-3), tmp_path, resume=True)


@pytest.mark.slow
def test_a_torn_snapshot_costs_only_the_steps_since_the_one_before(go: Any, recipe: Any, tmp_path: Path) -> None:
    whole = go(recipe(), tmp_path / "whole")
    folder = tmp_path / "stopped"
    with pytest.raises(Stopped):
        go(recipe(), folder, report=stop_at(5))
    torn = folder / "snapshots" / "step-000004.safetensors"
    torn.write_bytes(torn.read_bytes()[:-1])
    assert go(recipe(), folder, resume=True).tensors == whole.tensors


@pytest.mark.slow
def test_a_disk_that_is_full_while_saving_loses_nothing(
    go: Any, recipe: Any, tmp_path: Path, disk_full_at: Any
) -> None:
    whole, folder = go(recipe(), tmp_path / "whole"), tmp_path / "full"
    said = r"step-000004\.safetensors could not be written: No space left"
    with disk_full_at(".step-000004"), pytest.raises(WriteFailed, match=said):
        go(recipe(), folder)
    assert [path.name for path in (folder / "snapshots").iterdir()] == ["step-000002.safetensors"]
    assert go(recipe(), folder, resume=True).tensors == whole.tensors


@pytest.mark.slow
def test_a_finished_run_can_be_extended_from_its_last_step(go: Any, recipe: Any, tmp_path: Path) -> None:
    first = recipe(lr_scheduler="constant")
    go(first, tmp_path / "first")
    longer = recipe(lr_scheduler="constant", max_train="12 steps")
    at_once = go(longer, tmp_path / "at once", steps=12)
    extended = go(longer, tmp_path / "extended", steps=12, parent=tmp_path / "first")
    assert extended.tensors == at_once.tensors, "at a constant rate nobody can tell where it paused"
    assert [line.step for line in read_log(tmp_path / "extended" / "steps.jsonl")] == list(range(8, 13))


def test_a_run_without_snapshots_cannot_be_extended(go: Any, recipe: Any, tmp_path: Path) -> None:
    go(recipe(), tmp_path / "first")
    for path in (tmp_path / "first" / "snapshots").iterdir():
        path.unlink()
    with pytest.raises(SnapshotDamaged, match="no snapshot left to continue from"):
        go(recipe(max_train="12 steps"), tmp_path / "extended", steps=12, parent=tmp_path / "first")


@pytest.mark.slow
def test_looking_on_does_not_change_what_is_learnt(go: Any, recipe: Any, tmp_path: Path, family: Any) -> None:
    """Samples and validation are made with the moving average, and the run goes on with its own weights and chance."""
    chosen = recipe(ema_decay=0.9, lora_dropout=0.3)
    drawings = Drawings(("a", "b"), tuple(torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))))
    seen = []

    def paint(step: int) -> None:
        torch.rand(5)
        seen.append(family.denoiser.mid_block.resnets[0].conv1.lora_B.default.weight.detach().clone())

    held_out = yardstick(family, drawings, ["{caption}", "{caption}, drawing"], "no")
    watched = go(chosen, tmp_path / "watched", held_out=held_out, paint=paint)
    assert watched.tensors == go(chosen, tmp_path / "alone").tensors
    looked = [line for line in read_log(tmp_path / "watched" / "steps.jsonl") if line.held_out]
    assert [line.step for line in looked] == [3, 6, 7]
    for line in looked:
        assert line.gain is not None and line.gain_interval is not None and line.held_out is not None
        base = float(held_out.base_errors_LN.mean())
        assert line.gain == pytest.approx(1 - line.held_out / base, abs=1e-6)
        assert line.gain_interval[0] <= line.gain <= line.gain_interval[1]
        assert line.gain_by_band is not None and len(line.gain_by_band) == 4
    kept = read_tensors(tmp_path / "watched" / "style" / WEIGHTS)[0]["unet.mid_block.resnets.0.conv1.lora_B.weight"]
    assert torch.equal(seen[-1], kept), "what is painted last is what is kept"


def test_another_process_in_the_folder_is_refused_until_it_ends(tmp_path: Path) -> None:
    workspace, folder = Workspace(tmp_path), tmp_path / "runs" / "one"
    program = (
        "import sys; from pathlib import Path; from handstyle.workspace import Workspace\n"
        "with Workspace(Path(sys.argv[1])).held(Path(sys.argv[2])):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(WorkspaceBusy, match="another handstyle process works in"), workspace.held(folder):
            pass
    finally:
        other.kill()  # as a crash would, without a chance to clean up
        other.communicate()
    with workspace.held(folder):
        pass


# Material and manifest


def test_material_that_differs_in_a_single_bit_has_another_digest(recipe: Any, material: Any) -> None:
    """It may have been encoded on another machine, and the manifest has to tell."""
    whole = material(recipe(with_prior_preservation=True))
    assert whole.digest == material(recipe(with_prior_preservation=True)).digest
    first, prior = whole.works[0], whole.class_images[-1]
    for tensor in (
        whole.empty_LD, first.conditioning_LD, prior.conditioning_LD,
        first.variants[1].mean_BCHW, first.variants[0].deviation_BCHW, prior.variants[0].mean_BCHW,
    ):  # fmt: skip
        before, bits = whole.digest, tensor.view(-1).view(torch.int32)
        bits[-1] ^= 1
        assert whole.digest != before
        bits[-1] ^= 1
        assert whole.digest == before


def test_the_manifest_names_what_was_encoded(recipe: Any, material: Any, family: Any) -> None:
    chosen, rights = recipe(), own_work("Ada Example")
    work = Work(
        name="ant.png", file_format="PNG", file_sha256="f" * 64, pixels_sha256="a" * 64, width=16, height=16,
        caption="ant", caption_from="file name", rights=rights.digest,
    )  # fmt: skip
    collection = Collection(works=(work,), rights={rights.digest: rights})
    encoded = material(chosen)
    named = running.manifest(collection, family, chosen, encoded).environment
    assert named["encoded works"] == encoded.digest[:16]
    assert named.keys() == {*environment(), "encoded works"}


def test_everything_that_decides_the_weights_decides_the_name_of_a_run(recipe: Any) -> None:
    one = manifest(recipe())
    base = one.base.model_copy(update={"sha256": "d" * 64})
    others: dict[str, Any] = {"collection": "d" * 64, "works": 6, "base": base, "recipe": recipe(rank=3), "steps": 8,
                              "class_images": "e" * 64, "resolution": 32, "extends": "another",
                              "plain": True, "origin": "a" * 64}  # fmt: skip
    lineages = {one.model_copy(update={name: value}).lineage for name, value in others.items()}
    assert len(lineages | {one.lineage}) == 1 + len(others)
    assert one.model_copy(update={"environment": {"torch": "3"}}).lineage == one.lineage
    undecided = {"format", "environment", "continued", "replaces"}
    assert set(others) == set(RunManifest.model_fields) - undecided, "a new field belongs here too"
