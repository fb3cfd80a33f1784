"""Is noise mixed and weighted as the papers say?"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from handstyle.diffusion.noise import NoiseSchedule, stratified_timesteps

SCHEDULES = {
    "Stable Diffusion 1.5": {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012},
    "down to pure noise": {"beta_schedule": "squaredcos_cap_v2", "rescale_betas_zero_snr": True},
}
PREDICTIONS = ["epsilon", "v_prediction"]


@pytest.fixture(params=SCHEDULES)
def theirs(request: pytest.FixtureRequest) -> Any:
    from diffusers import DDPMScheduler

    return DDPMScheduler(**SCHEDULES[request.param])


def pictures() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    chance = torch.Generator().manual_seed(7)
    x0_BCHW, noise_BCHW = (torch.randn(5, 4, 6, 3, generator=chance) for _ in range(2))
    return x0_BCHW, noise_BCHW, torch.tensor([0, 1, 500, 998, 999])


def test_noised_pictures_and_targets_are_those_of_diffusers(theirs: Any) -> None:
    x0, noise, t = pictures()
    v = NoiseSchedule(theirs.alphas_cumprod, "v_prediction")
    torch.testing.assert_close(v.noised(x0, noise, t), theirs.add_noise(x0, noise, t))
    torch.testing.assert_close(v.target(x0, noise, t), theirs.get_velocity(x0, noise, t))
    assert NoiseSchedule(theirs.alphas_cumprod, "epsilon").target(x0, noise, t) is noise


def test_noised_pictures_and_targets_are_those_of_the_papers(theirs: Any) -> None:
    """A circle through picture and noise: x_t is the point at the angle, v its tangent (Salimans and Ho 2022)."""
    x0, noise, t = (part.double() if part.is_floating_point() else part for part in pictures())
    schedule = NoiseSchedule(theirs.alphas_cumprod.double(), "v_prediction")
    for row, timestep in enumerate(t.tolist()):
        angle = math.acos(math.sqrt(float(theirs.alphas_cumprod[timestep])))
        point = math.cos(angle) * x0[row] + math.sin(angle) * noise[row]
        tangent = math.cos(angle) * noise[row] - math.sin(angle) * x0[row]
        torch.testing.assert_close(schedule.noised(x0, noise, t)[row], point, rtol=0, atol=1e-6)
        torch.testing.assert_close(schedule.target(x0, noise, t)[row], tangent, rtol=0, atol=1e-6)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_min_snr_weights_are_those_of_the_paper(theirs: Any, prediction: Any) -> None:
    """In x0's terms the weight is min(snr, gamma); an error of epsilon counts snr times as much, one of v snr + 1."""
    schedule = NoiseSchedule(theirs.alphas_cumprod, prediction)
    timesteps = [0, 10, 300, 700, 990]
    weights = schedule.min_snr_weight(torch.tensor(timesteps), 5.0)
    for timestep, weight in zip(timesteps, weights.tolist(), strict=True):
        signal = float(theirs.alphas_cumprod[timestep])
        snr = signal / (1 - signal)
        expected = min(snr, 5.0) / (snr if prediction == "epsilon" else snr + 1)
        assert weight == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("prediction", "limit"), [("epsilon", 1.0), ("v_prediction", 0.0)])
def test_where_nothing_of_the_picture_is_left_the_weight_is_its_limit(prediction: Any, limit: float) -> None:
    """min(snr, gamma) / snr tends to 1 with the snr, min(snr, gamma) / (snr + 1) to 0; neither divides by zero."""
    schedule = NoiseSchedule(torch.tensor([1.0, 0.5, 0.0]), prediction)
    weights = schedule.min_snr_weight(torch.tensor([0, 1, 2]), 5.0)
    assert torch.isfinite(weights).all()
    assert weights[2] == limit


def test_targets_at_pure_noise_are_numbers() -> None:
    schedule = NoiseSchedule(torch.tensor([0.0]), "v_prediction")
    x0, noise, _ = pictures()
    t = torch.zeros(5, dtype=torch.long)
    assert torch.equal(schedule.noised(x0, noise, t), noise)
    assert torch.equal(schedule.target(x0, noise, t), -x0)


@pytest.mark.parametrize("batch", [1, 3, 8, 1000, 1500])
def test_each_part_of_the_schedule_has_its_share_of_a_batch(batch: int) -> None:
    drawn = stratified_timesteps(batch, 1000, torch.Generator().manual_seed(0))
    assert drawn.min() >= 0 and drawn.max() < 1000
    parts = drawn.double().add(0.5) * batch / 1000
    assert (parts - torch.arange(batch)).abs().max() <= 1 + batch / 1000  # one a stratum, to within a whole timestep


def test_all_timesteps_are_equally_likely() -> None:
    chance = torch.Generator().manual_seed(0)
    drawn = torch.cat([stratified_timesteps(2, 10, chance) for _ in range(5000)])
    assert torch.bincount(drawn, minlength=10).float().sub(1000).abs().max() < 150  # five standard deviations
