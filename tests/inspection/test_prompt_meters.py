"""Is it measured how strongly words steer, and nothing else?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trained_style import BaseIdentity, TrainedStyle
from handstyle.generation.generate import Worn
from handstyle.inspection.prompt_meters import FIRST, magnitudes

RECIPE = Recipe(rank=2, lora_alpha=2, mixed_precision="no")


def worn(family: Any, layer: str, strength: float) -> Worn:
    base = BaseIdentity(name="tiny", family=family.kind, sha256=family.digest, licence="CC0-1.0")
    style = TrainedStyle(name="s", base=base, collection="c" * 64, number_of_works=4, recipe=RECIPE, steps=3,
                         resolution=16, tensors="a" * 64, environment={})  # fmt: skip
    wide, deep = family.denoiser.get_parameter(f"{layer}.weight").shape[:2]
    chance = torch.Generator().manual_seed(0)
    pair = {f"unet.{layer}.lora_A.weight": torch.randn(2, deep, generator=chance),
            f"unet.{layer}.lora_B.weight": strength * torch.randn(wide, 2, generator=chance)}  # fmt: skip
    return Worn(style, pair)


def layer_of(family: Any) -> str:
    """Through which the words come in."""
    return next(name for name, _ in family.denoiser.named_modules() if name.endswith("attn2.to_v"))


def measured(family: Any, styles: list[Worn], prompts: list[str]) -> np.ndarray[Any, Any]:
    return magnitudes(family, styles, prompts, (1, 2), 16, RECIPE)


def test_no_words_steer_nothing_and_each_prompt_has_a_number(family: Any) -> None:
    found = measured(family, [], ["", "a boat", "a kite"])
    assert found.shape == (3,) and found[0] == pytest.approx(0, abs=1e-6)
    assert (found[1:] > 0).all()


@pytest.mark.parametrize("base", ["xl_family", "sd3_family", "flux_family"])
def test_every_family_is_asked(base: str, request: pytest.FixtureRequest) -> None:
    found = measured(request.getfixturevalue(base), [], ["", "a boat"])
    assert found[0] == pytest.approx(0, abs=1e-6) and np.isfinite(found[1]) and found[1] > 0


def test_a_style_that_listens_more_to_words_is_steered_more(family: Any) -> None:
    base = measured(family, [], ["a boat", "a kite"])
    strong = measured(family, [worn(family, layer_of(family), 3.0)], ["a boat", "a kite"])
    assert (strong > 1.5 * base).all()
    assert measured(family, [], ["a boat", "a kite"]) == pytest.approx(base), "and the base is as it was"


def test_only_the_first_steps_are_taken(family: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    predict = type(family).predict

    def counting(self: Any, *given: Any, **named: Any) -> Any:
        calls.append(1)
        return predict(self, *given, **named)

    monkeypatch.setattr(type(family), "predict", counting)
    measured(family, [], ["a boat"])
    assert len(calls) == 2 * FIRST
