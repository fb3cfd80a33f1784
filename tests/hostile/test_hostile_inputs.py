"""Does every hostile or broken input end as it should: with what it shows, or with words that help?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.hostile.case import Case, Place, check
from tests.hostile.corpus import GROUPS, WITH_TORCH

ONE_IN = 5  # is among the fast tests: some of each kind

ALL = [
    pytest.param(
        case, id=f"{group}: {case.name}", marks=[pytest.mark.slow] if group in WITH_TORCH or number % ONE_IN else []
    )
    for group, cases in GROUPS.items()
    for number, case in enumerate(cases)
]


@pytest.fixture(autouse=True)
def nothing_counted_beforehand(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dry run counts the memory of a run for seconds, whatever it was given: tests/finetuning/test_memory.py."""
    if any(f"[{group}: " in request.node.name for group in WITH_TORCH):
        monkeypatch.setattr("handstyle.finetuning.memory.demand", lambda *_: None)


@pytest.mark.parametrize("case", ALL)
def test_it_ends_as_it_should(case: Case, place: Place) -> None:
    check(case, place)


def test_there_are_at_least_two_hundred_and_no_two_are_the_same() -> None:
    assert len({param.id for param in ALL}) == len(ALL) >= 200


def test_the_page_says_how_many_there_are() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "hostile-inputs.md").read_text(encoding="utf-8")
    told = {kind: int(number) for kind, number in re.findall(r"^\| ([\w ]+) \| (\d+) \|$", page, re.MULTILINE)}
    assert told == {group: len(cases) for group, cases in GROUPS.items()}
