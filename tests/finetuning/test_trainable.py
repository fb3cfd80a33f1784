"""Do exactly the parameters learn that were asked to, and does the base come back?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trainable import at_rest, trainable

# tests/finetuning/conftest.py compares the whole base before and after each of these.


@pytest.mark.parametrize("settings", [{}, {"train_text_encoder": True}, {"method": "full"},
                                      {"method": "full", "train_text_encoder": True}], ids=str)  # fmt: skip
def test_what_learns_is_what_was_asked_and_the_base_comes_back(
    settings: dict[str, Any], family: Any, recipe: Callable[..., Recipe]
) -> None:
    chosen = recipe(**settings)
    tree = [name for name, _ in family.denoiser.named_modules()]
    with trainable(family, chosen) as learning:
        requiring = sum(
            p.numel() for n in (family.denoiser, family.text_encoder) for p in n.parameters() if p.requires_grad
        )
        assert learning.number_of_parameters == requiring
        assert {name.split(".")[0] for name in learning.parameters} == (
            {"unet", "text_encoder"} if chosen.train_text_encoder else {"unet"}
        )
        assert any(".lora_A." in name for name in learning.parameters) == (chosen.method == "lora")
        assert family.denoiser.training and family.text_encoder.training == chosen.train_text_encoder
        with torch.no_grad():
            for parameter in learning.parameters.values():
                parameter.add_(1)
    assert [name for name, _ in family.denoiser.named_modules()] == tree


def test_the_base_comes_back_after_an_error_too(family: Any, recipe: Callable[..., Recipe]) -> None:
    for settings in ({"train_text_encoder": True}, {"method": "full"}):
        with pytest.raises(KeyboardInterrupt), trainable(family, recipe(**settings)) as learning:
            with torch.no_grad():
                next(iter(learning.parameters.values())).zero_()
            raise KeyboardInterrupt


def test_only_the_layers_named_in_the_recipe_learn(family: Any, recipe: Callable[..., Recipe]) -> None:
    with trainable(family, recipe(lora_modules=["attention"])) as learning:
        assert all(".attn" in name for name in learning.parameters)


def test_a_fresh_style_starts_from_the_seed(family: Any, recipe: Callable[..., Recipe]) -> None:
    def first(seed: int) -> dict[str, torch.Tensor]:
        torch.rand(3)  # chance used elsewhere does not matter
        with trainable(family, recipe(seed=seed)) as learning:
            return learning.weights()

    one, again, other = first(1), first(1), first(2)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_weights_can_be_taken_out_and_put_back(family: Any, recipe: Callable[..., Recipe]) -> None:
    with trainable(family, recipe()) as learning:
        kept = learning.weights()
        learning.put({name: tensor + 1 for name, tensor in kept.items()})
        assert all(torch.equal(learning.weights()[name], kept[name] + 1) for name in kept)
        learning.put(kept)
        assert all(torch.equal(learning.weights()[name], kept[name]) for name in kept)


def test_a_network_at_rest_returns_to_learning(family: Any, recipe: Callable[..., Recipe]) -> None:
    with trainable(family, recipe(train_text_encoder=True)):
        with pytest.raises(ZeroDivisionError), at_rest(family):
            assert not family.denoiser.training and not family.text_encoder.training
            raise ZeroDivisionError
        assert family.denoiser.training and family.text_encoder.training
    with trainable(family, recipe()):
        with at_rest(family):
            pass
        assert family.denoiser.training and not family.text_encoder.training
