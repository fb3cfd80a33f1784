"""Does attention in blocks give the same numbers as the formula, and does it keep no more than it may?"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from handstyle.diffusion import attention, catalogue

HEADS, QUERIES, KEYS, WIDTH = 6, 40, 24, 8


def chance(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def by_formula(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """softmax(scale Q K^T) V, as it is written."""
    return (scale * query @ key.transpose(1, 2)).softmax(-1) @ value


def both(dtype: torch.dtype) -> tuple[list[Tensor], list[Tensor]]:
    """Output and slopes by the formula in double precision, and in blocks in `dtype`."""
    answers = []
    for way, kind in ((by_formula, torch.float64), (attention.attention, dtype)):
        parts = [
            chance(HEADS, rows, WIDTH, seed=seed).to(dtype).to(kind).requires_grad_()
            for seed, rows in enumerate((QUERIES, KEYS, KEYS))
        ]
        output = way(*parts, 0.35)
        output.backward(chance(*output.shape, seed=9).to(kind))
        answers.append([output.detach().double(), *(part.grad.double() for part in parts if part.grad is not None)])
    return answers[0], answers[1]


@pytest.mark.parametrize("block", [1, 100, 2000, 10**9], ids=["a row", "parts of a head", "two heads", "all at once"])
@pytest.mark.parametrize("kept", [0, 10**9], ids=["computed again", "kept"])
@pytest.mark.parametrize(("dtype", "within"), [(torch.float32, 2e-6), (torch.bfloat16, 0.03)], ids=["fp32", "bf16"])
def test_blocks_give_what_the_formula_gives(
    block: int, kept: int, dtype: torch.dtype, within: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "BLOCK", block)
    monkeypatch.setattr(attention, "KEPT", kept)
    expected, found = both(dtype)
    assert len(expected) == len(found) == 4
    for one, other in zip(expected, found, strict=True):
        assert (one - other).abs().max() <= within * one.abs().max()


@pytest.mark.parametrize("shape", [(8, 4096, 4096), (8, 4096, 77), (24, 256, 256), (1, 7, 10**7)])
def test_the_blocks_hold_every_query_of_every_head_once(shape: tuple[int, int, int]) -> None:
    heads, queries, keys = shape
    seen = torch.zeros(heads, queries, dtype=torch.long)
    for block in attention.blocks(heads, queries, keys):
        seen[block] += 1
        assert seen[block].numel() * keys <= max(attention.BLOCK, keys)
    assert bool((seen == 1).all())


def test_large_tables_are_not_kept_for_the_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def kept() -> int:
        query, key, value = (chance(2, 16, 4, seed=seed, dtype=torch.float32).requires_grad_() for seed in range(3))
        sizes: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda x: sizes.append(x.numel()) or x, lambda x: x):
            attention.attention(query, key, value, 1.0)
        return sum(sizes)

    parts = 3 * 2 * 16 * 4
    assert kept() == parts + 2 * 16 * 16
    monkeypatch.setattr(attention, "KEPT", 2 * 16 * 16 * 4 - 1)
    assert kept() == parts


@pytest.mark.parametrize(("dtype", "within"), [(torch.float32, 2e-6), (torch.bfloat16, 0.03)], ids=["fp32", "bf16"])
def test_the_fused_kernel_gives_what_the_formula_gives(dtype: torch.dtype, within: float) -> None:
    batch, heads = 2, 3
    parts = [chance(batch, rows, heads * WIDTH, seed=seed).to(dtype) for seed, rows in enumerate((QUERIES, KEYS, KEYS))]
    by_head = [part.double().unflatten(2, (heads, WIDTH)).transpose(1, 2).flatten(0, 1) for part in parts]
    expected = by_formula(*by_head, 0.35).unflatten(0, (batch, heads)).transpose(1, 2).flatten(2)
    found = attention.fused(*parts, heads, 0.35)
    assert found.dtype == dtype and found.shape == expected.shape
    assert (found.double() - expected).abs().max() <= within * expected.abs().max()


def test_small_tables_are_fused_where_there_is_no_way_back(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    family = catalogue.load(tiny_base)
    latents, words = torch.randn(2, *family.latent_shape(64, 64)), family.encode_texts(["a fox", ""])
    fused, way = [], attention.fused
    monkeypatch.setattr(attention, "fused", lambda *given: fused.append(given) or way(*given))
    with torch.no_grad():
        small = family.predict(latents, torch.tensor([500, 500]), words)
    assert fused
    monkeypatch.setattr(attention, "SMALL", 0)
    before = len(fused)
    with torch.no_grad():
        in_blocks = family.predict(latents, torch.tensor([500, 500]), words)
    assert len(fused) == before
    torch.testing.assert_close(small, in_blocks, rtol=1e-4, atol=1e-4)


def test_plain_leaves_the_blocks_out_everywhere(tiny_base: Path) -> None:
    ways = set(map(type, catalogue.load(tiny_base, plain=True).denoiser.attn_processors.values()))  # type: ignore[operator, union-attr]
    assert {way.__name__ for way in ways} == {"AttnProcessor"}
