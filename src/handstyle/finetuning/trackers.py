"""How does a run appear in TensorBoard, trackio or wandb?

Through Accelerate's trackers. Nothing leaves the machine unless the person has told wandb to send it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, Literal, Protocol

from handstyle.errors import UsageMistake
from handstyle.finetuning.observers import LoggedStep
from handstyle.finetuning.recipe import Recipe

ReportTo = Literal["tensorboard", "trackio", "wandb"]
PROJECT = "handstyle"


class Tracker(Protocol):
    def log(self, values: dict[str, Any], step: int | None = None) -> object: ...


@contextmanager
def tracker(report_to: ReportTo | None, run: Path, recipe: Recipe) -> Iterator[Tracker | None]:
    """Of one run, named as its folder. Raises UsageMistake where the tool is not installed."""
    if report_to is None:
        yield None
        return
    found = _made(report_to, run)
    try:
        with redirect_stdout(sys.stderr):  # they greet the person, and stdout is for our own answer
            found.start()
    except ModuleNotFoundError as missing:
        raise UsageMistake(
            f"{report_to} is not installed", hint=f"Install it (pip install {report_to}), or leave --report-to out."
        ) from missing
    try:
        found.store_init_configuration({name: _plain(value) for name, value in recipe.as_json().items()})
        yield found
    finally:
        with redirect_stdout(sys.stderr):
            found.finish()


def _made(report_to: ReportTo, run: Path) -> Any:
    from accelerate import PartialState, tracking

    PartialState()  # what some trackers ask whether they are the first process
    if report_to == "tensorboard":
        return tracking.TensorBoardTracker(run.name, logging_dir=run / "tensorboard")
    if report_to == "trackio":
        return tracking.TrackioTracker(PROJECT, name=run.name)
    os.environ.setdefault("WANDB_MODE", "offline")
    return tracking.WandBTracker(PROJECT, name=run.name, dir=str(run))


def _plain(value: Any) -> str | int | float | bool:
    """What all of them can show."""
    return value if isinstance(value, str | int | float | bool) else str(value)


def values_of(line: LoggedStep) -> dict[str, float]:
    """What a line of `steps.jsonl` says, under the names that charts have."""
    found = {
        "train/loss": line.loss,
        "train/learning_rate": line.learning_rate,
        "train/gradient_norm": line.gradient_norm,
        "train/seconds": line.seconds,
    }
    if line.gain is not None and line.held_out is not None:
        found |= {"held_out/error": line.held_out, "held_out/gain": line.gain}
    return found
