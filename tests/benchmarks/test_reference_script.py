"""Is every step of the reference script asked in every wording, and once only?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.held_out_artist import reference

from handstyle.finetuning.validation import LEVELS_OF_A_RUN


class Erring:
    """Stands in for what measures: its third wording is the best."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def errors(self, template: str, worn: list[str], levels: int) -> tuple[float, ...]:
        assert levels == LEVELS_OF_A_RUN
        self.asked.append((worn[0], template))
        return (0.5, 0.3) if template == reference.TEMPLATES[2] else (0.5, 0.4)


def test_a_step_that_was_asked_is_not_asked_again(tmp_path: Path) -> None:
    path, measure, weights = tmp_path / "asked.jsonl", Erring(), {25: "early", 50: "late"}
    any_measure: Any = measure
    first = reference.looked_through(path, any_measure, {25: "early"})  # type: ignore[dict-item]
    assert min(first, key=lambda one: one.error).template == reference.TEMPLATES[2]
    both = reference.looked_through(path, any_measure, weights)  # type: ignore[arg-type]
    assert both[: len(first)] == first and [one.step for one in both] == [25] * 4 + [50] * 4
    assert measure.asked == [(name, template) for name in ("early", "late") for template in reference.TEMPLATES]
