"""What does diffusers' own DreamBooth script reach, with the settings its page publishes?

The script itself is run, out of a checkout of diffusers, with the settings of its page for low-rank DreamBooth (500
steps, batch 1, learning rate 1e-4, constant, rank 4) at the size the base draws at. It keeps a checkpoint every 25
steps. Each is asked in four wordings on the very drawings it is tested on, at a noise level of each band; the best of
them at all levels is its best step. No run of it could know that, nor which words suit it, so both favour the script.
"""

from __future__ import annotations

import shutil
import sys
import time
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.held_out_artist import rows as kept
from benchmarks.held_out_artist.bench import Bench, Measure, prepared
from benchmarks.held_out_artist.methods import DEFAULT, METHODS, REFERENCE, REFERENCE_BEST, Method
from benchmarks.held_out_artist.recipes import class_words_of
from benchmarks.held_out_artist.rows import Row
from benchmarks.speed.processes import run
from handstyle import digests
from handstyle.diffusion.catalogue import EMBEDDED
from handstyle.diffusion.family import ModelFamily
from handstyle.diffusion.hardware import hardware, usable_cores
from handstyle.finetuning.validation import LEVELS_OF_A_RUN
from handstyle.generation.generate import Worn
from handstyle.generation.wardrobe import worn
from handstyle.records import Record

STEPS, EVERY, RANK = 500, 25, 4
FINALISTS = 4  # of a step in a wording: chosen at a few noise levels, then measured at all
INSTANCE = "hks style"
TEMPLATES = (INSTANCE, f"{{caption}}, {INSTANCE}", f"{INSTANCE} of {{caption}}", f"{{caption}} in {INSTANCE}")
SCRIPT = Path("examples") / "dreambooth" / "train_dreambooth_lora.py"
WEIGHTS = "pytorch_lora_weights.safetensors"


class Asked(Record):
    """A checkpoint in one wording, and the mean of its errors at a few noise levels."""

    step: int
    template: str
    error: float


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
    weights = {step: worn(workspace, [str(path)], bench.family)[0] for step, path in checkpoints(out)}
    asked = looked_through(workspace.root / "asked.jsonl", measure, weights)
    last = min((one for one in asked if one.step == STEPS), key=lambda one: one.error)
    finalists = sorted(asked, key=lambda one: one.error)[:FINALISTS]
    errors = {one: measure.errors(one.template, [weights[one.step]]) for one in dict.fromkeys((last, *finalists))}
    best = min(errors, key=lambda one: float(np.mean(errors[one])))
    chosen = {name: one for name, one in ((REFERENCE, last), (REFERENCE_BEST, best)) if name in missing}
    distances = {
        one: measure.distances(measure.pictures(one.template, [weights[one.step]]))
        for one in dict.fromkeys(chosen.values())
    }
    return [
        bench.row(
            draw, name, method, recipe, steps=one.step, seconds=seconds, looked_at=tuple(weights), errors=errors[one],
            distances=distances[one], **measure.of_base,
        )
        for name, one in chosen.items()
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


def looked_through(path: Path, measure: Measure, weights: dict[int, Worn]) -> list[Asked]:
    """Every step in every wording. What is in the file is not asked again: this takes longer than the training."""
    known = {(one.step, one.template): one for one in kept.read(path, Asked)}
    for step, template in product(weights, TEMPLATES):
        if (step, template) not in known:
            errors = measure.errors(template, [weights[step]], LEVELS_OF_A_RUN)
            known[step, template] = Asked(step=step, template=template, error=float(np.mean(errors)))
            kept.add(path, known[step, template])
    return [known[one] for one in product(weights, TEMPLATES)]
