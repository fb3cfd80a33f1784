"""Are weights read as they are written, and do they move the words they stand at and no others?"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from handstyle.errors import UsageMistake
from handstyle.generation import emphasis
from handstyle.generation.emphasis import encoded, parsed


def pieces(prompt: str) -> list[tuple[str, float]]:
    """Text and weight, letters of one weight together."""
    found = parsed(prompt)
    together: list[tuple[str, float]] = []
    for letter, weight in zip(found.text, found.weights, strict=True):
        if together and together[-1][1] == pytest.approx(weight):
            together[-1] = (together[-1][0] + letter, weight)
        else:
            together.append((letter, weight))
    return together


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a red boat", [("a red boat", 1)]),
        ("a (red:1.3) boat", [("a ", 1), ("red", 1.3), (" boat", 1)]),
        ("(a red boat : .5 )", [("a red boat ", 0.5)]),
        ("a ((red:2) boat:0.5)", [("a red", 1), (" boat", 0.5)]),
        ("a (side view) of it", [("a (side view) of it", 1)]),
        ("(side (view:2))", [("(side ", 1), ("view", 2), (")", 1)]),
        (r"miku \(vocaloid:2\)", [("miku (vocaloid:2)", 1)]),
        ("a ratio of 1:2) is (odd", [("a ratio of 1:2) is (odd", 1)]),
        ("(:2)", []),
        ("(red:0)", [("red", 0)]),
    ],
)
def test_a_weight_stands_behind_the_words_it_is_for(prompt: str, expected: list[tuple[str, float]]) -> None:
    assert pieces(prompt) == [(text, pytest.approx(weight)) for text, weight in expected]
    assert emphasis.is_in(prompt) is (parsed(prompt).text != prompt or any(weight != 1 for _, weight in expected))


@pytest.mark.parametrize("prompt", ["(red:4.5)", "(red:-1)"])
def test_a_weight_beyond_reason_is_refused(prompt: str) -> None:
    with pytest.raises(UsageMistake, match="is too much"):
        parsed(prompt)


@pytest.mark.parametrize("base", ["family", "xl_family"])
def test_only_the_weighted_words_move_and_one_changes_nothing(base: str, request: pytest.FixtureRequest) -> None:
    family = request.getfixturevalue(base)
    plain, silent = family.encode_texts(["a red boat"]), family.encode_texts([""])
    assert torch.equal(encoded(family, ["a red boat"]), plain)
    assert torch.equal(encoded(family, ["a (red:1) boat"]), plain)
    for weight in (0.0, 0.5, 1.7):
        found = encoded(family, [f"a (red:{weight}) boat"])
        moved = (found != plain).any(dim=-1)[0]
        assert moved.nonzero().flatten().tolist() == [2], "start of text, a, and then it"
        torch.testing.assert_close(found[0, 2], silent[0, 2] + weight * (plain[0, 2] - silent[0, 2]))


def test_prompts_of_one_batch_keep_their_own_weights(family: Any) -> None:
    both = encoded(family, ["a (red:2) boat", "a blue (boat:0.5)"])
    assert torch.allclose(both[:1], encoded(family, ["a (red:2) boat"]), atol=1e-5)
    assert torch.allclose(both[1:], encoded(family, ["a blue (boat:0.5)"]), atol=1e-5)


def test_words_beyond_the_window_are_left_as_they_are(family: Any) -> None:
    long = " ".join(["boat"] * 60)
    assert torch.equal(encoded(family, [f"{long} (red:2)"]), family.encode_texts([f"{long} red"]))


def test_a_word_of_several_tokens_is_weighted_whole(family: Any) -> None:
    spans = [span for span in family.token_spans("a zeppelinesque boat") if span[1] > span[0]]
    word = [number for number, (start, end) in enumerate(spans, start=1) if 2 <= start < 16]
    assert len(word) > 1
    found = encoded(family, ["a (zeppelinesque:1.5) boat"])
    plain = family.encode_texts(["a zeppelinesque boat"])
    assert (found != plain).any(dim=-1)[0].nonzero().flatten().tolist() == word


@pytest.mark.parametrize("base", ["sd3_family", "flux_family"])
def test_a_base_that_reads_a_text_twice_hears_it_in_both(base: str, request: pytest.FixtureRequest) -> None:
    family = request.getfixturevalue(base)
    plain = family.encode_texts(["a red boat"])
    assert torch.equal(encoded(family, ["a (red:1) boat"]), plain)
    moved = (encoded(family, ["a (red:1.7) boat"]) != plain).any(dim=-1)[0].nonzero().flatten().tolist()
    spans = family.token_spans("a red boat")
    assert moved == [row for row, (start, end) in enumerate(spans) if end > start and 2 <= end - 1 < 5]
    window = family.tokenizers[0].model_max_length
    assert moved and (min(moved) < window < max(moved)) is (base == "sd3_family")
