"""Who watches a run, and what do they write down?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from handstyle import records
from handstyle.errors import RecordDamaged, WriteFailed
from handstyle.finetuning.loop import Step
from handstyle.finetuning.measured import Gain
from handstyle.records import Record


class LoggedStep(Record):
    """One line of `steps.jsonl`. What was measured on drawings that are not trained on stands only where it was."""

    step: int
    loss: float
    learning_rate: float
    gradient_norm: float
    seconds: float
    held_out: float | None = None  # error
    gain: float | None = None  # over the base, as a share of the base's error
    gain_interval: tuple[float, float] | None = None
    gain_by_band: tuple[float, ...] | None = None  # from a trace of noise to almost nothing else


class Log:
    """`steps.jsonl` of one run, one line a step, readable while the run goes on."""

    def __init__(self, path: Path, from_step: int = 0) -> None:
        """A resumed run forgets the lines after its snapshot: it is about to write them again."""
        self.path = path
        kept = [line for line in read_log(path) if line.step <= from_step] if from_step else []
        records.write(path, "".join(_line(line) for line in kept).encode())

    def add(self, step: Step, gain: Gain | None = None) -> LoggedStep:
        line = LoggedStep(
            step=step.index,
            loss=step.loss,
            learning_rate=step.learning_rate,
            gradient_norm=step.gradient_norm,
            seconds=round(step.seconds, 4),
            **(_as_logged(gain) if gain else {}),
        )
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(_line(line))
        except OSError as error:
            raise WriteFailed(
                f"{self.path} could not be written: {error.strerror}",
                hint="Free some space, then continue with --resume: snapshots are whole.",
            ) from error
        return line


def _as_logged(gain: Gain) -> dict[str, Any]:
    whole = gain.base_error or 1.0
    return {
        "held_out": gain.style_error,
        "gain": gain.gain / whole,
        "gain_interval": (gain.interval.low / whole, gain.interval.high / whole),
        "gain_by_band": tuple(band.gain / (band.base_error or 1.0) for band in gain.bands),
    }


def _line(line: LoggedStep) -> str:
    return json.dumps(line.model_dump(exclude_none=True)) + "\n"


def read_log(path: Path) -> list[LoggedStep]:
    """The whole lines; a torn last line, left by a crash, is passed over."""
    if not path.is_file():
        return []
    lines = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            lines.append(LoggedStep.read(json.loads(text), where=str(path)))
        except (ValueError, RecursionError, RecordDamaged):
            continue
    return lines


class Throughput:
    """Pictures a second over the steps so far, without the first, which warms up."""

    def __init__(self) -> None:
        self.pictures, self.seconds, self.steps = 0, 0.0, 0

    def add(self, step: Step) -> None:
        self.steps += 1
        if self.steps > 1:
            self.pictures, self.seconds = self.pictures + step.pictures, self.seconds + step.seconds

    @property
    def pictures_per_second(self) -> float:
        return self.pictures / self.seconds if self.seconds else 0.0
