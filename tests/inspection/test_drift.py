"""Does the drift say how far a style moved the base on other things, and nothing where it moved nothing?"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trained_style import BaseIdentity, TrainedStyle
from handstyle.generation.generate import Worn
from handstyle.inspection.drift import UNRELATED, drift

RECIPE = Recipe(method="full", mixed_precision="no")


def style_of(family: Any, size: float, part: str = "unet") -> Worn:
    """A full finetuning that moved every weight of one network by chance."""
    base = BaseIdentity(name="tiny", family="stable-diffusion-1", sha256="b" * 64, licence="CC0-1.0")
    style = TrainedStyle(
        name="style-1", base=base, collection="c" * 64, number_of_works=5, recipe=RECIPE, steps=7, resolution=16,
        tensors="a" * 64, environment={},
    )  # fmt: skip
    chance = torch.Generator().manual_seed(0)
    network = family.networks[part]
    return Worn(style, {f"{part}.{name}": tensor.detach() + size * torch.randn(tensor.shape, generator=chance)
                        for name, tensor in network.named_parameters()})  # fmt: skip


def test_a_style_that_moved_nothing_has_none(family: Any) -> None:
    found = drift(style_of(family, 0.0), family)
    assert found.unrelated == found.called == 0 and found.base_error > 0
    assert found.prompts == UNRELATED


def test_the_farther_the_weights_the_larger_it_is_and_the_base_stays(family: Any) -> None:
    before = {name: tensor.clone() for name, tensor in family.denoiser.state_dict().items()}
    little, much = drift(style_of(family, 0.001), family), drift(style_of(family, 0.01), family)
    assert 0 < little.unrelated < much.unrelated and 0 < little.called < much.called
    assert little.base_error == much.base_error
    assert all(torch.equal(tensor, before[name]) for name, tensor in family.denoiser.state_dict().items())


def test_it_is_a_share_of_the_error_that_was_there(family: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: a network that says one more everywhere is moved by 1."""
    own = family.predict
    worn = style_of(family, 0.0)
    key = "unet.conv_out.bias"
    shifted = Worn(worn.style, {**worn.tensors, key: worn.tensors[key] + 1.0})
    found = drift(shifted, family)
    assert found.unrelated * found.base_error == pytest.approx(1.0, rel=1e-4)
    assert found.called * found.base_error == pytest.approx(1.0, rel=1e-4)
    assert family.predict == own


def test_words_that_a_text_encoder_learnt_move_it_too(family: Any) -> None:
    assert drift(style_of(family, 0.05, "text_encoder"), family).called > 0
