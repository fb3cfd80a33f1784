"""Does the bench time inspections of the example when it is asked to, and say whether they took too long?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import bench


def test_inspections_are_timed_with_and_without_an_audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    clock = iter([0.0, 80.0, 100.0, 1400.0])

    def run(*arguments: str) -> dict[str, Any]:
        asked.append(arguments)
        return {"verdict": ["It was looked at."]}

    monkeypatch.setattr(bench, "run", run)
    monkeypatch.setattr(bench.time, "perf_counter", lambda: next(clock))
    found = bench.inspections(tmp_path)
    assert [words[0] for words in asked] == ["collect", "finetune", "inspect", "inspect"]
    assert "--audit" in asked[3] and "--audit" not in asked[2]
    assert found["inspect"] == {"seconds": 80.0, "at most": 90, "holds": True, "verdict": ["It was looked at."]}
    assert (found["inspect --audit"]["seconds"], found["inspect --audit"]["holds"]) == (1300.0, False)


def test_they_are_timed_only_when_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    demo = {"folder": "", "report": "", "release": "", "held_out_gain": 0.2, "held_out_gain_interval": [0.1, 0.3]}
    monkeypatch.setattr(bench, "run", lambda *words: demo)
    monkeypatch.setattr(bench, "seconds_of", lambda *words: 0.1)
    monkeypatch.setattr(bench, "inspections", lambda folder: {"inspect": {}})
    assert "inspections" not in bench.bench(tmp_path) and "inspections" in bench.bench(tmp_path, audit=True)
