"""Does a schedule that is asked to end in noise do so as published, for bases that can, and go back without a trace?"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from handstyle.diffusion.noise import NoiseSchedule, ending_in_noise
from handstyle.diffusion.sampling import SAMPLERS, solver
from handstyle.errors import UsageMistake


@pytest.mark.parametrize("schedule", ["linear", "scaled_linear", "squaredcos_cap_v2"])
def test_it_is_the_one_that_diffusers_computes(schedule: str) -> None:
    from diffusers import DDIMScheduler
    from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr

    plain = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule=schedule)
    theirs_T = torch.cumprod(1 - rescale_zero_terminal_snr(plain.betas.double()), dim=0).float()
    ours_T = ending_in_noise(plain.alphas_cumprod)
    torch.testing.assert_close(ours_T, theirs_T, rtol=1e-4, atol=1e-7)
    assert ours_T[-1] == 0 and torch.isclose(ours_T[0], plain.alphas_cumprod[0])
    assert NoiseSchedule(ours_T, "v_prediction").makes_sense


def test_a_base_that_predicts_v_ends_in_noise_and_goes_back(v_family: Any) -> None:
    family = v_family
    before, config = family.noise, family.scheduler_config()
    assert before.signal_T[-1] > 0
    family.end_in_noise(True)
    try:
        assert family.ends_in_noise and family.noise.signal_T[-1] == 0
        x0, noise = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8)
        last = torch.tensor([family.noise.number_of_timesteps - 1])
        assert torch.equal(family.noise.noised(x0, noise, last), noise)
        assert torch.equal(family.noise.target(x0, noise, last), -x0)  # v there is the picture itself
        for weight in (family.noise.min_snr_weight(last, 5.0), family.noise.debiased_weight(last)):
            assert weight.isfinite().all()
        for name in SAMPLERS:
            walk = solver(name, family.scheduler_config())
            walk.set_timesteps(4)
            assert int(walk.timesteps[0]) == family.noise.number_of_timesteps - 1, "the walk begins in the noise"
            assert walk.alphas_cumprod[-1] < 1e-6
    finally:
        family.end_in_noise(False)
    assert family.noise is before and family.scheduler_config() == config


def test_a_base_that_predicts_the_noise_is_refused_with_the_reason(epsilon_family: Any, flux_family: Any) -> None:
    with pytest.raises(UsageMistake, match="says nothing of the picture"):
        epsilon_family.end_in_noise(True)
    with pytest.raises(UsageMistake, match="ends in nothing but noise as it is"):
        flux_family.end_in_noise(True)
    epsilon_family.end_in_noise(False)
    flux_family.end_in_noise(False)
