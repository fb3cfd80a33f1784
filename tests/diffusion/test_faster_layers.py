"""Does a network with exchanged layers compute what it computed before, forward and back, whatever happens to it?"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from handstyle.diffusion import catalogue, low_rank
from handstyle.diffusion.faster_layers import exchange, round_anew
from handstyle.diffusion.group_norm import ChannelsLastGroupNorm
from handstyle.diffusion.packing import HAS_OPERATORS, PackedConv2d, PackedLinear, is_packed

PRECISIONS = pytest.mark.parametrize(("precision", "within"), [("no", 1e-6), ("bf16", 0.03)])
LAYERS = {
    "linear": (lambda: nn.Linear(24, 40), (3, 5, 24)),
    "linear without bias": (lambda: nn.Linear(24, 40, bias=False), (3, 24)),
    "3x3": (lambda: nn.Conv2d(8, 12, 3, padding=1), (2, 8, 9, 7)),
    "1x1": (lambda: nn.Conv2d(8, 12, 1), (2, 8, 9, 7)),
    "strided": (lambda: nn.Conv2d(8, 12, 3, stride=2, padding=1), (2, 8, 9, 7)),
    "unequal margins": (lambda: nn.Conv2d(8, 12, (3, 5), padding=(0, 2)), (2, 8, 9, 7)),
}


def passed(layer: nn.Module, x: Tensor, precision: str) -> list[Tensor]:
    """Output and slope of the input."""
    x = x.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        y = layer(x)
    y.float().square().sum().backward()
    assert x.grad is not None
    return [y.detach().float(), x.grad]


def assert_near(found: list[Tensor], expected: list[Tensor], within: float) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape and one.dtype == other.dtype
        assert (one - other).abs().max() <= within * other.abs().max()


@pytest.fixture(params=LAYERS)
def frozen(request: pytest.FixtureRequest) -> tuple[nn.Module, nn.Module, Tensor]:
    """A layer as it is, the same exchanged, and what they may see."""
    make, shape = LAYERS[request.param]
    torch.manual_seed(0)
    plain = make().requires_grad_(False)
    faster = nn.Sequential(copy.deepcopy(plain))
    exchange(faster)
    return plain, faster[0], torch.randn(shape)


@PRECISIONS
def test_a_packed_layer_gives_what_the_layer_gives(
    frozen: tuple[nn.Module, nn.Module, Tensor], precision: str, within: float
) -> None:
    plain, faster, x = frozen
    assert is_packed(faster, x) == HAS_OPERATORS
    assert_near(passed(faster, x, precision), passed(plain, x, precision), within)


def test_weights_that_have_changed_are_packed_anew(frozen: tuple[nn.Module, nn.Module, Tensor]) -> None:
    plain, faster, x = frozen
    passed(faster, x, "no")
    with torch.no_grad():
        plain.weight.mul_(-2)  # type: ignore[operator]
        faster.weight.mul_(-2)  # type: ignore[operator]
    assert_near(passed(faster, x, "no"), passed(plain, x, "no"), 1e-6)


def test_weights_that_learn_are_not_packed(frozen: tuple[nn.Module, nn.Module, Tensor]) -> None:
    plain, faster, x = frozen
    for layer in (plain, faster):
        layer.requires_grad_(True)
    assert not is_packed(faster, x)
    assert torch.equal(faster(x), plain(x))
    passed(faster, x, "no")
    assert faster.weight.grad is not None


@PRECISIONS
@pytest.mark.parametrize("anew", [False, True])
def test_a_layer_that_learns_has_the_slopes_of_autocast_and_where_told_to_keeps_no_rounded_weights(
    frozen: tuple[nn.Module, nn.Module, Tensor], precision: str, within: float, anew: bool
) -> None:
    plain, faster, x = frozen
    round_anew(faster, anew)
    found = []
    for layer in (faster, plain):
        layer.requires_grad_(True)
        kept: list[Tensor] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda one: kept.append(one) or one, lambda one: one):  # noqa: B023
            answers = passed(layer, x, precision)
        found.append([*answers, *(part.grad for part in layer.parameters() if part.grad is not None)])
        rounded = [one for one in kept if one.dtype == torch.bfloat16 and one.numel() == layer.weight.numel()]
        assert bool(rounded) == (precision == "bf16" and not (layer is faster and anew))
    assert_near(found[0], found[1], within)


def test_what_is_packed_does_not_depend_on_what_was_seen_before(
    frozen: tuple[nn.Module, nn.Module, Tensor],
) -> None:
    """A run that goes on after a pause sees other shapes first than one that was not stopped."""
    _, faster, x = frozen
    alone = passed(faster, x, "bf16")
    passed(faster, x[:1], "bf16")
    passed(faster, x, "no")
    assert all(torch.equal(*pair) for pair in zip(passed(faster, x, "bf16"), alone, strict=True))


@pytest.mark.parametrize(("groups", "channels"), [(4, 12), (8, 64), (1, 5)])
@pytest.mark.parametrize(("dtype", "within"), [(torch.float32, 1e-6), (torch.bfloat16, 0.01)])
def test_a_group_norm_with_channels_side_by_side_is_a_group_norm(
    groups: int, channels: int, dtype: torch.dtype, within: float
) -> None:
    torch.manual_seed(0)
    plain = nn.GroupNorm(groups, channels)
    nn.init.normal_(plain.weight)
    nn.init.normal_(plain.bias)
    faster = nn.Sequential(copy.deepcopy(plain))
    exchange(faster)
    assert type(faster[0]) is ChannelsLastGroupNorm
    x = (3 + torch.randn(2, channels, 6, 5)).to(dtype)
    aim = torch.randn(2, channels, 6, 5)
    found = []
    for norm, layout, kind in (
        (faster[0], torch.channels_last, dtype),
        (plain, torch.contiguous_format, torch.float32),
    ):
        one = x.to(kind).contiguous(memory_format=layout).requires_grad_()
        y = norm(one)
        (y.float() * aim).sum().backward()
        assert one.grad is not None and y.dtype == kind
        found.append([y.detach().float(), one.grad.float(), norm.weight.grad, norm.bias.grad])
    assert_near(found[0], found[1], within)


def answer(family: Any, precision: str) -> tuple[Tensor, dict[str, Tensor]]:
    """What the network predicts for two rows of chance, and the slope of every weight that learns."""
    chance = torch.Generator().manual_seed(3)
    latents_BCHW = torch.randn(2, 4, 8, 8, generator=chance)
    conditioning_BLD = torch.randn(2, 77, family.unet.config.cross_attention_dim, generator=chance)
    with family.autocast(precision):
        predicted_BCHW = family.predict(latents_BCHW, torch.tensor([10, 900]), conditioning_BLD)
    predicted_BCHW.float().square().mean().backward()
    slopes = {name: part.grad for name, part in family.unet.named_parameters() if part.grad is not None}
    for part in family.unet.parameters():
        part.grad = None
    return predicted_BCHW.detach().float(), slopes


@pytest.mark.parametrize("method", ["low-rank", "full"])
@pytest.mark.parametrize(("precision", "within"), [("no", 1e-5), pytest.param("bf16", 0.05, marks=pytest.mark.slow)])
def test_the_whole_network_equals_the_plain_one(method: str, precision: str, within: float, tiny_base: Path) -> None:
    """Prediction and slopes, as a share of the largest value; bf16 keeps eight bits of each."""
    found = []
    for plain in (True, False):
        family = catalogue.load(tiny_base, plain=plain)
        network = family.denoiser
        if method == "full":
            network.requires_grad_(True)
        else:
            targets = family.low_rank_targets(("attention", "feed-forward", "convolution"))
            torch.manual_seed(1)
            low_rank.attach_trainable(network, targets, 3, 5.0, 0.0)
            with torch.no_grad():
                for part in low_rank.low_rank_parameters(network).values():
                    part.normal_(0, 0.1)
        found.append(answer(family, precision))
    (expected, slopes), (predicted, found_slopes) = found
    assert (predicted - expected).abs().max() <= within * expected.abs().max()
    assert slopes.keys() == found_slopes.keys() and len(slopes) > 50
    largest = max(float(slope.abs().max()) for slope in slopes.values())
    for name, slope in slopes.items():
        assert (found_slopes[name] - slope).abs().max() <= within * largest, name


def test_only_classes_change_and_only_of_the_layers_named(tiny_base: Path) -> None:
    plain, faster = catalogue.load(tiny_base, plain=True).denoiser, catalogue.load(tiny_base).denoiser
    assert plain.state_dict().keys() == faster.state_dict().keys()
    assert all(isinstance(layer, PackedLinear) for layer in faster.modules() if isinstance(layer, nn.Linear))
    assert all(isinstance(layer, PackedConv2d) for layer in faster.modules() if isinstance(layer, nn.Conv2d))
    assert not any(isinstance(layer, PackedLinear | PackedConv2d) for layer in plain.modules())
