"""How many pictures a second does finetuning see, beside diffusers' DreamBooth scripts on the same machine?"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.speed.processes import Ran, run
from benchmarks.speed.work import floating_point_operations

Measured = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """The same work for both: same base, pictures, batch, size, precision, learning parameters and steps."""

    name: str
    base: Path | None  # None is the embedded base
    method: str
    size: int  # pixels
    batch: int
    steps: int
    rank: int = 16
    prior: bool = False
    works: int = 32  # pictures learnt from
    in_backward: bool = False  # our updates are made on the way back, which diffusers' script cannot

    @property
    def rows(self) -> int:
        return self.batch * (2 if self.prior else 1)


@dataclass(frozen=True)
class Setting:
    works: Path
    embedded: Path
    precision: str
    threads: int
    folder: Path  # for everything that is written
    reference: Path | None  # a checkout of diffusers
    limit: float  # TFLOP/s, the highest measured in this precision


def ours(task: Task, setting: Setting) -> Measured:
    """handstyle's own commands, from the folder of pictures to the trained style."""
    workspace = setting.folder / "ours"
    shutil.rmtree(workspace, ignore_errors=True)
    here = ["--workspace", str(workspace)]
    handstyle = [sys.executable, "-m", "handstyle"]
    collect = [*handstyle, "collect", str(setting.works), "--rights", str(setting.works / "rights.toml")]
    rest = [word for picture in pictures_of(setting)[task.works :] for word in ("--without", picture.name)]
    first = run([*collect, "--leave-out", "none", *rest, *here])
    choices = {
        "method": task.method,
        "rank": task.rank,
        "lora_alpha": task.rank,
        "lora_modules": '["attention"]',
        "max_train": f"{task.steps} steps",
        "train_batch_size": task.batch,
        "resolution": task.size,
        "mixed_precision": setting.precision,
        "ema_decay": 0,
        "learning_rate": 1e-5,
        "lr_scheduler": "constant",
        "lr_warmup_steps": 0,
        "with_prior_preservation": str(task.prior).lower(),
        "random_flip": "false",
        "optimizer_in_backward": str(task.in_backward).lower(),
    }
    command = [*handstyle, "finetune", *here, "--save-every", str(task.steps), "--sample-every", "0"]
    command += [word for key, value in choices.items() for word in ("--set", f"{key}={value}")]
    command += ["--base", str(task.base)] if task.base else []
    command += ["--class-images", str(setting.works)] if task.prior else []
    second = run(command)
    (log,) = workspace.glob("runs/*/steps.jsonl")
    times = [json.loads(line)["seconds"] for line in log.read_text().splitlines()][3:]
    pace = Ran(first.seconds + second.seconds, second.peak_memory, statistics.fmean(times))
    shutil.rmtree(workspace)
    return _measured(task, pace)


def reference(task: Task, setting: Setting, extra: Sequence[str]) -> Measured:
    """diffusers' script through accelerate, on the processor, with all its threads."""
    assert setting.reference is not None
    script = "train_dreambooth_lora.py" if task.method == "lora" else "train_dreambooth.py"
    pictures, out = setting.folder / "pictures", setting.folder / "reference"
    shutil.rmtree(pictures, ignore_errors=True)
    shutil.rmtree(out, ignore_errors=True)
    pictures.mkdir()
    for picture in pictures_of(setting)[: task.works]:
        shutil.copy(picture, pictures)
    command = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "1"]
    command += ["--num_machines", "1", "--dynamo_backend", "no", "--mixed_precision", setting.precision]
    command += ["--num_cpu_threads_per_process", str(setting.threads)]
    command += [str(setting.reference / "examples" / "dreambooth" / script)]
    command += ["--pretrained_model_name_or_path", str(task.base or setting.embedded)]
    command += ["--instance_data_dir", str(pictures), "--instance_prompt", "a hks icon", "--output_dir", str(out)]
    command += ["--resolution", str(task.size), "--train_batch_size", str(task.batch)]
    command += ["--max_train_steps", str(task.steps), "--mixed_precision", setting.precision]
    command += ["--learning_rate", "1e-5", "--lr_scheduler", "constant", "--lr_warmup_steps", "0", *extra]
    command += ["--checkpointing_steps", "100000"]
    command += ["--rank", str(task.rank)] if task.method == "lora" else ["--set_grads_to_none"]
    if task.prior:
        command += ["--with_prior_preservation", "--class_data_dir", str(pictures), "--class_prompt", "an icon"]
        command += ["--num_class_images", str(task.works)]
    ran = run(command, {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(setting.threads)})
    shutil.rmtree(out)
    return _measured(task, ran)


def pictures_of(setting: Setting) -> list[Path]:
    return sorted(setting.works.glob("*.png"))


def compare(task: Task, setting: Setting, repeats: int) -> Measured:
    """Medians of alternating repeats; of the reference's own options the faster counts."""
    own: list[Measured] = []
    theirs: dict[str, list[Measured]] = {"": [], "--pre_compute_text_embeddings": []} if setting.reference else {}
    for _ in range(repeats):
        own.append(ours(task, setting))
        for options in theirs:
            theirs[options].append(reference(task, setting, options.split()))
    found: Measured = {"task": _settings(task, setting), "handstyle": _median(own)}
    if theirs:
        best = max(theirs, key=lambda options: _median(theirs[options])["pictures_per_second"])
        found["reference"] = {**_median(theirs[best]), "options": best}
        found["ratio"] = _ratio(found, "pictures_per_second")
        found["memory_ratio"] = _ratio(found, "peak_memory_bytes")
    work = floating_point_operations(task.base or setting.embedded, task.method, task.rank, task.size, task.rows)
    found["work_per_step_tflop"] = round(work / 1e12, 4)
    for one in (found[side] for side in ("handstyle", "reference") if side in found):
        one["share_of_limit"] = round(work / one["seconds_per_step"] / 1e12 / setting.limit, 3)
    return found


def _ratio(found: Measured, what: str) -> float:
    return round(float(found["handstyle"][what]) / float(found["reference"][what]), 2)


def _settings(task: Task, setting: Setting) -> Measured:
    base = task.base.name if task.base else "embedded"
    said = {"base": base, "method": task.method, "size": task.size, "batch": task.batch, "works": task.works}
    said["steps"] = task.steps
    said["optimizer_in_backward"] = task.in_backward
    return {**said, "rank": task.rank, "prior": task.prior, "precision": setting.precision, "threads": setting.threads}


def _measured(task: Task, ran: Ran) -> Measured:
    assert ran.seconds_per_step is not None, "no step was seen"
    return {
        "pictures_per_second": round(task.rows / ran.seconds_per_step, 3),
        "seconds_per_step": round(ran.seconds_per_step, 4),
        "seconds_in_all": round(ran.seconds, 1),
        "peak_memory_bytes": ran.peak_memory,
    }


def _median(runs: Sequence[Measured]) -> Measured:
    return {key: statistics.median(one[key] for one in runs) for key in runs[0]}
