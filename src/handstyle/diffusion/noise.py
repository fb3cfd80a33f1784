"""How is noise mixed in, and what should the network say about it?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Prediction = Literal["epsilon", "v_prediction"]


@dataclass(frozen=True)
class NoiseSchedule:
    """`signal_T` is the share of signal left at each training timestep, alpha-bar in the papers."""

    signal_T: Tensor
    prediction: Prediction

    @property
    def number_of_timesteps(self) -> int:
        return len(self.signal_T)

    def signal(self, timesteps_B: Tensor) -> Tensor:
        return self.signal_T[timesteps_B][:, None, None, None]

    def noised(self, x0_BCHW: Tensor, noise_BCHW: Tensor, timesteps_B: Tensor) -> Tensor:
        """x_t = sqrt(a) x_0 + sqrt(1 - a) noise (Ho et al. 2020, eq. 4)."""
        signal_B111 = self.signal(timesteps_B)
        return signal_B111.sqrt() * x0_BCHW + (1 - signal_B111).sqrt() * noise_BCHW

    def target(self, x0_BCHW: Tensor, noise_BCHW: Tensor, timesteps_B: Tensor) -> Tensor:
        """The noise itself, or v = sqrt(a) noise - sqrt(1 - a) x_0 (Salimans and Ho 2022, appendix D)."""
        if self.prediction == "epsilon":
            return noise_BCHW
        signal_B111 = self.signal(timesteps_B)
        return signal_B111.sqrt() * noise_BCHW - (1 - signal_B111).sqrt() * x0_BCHW

    def min_snr_weight(self, timesteps_B: Tensor, gamma: float) -> Tensor:
        """min(snr, gamma) / snr for epsilon, / (snr + 1) for v (Hang et al. 2023, section 3.4).

        Written so that both have their limits where nothing of the picture is left, and snr is 0.
        """
        signal_B = self.signal_T[timesteps_B].double()
        snr_B = signal_B / (1 - signal_B).clamp_min(1e-12)
        if self.prediction == "epsilon":
            return (gamma / snr_B).clamp_max(1).float()
        return (snr_B.clamp_max(gamma) / (snr_B + 1)).float()


def stratified_timesteps(batch: int, number_of_timesteps: int, generator: torch.Generator) -> Tensor:
    """One timestep from each of `batch` equal strata: as uniform as chance, with less of its variance."""
    positions_B = (torch.arange(batch) + torch.rand(batch, generator=generator)) / batch
    return (positions_B * number_of_timesteps).long().clamp_max(number_of_timesteps - 1)
