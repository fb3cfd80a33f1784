"""Is the loss of a batch what an independent computation says?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from handstyle.encoding.batches import Batch
from handstyle.finetuning.objective import Objective, batch_loss, draw
from handstyle.finetuning.recipe import Recipe


@torch.no_grad()
def independently(batch: Batch, family: Any, step: int, gamma: float | None, prior_weight: float) -> float:
    """Row by row in double precision, from the papers; only the drawn noise and the network are shared."""
    x0s, noises, timesteps = draw(batch, family, seed=0, step=step)
    works, prior = [], []
    for row, timestep in enumerate(timesteps.tolist()):
        alpha_bar = family.noise.signal_T[timestep].double()
        x0, noise = x0s[row].double(), noises[row].double()
        x_t = alpha_bar**0.5 * x0 + (1 - alpha_bar) ** 0.5 * noise
        words = batch.conditioning_BLD[row][None]
        predicted = family.predict(x_t.float()[None], torch.tensor([timestep]), words)[0].double()
        if family.noise.prediction == "epsilon":
            target = noise
        else:
            target = alpha_bar**0.5 * noise - (1 - alpha_bar) ** 0.5 * x0
        weight = 1.0
        if gamma is not None:
            snr = float(alpha_bar / (1 - alpha_bar))
            weight = min(snr, gamma) / (snr if family.noise.prediction == "epsilon" else snr + 1)
        error = weight * float(((predicted - target) ** 2).mean())
        (works if row < batch.number_of_works else prior).append(error)
    loss = sum(works) / len(works)
    return loss + prior_weight * sum(prior) / len(prior) if prior else loss


@pytest.mark.parametrize("gamma", [None, 5.0, 0.5])
@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize(
    "prior", [None, (1.0, 1.0), (0.3, 2.0)], ids=["works alone", "prior", "light prior, twice as many"]
)
@pytest.mark.parametrize("base", ["v", pytest.param("epsilon", marks=pytest.mark.slow)])
def test_the_loss_is_what_the_papers_say(
    base: str, prior: Any, size: int, gamma: Any, family: Any, epsilon_family: Any, recipe: Any, material: Any
) -> None:
    ours = family if base == "v" else epsilon_family
    settings = {"train_batch_size": size, "snr_gamma": gamma, "caption_dropout": 0.3}
    if prior:
        settings |= {"with_prior_preservation": True, "prior_loss_weight": prior[0], "prior_batch_share": prior[1]}
    batch = material(recipe(**settings)).batch_at(2)
    loss = batch_loss(batch, ours, seed=0, step=2, snr_gamma=gamma, precision="no", live_text=False)
    expected = independently(batch, ours, 2, gamma, prior[0] if prior else 0.0)
    assert float(loss) == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_an_offset_is_the_same_all_over_a_channel_and_as_large_as_asked(
    family: Any, recipe: Any, material: Any
) -> None:
    batch = material(recipe(train_batch_size=4)).batch_at(0)
    asked = (Objective(), Objective(noise_offset=0.1))
    plain, offset = ([draw(batch, family, 0, step, objective) for step in range(200)] for objective in asked)
    added = torch.cat([more[1] - less[1] for more, less in zip(offset, plain, strict=True)])
    assert float(added.std(dim=(2, 3)).max()) < 1e-6
    assert float(added[:, :, 0, 0].std()) == pytest.approx(0.1, rel=0.1)
    assert all(torch.equal(more[0], less[0]) and torch.equal(more[2], less[2])
               for more, less in zip(offset, plain, strict=True))  # fmt: skip


def test_a_class_image_keeps_its_own_min_snr_weight(family: Any, recipe: Any, material: Any) -> None:
    """One work and one class image: were the weight of one row given to the other, the loss would differ."""
    settings = {"train_batch_size": 1, "with_prior_preservation": True, "prior_loss_weight": 1.0}
    batch = material(recipe(**settings)).batch_at(0)
    _, _, (first, second) = draw(batch, family, seed=0, step=0)
    weights = family.noise.min_snr_weight(torch.stack([first, second]), 5.0)
    assert not torch.isclose(*weights), "the two must differ for this test to mean anything"
    loss = batch_loss(batch, family, seed=0, step=0, snr_gamma=5.0, precision="no", live_text=False)
    assert float(loss.detach()) == pytest.approx(independently(batch, family, 0, 5.0, 1.0), rel=1e-5)


def test_works_are_noised_alike_with_and_without_class_images(
    family: Any, recipe: Callable[..., Recipe], material: Any
) -> None:
    """The mean of each kind is over its own rows, so class images neither dilute the works nor crowd them out."""
    batch = material(recipe(train_batch_size=4, with_prior_preservation=True)).batch_at(0)
    _, _, timesteps = draw(batch, family, seed=0, step=0)
    for rows in (timesteps[:4], timesteps[4:]):
        assert sorted((rows * 4 // 1000).tolist()) == [0, 1, 2, 3]


def test_live_text_and_cached_text_give_the_same_loss(family: Any, recipe: Any, material: Any) -> None:
    batch = material(recipe(caption_dropout=0.3)).batch_at(1)
    live, cached = (
        batch_loss(batch, family, seed=0, step=1, snr_gamma=5.0, precision="no", live_text=live)
        for live in (True, False)
    )
    assert float(live) == pytest.approx(float(cached), rel=1e-5)


def test_noise_is_drawn_anew_at_each_step_and_from_the_seed(family: Any, recipe: Any, material: Any) -> None:
    batch = material(recipe()).batch_at(0)
    drawn = {(seed, step): draw(batch, family, seed, step) for seed in (0, 1) for step in (0, 1)}
    assert len({tuple(noise.flatten().tolist()) for _, noise, _ in drawn.values()}) == 4
    assert torch.equal(draw(batch, family, 1, 1)[0], drawn[1, 1][0])
    x0, _, _ = drawn[0, 0]
    assert not torch.equal(x0, batch.latents.mean_BCHW), "the autoencoder's own noise is part of it"
