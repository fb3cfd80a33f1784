"""Does each algorithm's adapter add what PEFT and ComfyUI compute, change nothing when fresh, and leave no trace?"""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from handstyle.diffusion import low_rank, updates
from handstyle.diffusion.adapter_names import ENDINGS, Algorithm, from_peft, taken_apart

RANK, ALPHA = 2, 3.0
KINDS = {
    "linear": lambda: nn.Linear(12, 8),
    "3x3": lambda: nn.Conv2d(12, 8, 3, padding=1),
    "1x1": lambda: nn.Conv2d(12, 8, 1, bias=False),
    "strided": lambda: nn.Conv2d(12, 8, 3, stride=2, padding=1),
}
each_algorithm = pytest.mark.parametrize("algo", [algo for algo, endings in ENDINGS.items() if endings])
each_kind = pytest.mark.parametrize("kind", list(KINDS))


def network_of(kind: str) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(KINDS[kind]()).requires_grad_(False)


def seen_by(network: Any) -> Tensor:
    shape = (2, 12) if isinstance(network[0], nn.Linear) else (2, 12, 8, 8)
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def attached(network: nn.Module, algo: Algorithm, rank: int = RANK) -> nn.Module:
    worn = copy.deepcopy(network)
    low_rank.attach_trainable(worn, ["0"], rank, ALPHA, 0.0, algo)
    return worn.eval()


@torch.no_grad()
def trained(network: nn.Module, algo: Algorithm, rank: int = RANK) -> tuple[nn.Module, dict[str, Tensor]]:
    """A copy that wears an adapter of chance as PEFT does, and its tensors."""
    worn, chance = attached(network, algo, rank), torch.Generator().manual_seed(2)
    for parameter in low_rank.low_rank_parameters(worn).values():
        parameter.add_(0.3 * torch.randn(parameter.shape, generator=chance))
    return worn, {name: tensor.detach().clone() for name, tensor in low_rank.low_rank_parameters(worn).items()}


@each_kind
@each_algorithm
@torch.no_grad()
def test_a_fresh_adapter_changes_nothing(algo: Algorithm, kind: str) -> None:
    network = network_of(kind)
    x = seen_by(network)
    assert torch.allclose(attached(network, algo)(x), network(x), atol=1e-6)


@each_kind
@each_algorithm
@torch.no_grad()
def test_added_to_the_weights_it_computes_what_it_computed_as_it_learnt(algo: Algorithm, kind: str) -> None:
    network = network_of(kind)
    x, before = seen_by(network), copy.deepcopy(network.state_dict())
    worn, tensors = trained(network, algo)
    expected = worn(x)
    change = updates.added_by(tensors, algo, ALPHA, dict(network.named_parameters()))
    with low_rank.added([change], network):
        assert torch.allclose(network(x), expected, atol=1e-5)
        assert not torch.allclose(expected, nn.Sequential(KINDS[kind]())(x), atol=1e-2)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


@each_kind
@each_algorithm
def test_when_it_is_taken_off_the_layer_is_the_one_that_was_there(algo: Algorithm, kind: str) -> None:
    network = network_of(kind)
    layer, before = network[0], copy.deepcopy(network.state_dict())  # type: ignore[index]
    low_rank.attach_trainable(network, ["0"], RANK, ALPHA, 0.0, algo)
    low_rank.detach_trainable(network)
    assert network[0] is layer and not hasattr(network, "peft_config")  # type: ignore[index]
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


@each_algorithm
def test_all_that_learns_has_the_name_that_pefts_files_give_it(algo: Algorithm) -> None:
    from peft import get_peft_model_state_dict

    worn = attached(network_of("3x3"), algo)
    found = low_rank.low_rank_parameters(worn)
    assert found.keys() == get_peft_model_state_dict(worn).keys()
    assert len(found) == sum(parameter.requires_grad for parameter in worn.parameters())
    assert {parts[1] for name in found if (parts := taken_apart(name))} <= set(ENDINGS[algo])


def test_what_is_of_no_adapter_has_no_ending() -> None:
    assert taken_apart("unet.conv_in.weight") is None and from_peft("conv_in.base_layer.weight") is None
    assert taken_apart("a.lokr_w2_a") == ("a", ".lokr_w2_a")


def by_comfyui(group: dict[str, Tensor], weight: Tensor, alpha: float) -> Tensor:
    """comfyanonymous/ComfyUI a125cd8, comfy/weight_adapter/loha.py and lokr.py, `calculate_weight`, no Tucker."""
    if "hada_w1_a" in group:
        scale = alpha / group["hada_w1_b"].shape[0]
        one = torch.mm(group["hada_w1_a"], group["hada_w1_b"])
        return scale * (one * torch.mm(group["hada_w2_a"], group["hada_w2_b"])).reshape(weight.shape)
    dim, w1, w2 = None, group["lokr_w1"], group.get("lokr_w2")
    if w2 is None:
        dim = group["lokr_w2_b"].shape[0]
        w2 = torch.mm(group["lokr_w2_a"], group["lokr_w2_b"])
    if w2.ndim == 4:
        w1 = w1.unsqueeze(2).unsqueeze(2)
    return (1.0 if dim is None else alpha / dim) * torch.kron(w1, w2).reshape(weight.shape)


@each_kind
@pytest.mark.parametrize("algo", ["loha", "lokr"])
@pytest.mark.parametrize("rank", [1, 2, 64])
def test_user_interfaces_add_the_same(algo: Algorithm, kind: str, rank: int) -> None:
    """At the largest rank both matrices of a LoKr are whole, and nothing is left that a rank could scale."""
    network = network_of(kind)
    weight = next(network.parameters()).detach()
    worn, tensors = trained(network, algo, rank)
    expected = by_comfyui({name.removeprefix("0."): tensor for name, tensor in tensors.items()}, weight, ALPHA)
    (found,) = updates.added_by(tensors, algo, ALPHA, {"0.weight": weight}).values()
    assert torch.allclose(found, expected, atol=1e-6)
    with torch.no_grad(), low_rank.added([{"0.weight": expected}], network):
        assert torch.allclose(worn(seen_by(network)), network(seen_by(network)), atol=1e-5)


def test_an_oft_turns_weights_and_leaves_their_length() -> None:
    network = network_of("3x3")
    weight = next(network.parameters()).detach()
    _, tensors = trained(network, "oft")
    (change,) = updates.added_by(tensors, "oft", 1.0, {"0.weight": weight}).values()
    lengths = [rows.flatten(1).norm(dim=1) for rows in (weight, weight + change)]
    assert torch.allclose(*lengths, atol=1e-5) and change.abs().max() > 0.01


def test_a_dora_has_the_length_it_learnt() -> None:
    network = network_of("linear")
    weight = next(network.parameters()).detach()
    _, tensors = trained(network, "dora")
    (change,) = updates.added_by(tensors, "dora", ALPHA, {"0.weight": weight}).values()
    assert torch.allclose((weight + change).norm(dim=1), tensors["0.lora_magnitude_vector"].abs(), atol=1e-5)
