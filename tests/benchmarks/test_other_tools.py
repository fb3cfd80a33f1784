"""Is a file that another tool reads otherwise found out?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from benchmarks.other_tools.__main__ import EQUAL, compared
from benchmarks.other_tools.made import NEW_WORD, Case, words_of
from safetensors.torch import save_file


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    """A style that changes the denoiser by a hundredth and leaves the words alone."""
    before = {"conditioning": torch.ones(1, 4, 8), "prediction": torch.ones(1, 4, 2, 2)}
    expected = {f"/{what}": tensor for what, tensor in before.items()}
    expected |= {"lora/conditioning": before["conditioning"].clone(), "lora/prediction": before["prediction"] * 1.01}
    save_file(expected, tmp_path / "expected.safetensors")
    cases = {"the base": Case(Path("base")), "lora": Case(Path("base"), "lora", Path("lora"))}
    written = {"cases": {name: case.as_json() for name, case in cases.items()}}
    (tmp_path / "cases.json").write_text(json.dumps(written))
    return tmp_path


def answers(style: float) -> dict[str, torch.Tensor]:
    words = torch.ones(1, 4, 8)
    of_base = {"the base/conditioning": words, "the base/prediction": torch.ones(1, 4, 2, 2)}
    return {**of_base, "lora/conditioning": words, "lora/prediction": torch.full((1, 4, 2, 2), style)}


def test_the_same_answers_are_equal(asked: Path) -> None:
    for row in compared(asked, answers(1.01)).values():
        assert all(share < EQUAL for share in row.values())


def test_a_style_that_was_not_heard_differs_by_all_of_its_change(asked: Path) -> None:
    rows = compared(asked, answers(1.0))
    assert rows["lora"]["prediction"] == pytest.approx(1.0, rel=1e-4)
    assert rows["the base"]["prediction"] < EQUAL


def test_what_a_tool_does_not_read_stays_empty(asked: Path) -> None:
    found = {name: tensor for name, tensor in answers(1.01).items() if not name.startswith("lora/")}
    assert compared(asked, found)["lora"] == {"conditioning": None, "prediction": None}


def test_the_new_word_is_asked_for_where_one_was_learnt() -> None:
    assert NEW_WORD in words_of("word") and NEW_WORD not in words_of("lora")
