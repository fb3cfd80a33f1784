"""Is what was agreed understood as it was typed, and is the statement written where it was asked for?"""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from handstyle.errors import GateClosed
from handstyle.generation.ledger import Count
from handstyle.publication.shares import Contributor, Fee, Statement

FOUND = Statement(
    style="soft-outline", tensors="a" * 64, collection="b" * 64, written=date(2026, 11, 25), since=None, until=None,
    count=Count(made=3, released=0, releases=0, first=None, last=None, head="c" * 64), fee="10 EUR in all",
    exactly="10 EUR", sum="10.00 EUR", rule="in equal parts",
    contributors=(Contributor(name="Ada", holders=("Ada",), permission=("own work",), works=("cat.png",),
                              checked_with=0, share="1", amount="10.00 EUR"),),
    limits=("It pays nobody.",),
)  # fmt: skip


@pytest.mark.parametrize(
    ("words", "fee"),
    [
        (["--pool", "10"], Fee("pool", Decimal("10"), "EUR")),
        (["--per-picture", "0.05"], Fee("picture made", Decimal("0.05"), "EUR")),
        (["--per-released", "2"], Fee("picture released", Decimal("2"), "EUR")),
        (["--per-period", "5", "--periods", "3"], Fee("period", Decimal("5"), "EUR", 3)),
        (["--flat", "50"], Fee("contributor", Decimal("50"), "EUR")),
    ],
)
def test_what_was_agreed(typed: Any, stage: Any, words: list[str], fee: Fee) -> None:
    call = stage("shares", FOUND)
    answer = typed("shares", "--currency", "EUR", *words, "--by", "works", "--since", "2026-01-01")
    assert answer.code == 0 and "Ada" in answer.out
    assert call.positional[1:] == (fee, "works")
    assert call.named == {"run": None, "since": date(2026, 1, 1), "until": None}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "not said, or said twice"),
        (["--pool", "1", "--flat", "1"], "not said, or said twice"),
        (["--pool", "1", "--periods", "2"], "--periods goes with --per-period"),
        (["--pool", "ten"], "no amount"),
        (["--pool", "1", "--by", "taste"], "--by taste is not known"),
    ],
)
def test_what_cannot_be_understood_is_a_mistake(typed: Any, words: list[str], said: str) -> None:
    answer = typed("shares", "--currency", "EUR", *words)
    assert answer.code == 2 and said in answer.err


def test_a_statement_is_written_twice_and_never_over_another(typed: Any, stage: Any, tmp_path: Path) -> None:
    stage("shares", FOUND)
    words = ("shares", "--currency", "EUR", "--pool", "10", "--to", tmp_path)
    assert typed(*words).code == 0
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == [f"shares-{'a' * 12}-2026-11-25.json", f"shares-{'a' * 12}-2026-11-25.txt"]
    assert json.loads((tmp_path / written[0]).read_text())["sum"] == "10.00 EUR"
    assert "Sum: 10.00 EUR" in (tmp_path / written[1]).read_text()
    assert typed(*words).code == 2


def test_a_gate_that_says_no_is_an_exit_of_three(typed: Any, stage: Any) -> None:
    stage("shares", GateClosed("not measured", hint="Divide it otherwise."))
    assert typed("shares", "--currency", "EUR", "--pool", "10", "--by", "influence").code == 3
