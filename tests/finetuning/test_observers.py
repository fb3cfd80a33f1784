"""Does the log of a run survive a crash and a resumption?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handstyle.errors import WriteFailed
from handstyle.finetuning.gain import gain_of
from handstyle.finetuning.loop import Step
from handstyle.finetuning.measured import Gain
from handstyle.finetuning.observers import Log, Throughput, read_log


def step(index: int, seconds: float = 0.5) -> Step:
    return Step(index, 10, 1 / index, 1e-4, 2.0, seconds, 8, state=lambda: None)  # type: ignore[arg-type,return-value]


def gain() -> Gain:
    """A style that errs a half less under little noise, and not at all less elsewhere."""
    base = np.full((4, 3), 0.5)
    return gain_of(base, base - np.array([[0.25], [0], [0], [0]]), (125, 375, 625, 875))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "steps.jsonl"


def test_each_step_is_a_line_that_is_there_at_once(path: Path) -> None:
    log, measured = Log(path), gain()
    for index in (1, 2, 3):
        log.add(step(index), measured if index == 2 else None)
        assert len(read_log(path)) == index
    assert [(line.step, line.loss, line.held_out) for line in read_log(path)] == [
        (1, 1, None),
        (2, 0.5, 0.4375),
        (3, 1 / 3, None),
    ]
    line = read_log(path)[1]
    assert (line.gain, line.gain_interval) == (0.125, (0.125, 0.125))
    assert line.gain_by_band == (0.5, 0, 0, 0), "from a trace of noise to almost nothing else"


def test_a_resumed_run_takes_back_the_lines_after_its_snapshot(path: Path) -> None:
    log = Log(path)
    for index in range(1, 6):
        log.add(step(index))
    resumed = Log(path, from_step=3)
    resumed.add(step(4))
    assert [line.step for line in read_log(path)] == [1, 2, 3, 4]
    Log(path)
    assert read_log(path) == []


@pytest.mark.parametrize("tail", ['{"step": 3, "lo', "\x00" * 20, "\n\n", "3", "[]", '{"step": 3}'])
def test_a_torn_last_line_is_passed_over(path: Path, tail: str) -> None:
    log = Log(path)
    log.add(step(1))
    log.add(step(2))
    with path.open("a") as file:
        file.write(tail)
    assert [line.step for line in read_log(path)] == [1, 2]


def test_bytes_that_are_no_text_are_passed_over_too(path: Path) -> None:
    Log(path).add(step(1))
    with path.open("ab") as file:
        file.write(b"\xff\xfe\x00")
    assert [line.step for line in read_log(path)] == [1]


def test_a_run_without_a_log_has_no_lines(path: Path) -> None:
    assert read_log(path) == []


def test_a_full_disk_is_said_with_what_to_do(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(path)

    def full(*given: Any, **named: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(WriteFailed, match="No space left") as failed:
        log.add(step(1))
    assert "--resume" in failed.value.hint


def test_throughput_leaves_out_the_first_step_which_warms_up() -> None:
    throughput = Throughput()
    assert throughput.pictures_per_second == 0
    for seconds in (100, 2, 2):
        throughput.add(step(1, seconds))
    assert throughput.pictures_per_second == 4
