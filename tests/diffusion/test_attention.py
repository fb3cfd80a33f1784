"""Do both ways of computing attention give the same numbers, and is each used where it is the faster one?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from handstyle.diffusion import attention, catalogue
from handstyle.diffusion.attention import FasterAttention, is_large


def answer(family: Any, precision: str) -> tuple[Tensor, list[Tensor]]:
    """What the network predicts for two rows of chance, and the gradient of every weight."""
    chance = torch.Generator().manual_seed(3)
    latents_BCHW = torch.randn(2, 4, 8, 8, generator=chance)
    conditioning_BLD = torch.randn(2, 77, family.unet.config.cross_attention_dim, generator=chance)
    family.unet.requires_grad_(True)
    try:
        with family.autocast(precision):
            predicted_BCHW = family.predict(latents_BCHW, torch.tensor([10, 900]), conditioning_BLD)
        predicted_BCHW.float().square().mean().backward()
        gradients = [parameter.grad for parameter in family.unet.parameters() if parameter.grad is not None]
    finally:
        family.unet.requires_grad_(False)
        for parameter in family.unet.parameters():
            parameter.grad = None
    return predicted_BCHW.detach().float(), gradients


@pytest.mark.parametrize("large", [1, 10**9], ids=["the fused kernel", "matrix products"])
@pytest.mark.parametrize(("precision", "within"), [("no", 1e-5), ("bf16", 0.05)])
def test_the_faster_attention_equals_the_plain_one(
    large: int, precision: str, within: float, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prediction and gradients, as a share of the largest value; bf16 keeps eight bits of each."""
    monkeypatch.setattr(attention, "LARGE", large)
    plain, fast = catalogue.load(tiny_base, plain=True), catalogue.load(tiny_base)
    (expected, slopes), (found, found_slopes) = answer(plain, precision), answer(fast, precision)
    assert (found - expected).abs().max() <= within * expected.abs().max()
    assert len(slopes) == len(found_slopes) > 50
    largest = max(float(slope.abs().max()) for slope in slopes)
    for slope, found_slope in zip(slopes, found_slopes, strict=True):
        assert (found_slope - slope).abs().max() <= within * largest


def test_small_tables_of_scores_use_products_and_large_ones_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[str] = []
    way = FasterAttention()
    monkeypatch.setattr(way, "products", lambda *given: used.append("products"))
    monkeypatch.setattr(way, "kernel", lambda *given: used.append("kernel"))
    words = torch.empty(1, 77, 8)
    way(None, torch.empty(1, 256, 8))
    way(None, torch.empty(1, 4096, 8))
    way(None, torch.empty(1, 4096, 8), words)
    way(None, torch.empty(1, 8, 64, 64))
    assert used == ["products", "kernel", "products", "kernel"]
    assert not is_large(512, 1023) and is_large(512, 1024)


def test_plain_leaves_the_kernel_out_everywhere(tiny_base: Path) -> None:
    ways = set(map(type, catalogue.load(tiny_base, plain=True).denoiser.attn_processors.values()))  # type: ignore[operator, union-attr]
    assert {way.__name__ for way in ways} == {"AttnProcessor"}
