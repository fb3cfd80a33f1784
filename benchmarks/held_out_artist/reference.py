"""What does diffusers' own DreamBooth script reach, with the settings its page publishes?

The script itself is run, out of a checkout of diffusers, with the settings of its page for low-rank DreamBooth (500
steps, batch 1, learning rate 1e-4, constant, rank 4) at the size the base draws at. It keeps a checkpoint every 25
steps. Each is asked in the words that suit it best on the very drawings it is tested on, and the best step is chosen
there as well: no run of it could know either, so both favour the script.
"""

from __future__ import annotations

import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.held_out_artist.bench import Bench, Measure, prepared
from benchmarks.held_out_artist.methods import DEFAULT, METHODS, REFERENCE, REFERENCE_BEST, Method
from benchmarks.held_out_artist.recipes import class_words_of
from benchmarks.held_out_artist.rows import Row
from benchmarks.speed.processes import run
from handstyle import digests
from handstyle.diffusion.catalogue import EMBEDDED
from handstyle.diffusion.family import ModelFamily
from handstyle.diffusion.hardware import hardware, usable_cores
from handstyle.generation.generate import Worn
from handstyle.generation.wardrobe import worn

STEPS, EVERY, RANK = 500, 25, 4
INSTANCE = "hks style"
TEMPLATES = (INSTANCE, f"{{caption}}, {INSTANCE}", f"{INSTANCE} of {{caption}}", f"{{caption}} in {INSTANCE}")
SCRIPT = Path("examples") / "dreambooth" / "train_dreambooth_lora.py"
WEIGHTS = "pytorch_lora_weights.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    step: int
    template: str
    errors: tuple[float, ...]
    weights: Worn

    @property
    def error(self) -> float:
        return float(np.mean(self.errors))


def rows(bench: Bench, draw: int, known: set[str], checkout: Path) -> list[Row]:
    """At its last step and at its best one."""
    method = Method("what it reaches", {"steps": STEPS, "rank": RANK}, works=METHODS[DEFAULT].works)
    recipe = recipe_of(bench.family)
    missing = [n for n in (REFERENCE, REFERENCE_BEST) if bench.row(draw, n, method, recipe).key not in known]
    if not missing:
        return []
    workspace = prepared(bench, draw, method, "reference", bench.row(draw, REFERENCE, method, recipe).key)
    precision = "bf16" if hardware().fast_bf16 else "no"
    measure = Measure.of(bench, workspace, precision, class_words_of(bench.family))
    out, began = workspace.root / "reference", time.perf_counter()
    if not (out / WEIGHTS).is_file():
        shutil.rmtree(out, ignore_errors=True)
        run(command(bench, draw, checkout, out, precision), {"HF_HUB_OFFLINE": "1"})
    seconds = round(time.perf_counter() - began, 1)
    found = [_checkpoint(bench, workspace.root, measure, path, step) for step, path in checkpoints(out)]
    best = min(found, key=lambda one: one.error)
    looked_at = tuple(one.step for one in found)
    asked = [(name, one) for name, one in ((REFERENCE, found[-1]), (REFERENCE_BEST, best)) if name in missing]
    steps = {one.step: one for _, one in asked}
    distances = {step: measure.distances(measure.pictures(one.template, [one.weights])) for step, one in steps.items()}
    return [
        bench.row(
            draw, name, method, recipe, steps=one.step, seconds=seconds, looked_at=looked_at, errors=one.errors,
            distances=distances[one.step], **measure.of_base,
        )
        for name, one in asked
    ]  # fmt: skip


def recipe_of(family: ModelFamily) -> str:
    """Digest of what the script is told, and of the words it and the base are asked in."""
    told = [STEPS, EVERY, RANK, INSTANCE, *TEMPLATES, class_words_of(family)]
    return digests.of_json({"script": SCRIPT.as_posix(), "told": told})


def command(bench: Bench, draw: int, checkout: Path, out: Path, precision: str) -> list[str]:
    works = bench.works(draw, METHODS[DEFAULT], REFERENCE)
    pictures = out.with_name("pictures")  # the script opens every file of its folder
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir(parents=True)
    for path in works.glob("*.png"):
        shutil.copy(path, pictures)
    threads = str(usable_cores())
    return [
        sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "1", "--num_machines", "1",
        "--dynamo_backend", "no", "--mixed_precision", precision, "--num_cpu_threads_per_process", threads,
        str(checkout / SCRIPT), "--pretrained_model_name_or_path", str(bench.base or EMBEDDED),
        "--instance_data_dir", str(pictures), "--instance_prompt", INSTANCE, "--output_dir", str(out),
        "--resolution", str(bench.family.resolution), "--train_batch_size", "1", "--gradient_accumulation_steps", "1",
        "--max_train_steps", str(STEPS), "--checkpointing_steps", str(EVERY), "--learning_rate", "1e-4",
        "--lr_scheduler", "constant", "--lr_warmup_steps", "0", "--rank", str(RANK), "--seed", str(draw),
        "--mixed_precision", precision,
    ]  # fmt: skip


def checkpoints(out: Path) -> list[tuple[int, Path]]:
    """Step and file, earliest first; the finished file is the last step's."""
    kept = ((int(path.parent.name.rpartition("-")[2]), path) for path in out.glob(f"checkpoint-*/{WEIGHTS}"))
    return sorted({**dict(kept), STEPS: out / WEIGHTS}.items())


def _checkpoint(bench: Bench, workspace: Path, measure: Measure, path: Path, step: int) -> Checkpoint:
    from handstyle.workspace import Workspace

    weights = worn(Workspace(workspace), [str(path)], bench.family)[0]
    by_template = {template: measure.errors(template, [weights]) for template in TEMPLATES}
    best = min(by_template, key=lambda template: float(np.mean(by_template[template])))
    return Checkpoint(step, best, by_template[best], weights)
