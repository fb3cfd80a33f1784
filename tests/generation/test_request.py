"""Is a request complete and possible before anything is drawn?"""

from __future__ import annotations

from typing import Any

import pytest

from handstyle.errors import UsageMistake
from handstyle.generation.request import GenerationRequest, grid, parse_seeds, parse_style

GOOD: dict[str, Any] = {"prompt": "a cat", "seed": 1, "width": 64, "height": 64}


@pytest.mark.parametrize(
    "wrong",
    [{"prompt": " \n"}, {"seed": -1}, {"seed": 2**63}, {"seed": 1.5}, {"width": 0}, {"height": 10_000},
     {"num_inference_steps": 0}, {"guidance_scale": 0.5}, {"guidance_rescale": 1.1}, {"sampler": "plms"},
     {"precision": "fp16"}, {"styles": [{"name": "a", "tensors": "b", "weight": 5}]}, {"stepps": 3}],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageMistake) as mistake:
        GenerationRequest.read({**GOOD, **wrong}, where="the request", error=UsageMistake)
    assert mistake.value.faults[0].startswith(next(iter(wrong)))


def test_all_faults_of_a_request_are_named_at_once() -> None:
    with pytest.raises(UsageMistake) as mistake:
        GenerationRequest.read({**GOOD, "prompt": "", "seed": -1, "sampler": "x"}, where="it", error=UsageMistake)
    assert len(mistake.value.faults) == 3


def test_a_grid_is_every_combination() -> None:
    assert grid("a cat") == ["a cat"]
    assert grid("a {red|blue} {cat | dog}") == ["a red cat", "a red dog", "a blue cat", "a blue dog"]
    assert grid("a {cat} and {|no} dog") == ["a {cat} and  dog", "a {cat} and no dog"]


@pytest.mark.parametrize(
    ("text", "name", "weight"),
    [("hand", "hand", 1), ("hand=0.8", "hand", 0.8), ("a=b=-1", "a=b", -1), ("C:/styles/one=2", "C:/styles/one", 2)],
)
def test_a_style_is_a_name_and_perhaps_a_weight(text: str, name: str, weight: float) -> None:
    assert parse_style(text) == (name, weight)


@pytest.mark.parametrize("text", ["", "=1", "hand=", "hand=much", "hand=5", "hand=nan", "hand=inf"])
def test_what_is_no_style_is_refused(text: str) -> None:
    with pytest.raises(UsageMistake, match="is not NAME=WEIGHT"):
        parse_style(text)


def test_seeds_are_numbers_and_ranges() -> None:
    assert parse_seeds("7") == [7]
    assert parse_seeds("1,2, 5-8") == [1, 2, 5, 6, 7, 8]


@pytest.mark.parametrize("text", ["", "a", "1,", "3-1", "-1", "1-99999999", "1.5", "9" * 19])
def test_what_are_no_seeds_is_refused(text: str) -> None:
    with pytest.raises(UsageMistake, match="is not a list of seeds"):
        parse_seeds(text)
