"""Do layers whose weights are held in 8 or 4 bits compute with these weights, there and back, and leave no trace?"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from handstyle.diffusion.faster_layers import exchange
from handstyle.diffusion.quantised_layers import (
    NF4,
    Int8,
    Quantised,
    QuantisedConv2d,
    QuantisedLinear,
    can_be_held,
    is_held,
    quantised,
)
from handstyle.errors import UsageMistake

KINDS: dict[str, type[Quantised]] = {"int8": Int8, "nf4": NF4}
kinds = pytest.mark.parametrize("kind", list(KINDS))


@pytest.fixture(autouse=True)
def installed(request: pytest.FixtureRequest) -> None:
    if "not_there" not in request.node.name and "what_is_not_held" not in request.node.name:
        pytest.importorskip("bitsandbytes")


def blocks() -> nn.Module:
    """Two numbered layers, and one before them."""
    torch.manual_seed(0)
    network = nn.Module()
    network.enter = nn.Linear(16, 16)
    network.blocks = nn.ModuleList([nn.Linear(16, 32), nn.Conv2d(16, 32, 3, stride=2, padding=1)])
    return network.requires_grad_(False)


def put(network: nn.Module) -> Callable[[], None]:
    kept = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    return lambda: network.load_state_dict(kept) and None


def test_in_8_bits_a_channel_is_rounded_to_parts_of_its_largest_weight() -> None:
    """Dettmers et al. 2022, section 2 (absmax), of each row by itself (section 3.1)."""
    weight = torch.randn(6, 4, 3, 3)
    weight[2] = 0
    largest = weight.abs().amax(dim=(1, 2, 3), keepdim=True)
    expected = (weight * 127 / largest.clamp(min=1e-30)).round() * largest / 127
    held = Int8.of(weight)
    assert torch.allclose(held.written_out(torch.float32), expected, atol=1e-6)
    assert held.codes_OI.dtype == torch.int8 and held.codes_OI.nbytes == weight.numel()


def test_in_4_bits_a_weight_is_the_nearest_of_sixteen_parts_of_the_largest_in_its_block() -> None:
    """Dettmers et al. 2023, appendix E."""
    levels = torch.tensor([
        -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
        -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
        0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
    ])  # fmt: skip
    weight = torch.randn(32, 16, 3, 3)
    rows = weight.reshape(-1, 64)
    largest = rows.abs().amax(dim=1, keepdim=True)
    nearest = (rows[..., None] / largest[..., None] - levels).abs().argmin(dim=-1)
    held = NF4.of(weight)
    assert torch.allclose(held.written_out(torch.float32), (levels[nearest] * largest).view_as(weight), atol=1e-6)
    assert held.codes.nbytes == weight.numel() // 2


@kinds
@pytest.mark.parametrize("fast", [False, True], ids=["as torch has them", "packed before"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_layer_computes_with_what_is_held_there_and_back(kind: str, fast: bool, dtype: torch.dtype) -> None:
    network = blocks()
    if fast:
        exchange(network)
    linear, convolution = network.blocks
    weights = [KINDS[kind].of(layer.weight).written_out(dtype) for layer in (linear, convolution)]
    inputs = torch.randn(3, 5, 16), torch.randn(2, 16, 7, 8)
    with quantised(network, kind, put(network)):
        for layer, weight, x in zip((linear, convolution), weights, inputs, strict=True):
            found, expected = (x.clone().requires_grad_(True) for _ in range(2))
            with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
                y, y_expected = layer(found), plainly(layer, expected, weight)
                with torch.no_grad():
                    assert torch.equal(layer(x), y)
            assert y.dtype == dtype and torch.allclose(
                y.float(), y_expected.float(), atol=1e-5 if dtype.itemsize > 2 else 0.05
            )
            y.float().square().sum().backward()
            y_expected.float().square().sum().backward()
            assert error(found.grad, expected.grad) < (1e-5 if dtype.itemsize > 2 else 0.02)


def plainly(layer: Any, x: Tensor, weight: Tensor) -> Tensor:
    x, bias = x.to(weight.dtype), layer.bias.to(weight.dtype)
    if isinstance(layer, nn.Linear):
        return nn.functional.linear(x, weight, bias)
    return nn.functional.conv2d(x, weight, bias, layer.stride, layer.padding)


def error(found: Any, expected: Any) -> float:
    return float((found - expected).norm() / expected.norm())


@kinds
def test_own_weights_are_given_up_and_come_back_to_the_bit(kind: str) -> None:
    network = blocks()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    parameters, classes = dict(network.named_parameters()), [type(layer) for layer in network.modules()]
    with pytest.raises(ZeroDivisionError), quantised(network, kind, put(network)):
        linear, convolution = network.blocks
        assert isinstance(linear, QuantisedLinear) and isinstance(convolution, QuantisedConv2d)
        for layer in (linear, convolution):
            assert layer.weight.untyped_storage().nbytes() == 4 and bool(layer.weight.isnan().all())
        assert torch.equal(network.enter.weight, before["enter.weight"]), "it stands before the blocks"
        assert {name: tensor.shape for name, tensor in network.state_dict().items()} == {
            name: tensor.shape for name, tensor in before.items()
        }
        _ = 1 / 0
    after = network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert [type(layer) for layer in network.modules()] == classes
    assert all(parameter is parameters[name] for name, parameter in network.named_parameters())
    assert not any(is_held(layer) for layer in network.modules())


def test_weights_that_lie_in_one_file_leave_it() -> None:
    network = blocks()
    whole = torch.randn(100_000)
    for parameter in network.parameters():
        parameter.data = whole[: parameter.numel()].view(parameter.shape)
    with quantised(network, "int8", put(network)):
        assert all(parameter.untyped_storage().nbytes() <= 4096 for parameter in network.parameters())


def test_what_is_not_held() -> None:
    odd, grouped = nn.Linear(3, 5), nn.Conv2d(64, 64, 3, groups=2)
    assert can_be_held("blocks.0.ff", odd, "int8") and not can_be_held("blocks.0.ff", odd, "nf4"), "blocks of 64"
    assert not can_be_held("blocks.0.conv", grouped, "int8")
    assert not can_be_held("conv_in", nn.Conv2d(64, 64, 3), "int8")
    assert not can_be_held("blocks.0.norm", nn.LayerNorm(64), "int8")


def test_a_package_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    network = blocks()
    with (
        pytest.raises(UsageMistake, match="by the package bitsandbytes") as refused,
        quantised(network, "int8", put(network)),
    ):
        pass
    assert "handstyle[quantised]" in refused.value.hint
    with quantised(network, "no_change", put(network)):
        assert type(network.blocks[0]) is nn.Linear
