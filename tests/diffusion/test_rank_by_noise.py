"""Do as many ranks count as the noise lets, in learning and in drawing, and do both compute the same?"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from handstyle.diffusion import low_rank, rank_by_noise
from handstyle.errors import RecipeInvalid, UsageMistake
from handstyle.finetuning.recipe import MODULES, Recipe
from handstyle.finetuning.suiting import suit
from handstyle.finetuning.trainable import trainable

RANK, LEAST = 8, 2
TLORA: dict[str, Any] = {"tlora": True, "rank": RANK, "tlora_min_rank": LEAST, "lora_alpha": 4.0}


def test_it_is_the_papers_equation() -> None:
    """r(t) = floor((r - r_min) (T - t) / T) + r_min, as integers."""
    for t in (0, 1, 499, 500, 998, 999):
        expected = (RANK - LEAST) * (1000 - t) // 1000 + LEAST
        assert int(rank_by_noise.ranks(torch.tensor([t]), 1000, RANK, LEAST)) == expected
    assert int(rank_by_noise.ranks(torch.tensor([0]), 1000, RANK, LEAST)) == RANK


def test_each_row_of_a_batch_has_its_own_ranks() -> None:
    mask = rank_by_noise.Mask(1000, 4, 1)
    mask.hear(nn.Identity(), (None, torch.tensor([0, 999])), {})
    assert mask.narrow(torch.ones(2, 3, 4))[:, 0].tolist() == [[1, 1, 1, 1], [1, 0, 0, 0]]
    assert mask.narrow(torch.ones(2, 4, 5, 5))[:, :, 0, 0].tolist() == [[1, 1, 1, 1], [1, 0, 0, 0]]


def filled(learning: Any) -> dict[str, Tensor]:
    chance = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in learning.parameters.values():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=chance))
    return learning.weights()  # type: ignore[no-any-return]


def said(family: Any, timesteps: list[int]) -> Tensor:
    chance = torch.Generator().manual_seed(6)
    latents = torch.randn(len(timesteps), 4, 8, 8, generator=chance)
    with torch.no_grad():
        words = family.encode_texts(["a boat"]).expand(len(timesteps), -1, -1)
        return family.predict(latents, torch.tensor(timesteps), words)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ["family", "xl_family"])
def test_what_learns_and_what_is_worn_compute_what_the_definition_says(
    name: str, request: pytest.FixtureRequest
) -> None:
    family = request.getfixturevalue(name)
    plain = said(family, [999, 400])
    with trainable(family, Recipe(**TLORA)) as learning:
        family.denoiser.eval()
        weights = filled(learning)
        learnt = said(family, [999, 400])
    of_denoiser = low_rank.split(weights, "unet")
    with rank_by_noise.worn(family.denoiser, of_denoiser, 4.0 / RANK, family.noise.number_of_timesteps, LEAST):
        worn = said(family, [999, 400])
    torch.testing.assert_close(worn, learnt, rtol=1e-3, atol=1e-4)
    for row, t in enumerate([999, 400]):
        counting = int(rank_by_noise.ranks(torch.tensor([t]), 1000, RANK, LEAST))
        cut = {
            key: value[:counting] if key.endswith(low_rank.DOWN) else value[:, :counting]
            for key, value in of_denoiser.items()
        }
        with low_rank.added([low_rank.updates(cut, 4.0 / RANK)], family.denoiser):
            defined = said(family, [999, 400])
        torch.testing.assert_close(learnt[row], defined[row], rtol=1e-3, atol=1e-4)
    assert (learnt - plain).abs().max() > 0.01 and torch.equal(said(family, [999, 400]), plain)


def test_ranks_that_do_not_count_do_not_learn(family: Any) -> None:
    with trainable(family, Recipe(**TLORA)) as learning:
        filled(learning)
        words = family.encode_texts(["a boat"]).detach()
        family.predict(torch.randn(1, 4, 8, 8), torch.tensor([999]), words).sum().backward()
        downs = [p for key, p in learning.denoiser.items() if key.endswith(low_rank.DOWN)]
        assert any(down.grad is not None and down.grad[:LEAST].abs().sum() > 0 for down in downs)
        assert all(down.grad is None or down.grad[LEAST:].abs().sum() == 0 for down in downs)
    assert not family.denoiser._forward_pre_hooks
    assert not any(layer._forward_hooks for layer in family.denoiser.modules())


def test_weights_of_another_base_are_refused(family: Any, xl_family: Any) -> None:
    with trainable(xl_family, Recipe(**TLORA)) as learning:
        weights = low_rank.split(filled(learning), "unet")
    with pytest.raises((KeyError, RuntimeError)), rank_by_noise.worn(family.denoiser, weights, 1.0, 1000, LEAST):
        pass
    assert not any(layer._forward_hooks for layer in family.denoiser.modules())


def test_what_does_not_fit_is_refused(flux_family: Any) -> None:
    for settings in ({"algo": "loha"}, {"method": "full"}, {"tlora_min_rank": 9}):
        with pytest.raises(RecipeInvalid, match="tlora"):
            Recipe().changed(**{**TLORA, **settings})
    with pytest.raises(UsageMistake, match="U-Nets alone"):
        suit(flux_family, Recipe(**TLORA))
    assert "tlora" not in Recipe().as_json() and len(MODULES) == 3
