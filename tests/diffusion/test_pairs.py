"""Is an update of a joined layer, cut apart and joined again, what it was?"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from handstyle.diffusion.pairs import Pair, Update, cut, joined, turned

ROWS = [6, 6, 6, 24]


def pair(rows: int, rank: int, alpha: float, seed: int) -> Pair:
    chance = torch.Generator().manual_seed(seed)
    return Pair(torch.randn(rank, 5, generator=chance), torch.randn(rows, rank, generator=chance), alpha)


def delta(update: Update | None, rows: int) -> Tensor:
    if update is None:
        return torch.zeros(rows, 5)
    return update.delta((rows, 5)) if isinstance(update, Pair) else update


def whole(parts: list[Update | None]) -> Tensor:
    return torch.cat([delta(part, rows) for part, rows in zip(parts, ROWS, strict=True)])


def same(one: Update | None, other: Update | None) -> bool:
    if isinstance(one, Pair) and isinstance(other, Pair):
        return torch.equal(one.down, other.down) and torch.equal(one.up, other.up) and one.alpha == other.alpha
    return one is other is None


def test_one_pair_is_cut_into_pairs_of_the_same_a_and_joined_again_bit_for_bit() -> None:
    one = pair(sum(ROWS), 4, 8, 0)
    parts = cut(one, ROWS)
    torch.testing.assert_close(whole(parts), one.delta((42, 5)), rtol=0, atol=0)
    assert all(isinstance(part, Pair) and torch.equal(part.down, one.down) for part in parts)
    assert same(joined([part for part in parts if isinstance(part, Pair)], ROWS), one)


@pytest.mark.parametrize("missing", [None, 1, 3])
def test_pairs_of_their_own_become_blocks_and_these_the_pairs_bit_for_bit(missing: int | None) -> None:
    own = [pair(rows, 2 + n, float(2 * (2 + n)), n) for n, rows in enumerate(ROWS)]
    given = [None if n == missing else one for n, one in enumerate(own)]
    one = joined(given, ROWS)
    assert one.rank == sum(part.rank for part in given if part)
    parts = cut(one, ROWS)
    assert all(same(part, was) for part, was in zip(parts, given, strict=True))


def test_pairs_of_several_scales_are_one_that_computes_the_same() -> None:
    own = [pair(rows, 2, alpha, n) for n, (rows, alpha) in enumerate(zip(ROWS, (1.0, 2.0, 8.0, 3.0), strict=True))]
    one = joined(own, ROWS)
    torch.testing.assert_close(one.delta((42, 5)), whole(list(own)), rtol=1e-6, atol=1e-6)


def test_a_fresh_pair_changes_nothing_and_is_kept() -> None:
    fresh = Pair(torch.randn(4, 5), torch.zeros(42, 4), 4.0)
    parts = cut(fresh, ROWS)
    assert all(isinstance(part, Pair) for part in parts)
    assert same(joined([part for part in parts if isinstance(part, Pair)], ROWS), fresh)


def test_whole_differences_are_cut_and_turned_by_their_rows() -> None:
    change = torch.randn(42, 5)
    parts = cut(change, ROWS)
    assert torch.equal(whole(parts), change)
    one = pair(42, 4, 8, 1)
    assert torch.equal(turned(turned(change)), change) and same(turned(turned(one)), one)
    torch.testing.assert_close(delta(turned(one), 42), turned(one.delta((42, 5))), rtol=0, atol=0)


def test_diffusers_cuts_what_is_joined_here_as_it_was_at_the_width_of_flux() -> None:
    """The reader of kohya's format in diffusers, which knows FLUX.1 at this width alone."""
    from diffusers.loaders.lora_conversion_utils import _convert_kohya_flux_lora_to_diffusers

    rows, chance = [3072, 3072, 3072, 12288], torch.Generator().manual_seed(0)
    names = ["attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"]

    def own(height: int) -> Pair:
        return Pair(torch.randn(2, 3072, generator=chance), torch.randn(height, 2, generator=chance), 1.0)

    for pairs in ([own(height) for height in rows], cut(own(sum(rows)), rows)):
        one = joined([part for part in pairs if isinstance(part, Pair)], rows)
        module = "lora_unet_single_blocks_0_linear1"
        read = _convert_kohya_flux_lora_to_diffusers({
            f"{module}.lora_down.weight": one.down.clone(), f"{module}.lora_up.weight": one.up.clone(),
            f"{module}.alpha": torch.tensor(one.alpha),
        })  # fmt: skip
        for name, part in zip(names, pairs, strict=True):
            key = f"transformer.single_transformer_blocks.0.{name}"
            found = read[f"{key}.lora_B.weight"][:50] @ read[f"{key}.lora_A.weight"]
            assert isinstance(part, Pair)
            torch.testing.assert_close(found, part.up[:50] @ part.down * part.scale, rtol=1e-5, atol=1e-5)
