"""Is a low-rank update of a difference the nearest there is?"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from handstyle.diffusion.adapter_places import layers_of
from handstyle.diffusion.factoring import as_pairs, difference, factored, together
from handstyle.diffusion.pairs import Pair
from handstyle.errors import UsageMistake

LAYER = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
FILTER = "unet.down_blocks.0.resnets.0.conv1"


def chance(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(20, 30), (8, 6, 3, 3)])
def test_of_full_rank_nothing_is_missed(shape: tuple[int, ...]) -> None:
    delta = chance(*shape)
    torch.testing.assert_close(factored(delta, None).delta(shape), delta, rtol=0, atol=1e-5)


def test_what_has_rank_three_needs_three() -> None:
    assert factored(chance(20, 3) @ chance(3, 30, seed=1), None).rank == 3


@pytest.mark.parametrize("rank", [1, 4])
def test_what_is_missed_are_the_smallest_singular_values(rank: int, tiny_base: Path) -> None:
    delta = chance(*layers_of(tiny_base)[LAYER])
    values = torch.linalg.svdvals(delta)
    found = as_pairs({LAYER: delta}, tiny_base, rank)
    assert found.pairs[LAYER].rank == rank
    assert found.missed == pytest.approx(float((values[rank:].square().sum() / values.square().sum()).sqrt()), rel=1e-4)


def test_a_pair_that_is_small_enough_keeps_its_bits(tiny_base: Path) -> None:
    out, into = layers_of(tiny_base)[LAYER]
    pair = Pair(chance(2, into).half(), chance(out, 2).half(), 3.0)
    found = as_pairs({LAYER: pair}, tiny_base, 2)
    assert found.pairs[LAYER] is pair and found.missed == 0
    assert as_pairs({LAYER: pair}, tiny_base, 1).pairs[LAYER].rank == 1


def test_adapters_worn_together_change_a_layer_by_the_sum(tiny_base: Path) -> None:
    shapes = layers_of(tiny_base)
    out, into = shapes[LAYER]
    one, other = Pair(chance(2, into), chance(out, 2), 6.0), Pair(chance(3, into, seed=1), chance(out, 3, seed=2), 1.5)
    summed = together([({LAYER: one}, 0.5), ({LAYER: other, FILTER: chance(*shapes[FILTER])}, 2.0)], tiny_base)
    both = summed[LAYER]
    assert isinstance(both, Pair) and both.rank == 5
    torch.testing.assert_close(
        both.delta(shapes[LAYER]), 0.5 * one.delta(shapes[LAYER]) + 2 * other.delta(shapes[LAYER]), rtol=0, atol=1e-4
    )
    torch.testing.assert_close(summed[FILTER], 2 * chance(*shapes[FILTER]))


def test_what_a_checkpoint_has_more_is_found_and_what_no_layer_holds_is_counted(
    tiny_base: Path, tmp_path: Path
) -> None:
    tuned = Path(shutil.copytree(tiny_base, tmp_path / "tuned"))
    path = tuned / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(path)
    layer, bias = LAYER.removeprefix("unet."), "conv_in.bias"
    tensors[f"{layer}.weight"] += 0.3
    tensors[bias] += 0.4
    save_file(tensors, path, {"format": "pt"})
    found, left_out = difference(tiny_base, tuned)
    assert found.keys() == {LAYER}
    torch.testing.assert_close(found[LAYER], torch.full(layers_of(tiny_base)[LAYER], 0.3), rtol=0, atol=1e-5)
    of_layer, of_bias = 0.09 * tensors[f"{layer}.weight"].numel(), 0.16 * tensors[bias].numel()
    assert left_out == pytest.approx((of_bias / (of_bias + of_layer)) ** 0.5, rel=1e-3)


def test_a_base_of_another_anatomy_is_no_finetuning(tiny_base: Path, xl_base: Path) -> None:
    with pytest.raises(UsageMistake, match="not made from this base"):
        difference(tiny_base, xl_base)
    with pytest.raises(UsageMistake, match="the same"):
        difference(tiny_base, tiny_base)
