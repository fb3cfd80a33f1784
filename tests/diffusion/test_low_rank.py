"""Does a style come and go without a trace, and add what PEFT would?"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from handstyle.diffusion import low_rank

RANK, ALPHA = 3, 7.0


@pytest.fixture(params=["linear", "3x3", "1x1", "strided"])
def layer(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    kinds = {
        "linear": lambda: nn.Linear(6, 5),
        "3x3": lambda: nn.Conv2d(6, 5, 3, padding=1),
        "1x1": lambda: nn.Conv2d(6, 5, 1, bias=False),
        "strided": lambda: nn.Conv2d(6, 5, 3, stride=2, padding=1),
    }
    return nn.Sequential(kinds[request.param]())


def seen_by(network: nn.Module) -> Tensor:
    shape = (2, 6) if isinstance(network[0], nn.Linear) else (2, 6, 8, 8)
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def anything_like(parameters: dict[str, nn.Parameter], seed: int = 2) -> dict[str, Tensor]:
    chance = torch.Generator().manual_seed(seed)
    return {name: torch.randn(parameter.shape, generator=chance) for name, parameter in parameters.items()}


@torch.no_grad()
def peft_of(network: nn.Module, targets: list[str], seed: int = 2) -> tuple[nn.Module, dict[str, Tensor]]:
    """A copy that wears a trained style as PEFT does, and the style."""
    worn = copy.deepcopy(network)
    low_rank.attach_trainable(worn, targets, RANK, ALPHA, 0.0)
    parameters = low_rank.low_rank_parameters(worn)
    style = anything_like(parameters, seed)
    for name, parameter in parameters.items():
        parameter.copy_(style[name])
    return worn.eval(), style


def changes(style: dict[str, Tensor], weight: float = 1.0) -> dict[str, Tensor]:
    return low_rank.updates(style, weight * ALPHA / RANK)


def everything(network: nn.Module) -> tuple[list[tuple[str, type]], dict[str, Tensor]]:
    tree = [(name, type(module)) for name, module in network.named_modules()]
    return tree, {name: tensor.clone() for name, tensor in network.state_dict().items()}


def assert_untouched(network: nn.Module, before: tuple[list[tuple[str, type]], dict[str, Tensor]]) -> None:
    tree, state = everything(network)
    assert tree == before[0]
    assert state.keys() == before[1].keys()
    assert all(torch.equal(state[name], before[1][name]) for name in state)


@torch.no_grad()
def test_what_is_added_is_what_peft_adds(layer: nn.Module) -> None:
    worn, style = peft_of(layer, ["0"])
    plain = layer(seen_by(layer))
    with low_rank.added([changes(style)], layer):
        ours = layer(seen_by(layer))
    torch.testing.assert_close(ours, worn(seen_by(layer)), rtol=1e-5, atol=1e-5)
    assert not torch.allclose(ours, plain)


@torch.no_grad()
def test_what_is_added_is_taken_away_to_the_bit(layer: nn.Module) -> None:
    before = everything(layer)
    _, one = peft_of(layer, ["0"], seed=2)
    _, other = peft_of(layer, ["0"], seed=3)
    with low_rank.added([changes(one), changes(other, -0.3)], layer):
        assert not torch.equal(layer[0].weight, before[1]["0.weight"])
    assert_untouched(layer, before)


def test_it_is_taken_away_after_an_error_too(layer: nn.Module) -> None:
    before = everything(layer)
    _, style = peft_of(layer, ["0"])
    with pytest.raises(ZeroDivisionError), low_rank.added([changes(style)], layer):
        raise ZeroDivisionError
    assert_untouched(layer, before)


def test_it_is_taken_away_when_a_second_style_does_not_fit(layer: nn.Module) -> None:
    before = everything(layer)
    _, style = peft_of(layer, ["0"])
    with pytest.raises(KeyError), low_rank.added([changes(style), {"1.weight": torch.ones(1)}], layer):
        pass
    assert_untouched(layer, before)


def test_two_styles_at_once_are_the_sum_of_both(layer: nn.Module) -> None:
    plain = layer[0].weight.detach().clone()
    _, one = peft_of(layer, ["0"], seed=2)
    _, other = peft_of(layer, ["0"], seed=3)
    with low_rank.added([changes(one), changes(other, 0.5)], layer):
        expected = plain + changes(one)["0.weight"] + 0.5 * changes(other)["0.weight"]
        torch.testing.assert_close(layer[0].weight.detach(), expected, rtol=1e-5, atol=1e-5)


def test_styles_may_be_nested(layer: nn.Module) -> None:
    before = everything(layer)
    _, style = peft_of(layer, ["0"])
    with low_rank.added([changes(style)], layer):
        worn = everything(layer)
        with low_rank.added([changes(style)], layer):
            pass
        assert_untouched(layer, worn)
    assert_untouched(layer, before)


# On a whole U-Net


@pytest.fixture
def unet(family: Any) -> Iterator[nn.Module]:
    """The tiny base's, which every test must leave as it was."""
    before = everything(family.denoiser)
    yield family.denoiser
    assert_untouched(family.denoiser, before)


@torch.no_grad()
def predicted(family: Any) -> Tensor:
    latents = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    return family.predict(latents, torch.tensor([20, 900]), family.encode_texts(["a boat", "a cat"]))


@pytest.mark.parametrize("modules", [("attention",), ("feed-forward",), ("convolution",)], ids=lambda m: m[0])
def test_a_fresh_style_changes_nothing_and_leaves_no_trace(
    modules: tuple[str, ...], family: Any, unet: nn.Module
) -> None:
    plain = predicted(family)
    low_rank.attach_trainable(unet, family.low_rank_targets(modules), RANK, ALPHA, 0.0)
    unet.eval()
    try:
        assert torch.equal(predicted(family), plain)
        learning = {name for name, parameter in unet.named_parameters() if parameter.requires_grad}
        assert learning and all(".lora_" in name for name in learning)
    finally:
        low_rank.detach_trainable(unet)
        unet.requires_grad_(False)
    assert not hasattr(unet, "peft_config")
    assert torch.equal(predicted(family), plain)


def test_every_layer_that_is_named_can_learn(family: Any) -> None:
    layers = dict(family.denoiser.named_modules())
    of = {module: family.low_rank_targets([module]) for module in ("attention", "feed-forward", "convolution")}
    for names in of.values():
        assert names and all(isinstance(layers[name], nn.Linear | nn.Conv2d) for name in names)
    together = family.low_rank_targets(list(of))
    assert sorted(together) == sorted(name for names in of.values() for name in names), "a layer belongs to one kind"
    # Left out are the first and last convolution, and the layers that only tell the time.
    left_out = {name for name, layer in layers.items() if isinstance(layer, nn.Linear | nn.Conv2d)} - set(together)
    assert all(name.startswith(("conv_in", "conv_out", "time_embedding")) or "time_emb" in name for name in left_out)


@torch.no_grad()
def test_a_whole_network_draws_as_with_peft(family: Any, unet: nn.Module) -> None:
    targets = family.low_rank_targets(("attention", "feed-forward", "convolution"))
    worn, style = peft_of(unet, targets)
    style = {name: 0.02 * tensor for name, tensor in style.items()}
    for name, parameter in low_rank.low_rank_parameters(worn).items():
        parameter.copy_(style[name])
    latents, text = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1)), family.encode_texts(["", "a"])
    theirs = worn(latents, torch.tensor([20, 900]), text).sample
    with low_rank.added([changes(style)], unet):
        ours = family.predict(latents, torch.tensor([20, 900]), text)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(ours, family.predict(latents, torch.tensor([20, 900]), text), atol=1e-4)


def test_the_tensors_of_a_style_are_told_apart_by_network() -> None:
    style = {"unet.a.lora_A.weight": torch.ones(1), "text_encoder.unet.weight": torch.zeros(1)}
    assert list(low_rank.split(style, "unet")) == ["a.lora_A.weight"]
    assert list(low_rank.split(style, "text_encoder")) == ["unet.weight"]
    assert low_rank.is_low_rank(low_rank.split(style, "unet"))
    assert not low_rank.is_low_rank(low_rank.split(style, "text_encoder"))
