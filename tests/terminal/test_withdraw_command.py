"""Can a permission be taken back at the command line, and does everybody who must know hear of it?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image


@pytest.fixture
def desk(typed: Any) -> Path:
    """Two drawings, collected as own works, in a log."""
    Path("drawings").mkdir()
    for name, colour in {"red-hat": "red", "blue-cat": "blue"}.items():
        Image.new("RGB", (8, 8), colour).save(f"drawings/{name}.png")
    Path("letter.txt").write_text("Please stop.", encoding="utf-8")
    assert typed("log", "start", "my-log", "--origin", "studio.example/log").code == 0
    assert typed("collect", "drawings", "--mine", "Ada").code == 0
    return Path.cwd()


def test_a_letter_is_entered_and_everything_stops(typed: Any, desk: Path) -> None:
    entered = typed("withdraw", "--holder", "Ada", "--evidence", "letter.txt", "--work", "red-hat.png")
    assert entered.code == 0 and "1 work withdrawn by Ada since" in entered.out
    assert "Not guaranteed: copies" in entered.out and "collection " in entered.out
    refused = typed("encode")
    assert refused.code == 3 and "red-hat.png: withdrawn by Ada since" in refused.err
    assert "blue-cat" not in refused.err and "retrain-without" in refused.err
    assert typed("collect", "drawings", "--mine", "Ada").code == 3
    assert typed("collect", "drawings", "--mine", "Ada", "--without", "red-hat.png").code == 0
    shown = json.loads(typed("log", "show", "--json").out)
    assert [line["kind"] for line in shown["entries"]] == ["permission", "withdrawal", "permission"]


@pytest.mark.parametrize(
    "words",
    [(), ("--holder", "Ada"), ("--evidence", "letter.txt"), ("--holder", "Ben", "--evidence", "letter.txt"),
     ("--holder", "Ada", "--evidence", "no.txt"), ("nothing.consent.json",), ("nothing.withdrawal.json",)],
)  # fmt: skip
def test_a_slip_takes_nothing_back(typed: Any, desk: Path, words: tuple[str, ...]) -> None:
    answer = typed("withdraw", *words)
    assert answer.code == 2 and answer.err
    assert typed("collect", "drawings", "--mine", "Ada").code == 0


def test_there_is_nothing_to_retrain_before_something_was_trained(typed: Any, desk: Path) -> None:
    assert typed("retrain-without").code == 1


def test_a_repetition_takes_works_and_works_take_a_repetition(typed: Any, desk: Path) -> None:
    for words in (("--retrain",), ("--works", "drawings")):
        answer = typed("verify", "drawings", *words)
        assert (answer.code, "go together" in answer.err) == (2, True)


def test_news_is_asked_for_in_days(typed: Any, desk: Path) -> None:
    assert "--max-age soon is no number of days" in typed("verify", "drawings", "--max-age", "soon").err
    assert typed("verify", "drawings", "--max-age", "7d").code == 3  # it is no release
