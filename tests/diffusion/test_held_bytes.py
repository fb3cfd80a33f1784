"""Are the bytes counted that tensors would hold, though nothing is computed?"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from handstyle.diffusion.held_bytes import Held, without_numbers
from handstyle.diffusion.packing import PackedConv2d, PackedLinear, Packs

MB = 1 << 20


def test_a_storage_counts_from_its_first_use_to_its_last() -> None:
    with without_numbers(), Held() as held:
        one = torch.empty(MB)
        assert held.now == 4 * MB
        view = one.view(2, -1)
        one.add_(1)
        assert held.now == 4 * MB, "neither a view nor what is done in place is another storage"
        two = one * 2
        del one
        assert held.now == 8 * MB, "the view still holds it"
        del view
        assert held.now == 4 * MB
        del two
        assert (held.now, held.most()) == (0, 8 * MB)
        assert held.most() == 0, "since it was last asked"


def test_what_was_there_before_does_not_count_and_stays_as_it_is() -> None:
    layer = nn.Linear(8, 8)
    before = layer.weight.detach().clone()
    with without_numbers() as copied:
        (own, again) = copied((layer, layer.weight))
        assert own.weight is again, "one parameter, wherever it is held"
        with Held() as held, torch.no_grad():
            own.weight.add_(1)
            own.weight.copy_(own.bias)
            assert held.now == 0
    assert torch.equal(layer.weight, before)


def test_nothing_is_computed_however_large_it_would_be() -> None:
    with without_numbers(), Held() as held:
        x = torch.empty(1 << 16, 1 << 16)
        assert float((x @ x).sum()) == 1.0, "a number where one is asked for"
        assert held.most() >= 2 * 4 * (1 << 32)


def test_a_step_holds_what_is_kept_for_the_way_back() -> None:
    layers = nn.Sequential(*(nn.Linear(64, 64, bias=False) for _ in range(4)))
    with without_numbers() as copied:
        own, x = copied((layers, torch.zeros(1024, 64)))
        with Held() as held:
            loss = own(x).sum()
            assert held.now - 4 == 4 * 1024 * 64 * 4 - 1024 * 64 * 4, "the last output is needed by nobody"
            loss.backward()
            assert held.now - 4 == 4 * 64 * 64 * 4, "gradients"


def test_layers_that_are_laid_out_anew_answer_as_the_real_ones_do() -> None:
    layers: list[tuple[Any, Tensor]] = [
        (PackedLinear(6, 10), torch.randn(3, 5, 6)),
        (PackedConv2d(4, 8, 3, padding=1), torch.randn(2, 4, 7, 9)),
        (PackedConv2d(4, 8, 3, padding=1, stride=2), torch.randn(2, 4, 8, 8)),
        (PackedConv2d(4, 8, 1), torch.randn(2, 4, 8, 8)),
    ]
    for layer, x in layers:
        layer.requires_grad_(False)
        layer.packs = Packs()
        real = layer(x.requires_grad_())
        real.sum().backward()
        with without_numbers() as copied:
            own, like = copied((layer, x.detach().requires_grad_()))
            with Held():
                found = own(like)
                found.sum().backward()
        assert (found.shape, found.stride(), found.dtype) == (real.shape, real.stride(), real.dtype)
        assert like.grad is not None and x.grad is not None and like.grad.shape == x.grad.shape
