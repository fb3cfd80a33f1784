"""How is noise mixed in, and what should the network say about it?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

Prediction = Literal["epsilon", "v_prediction", "flow"]
LARGEST_SNR = 1000.0  # that a debiased loss tells apart


class Schedule(Protocol):
    """How far along the way from picture to noise a timestep is, and what a network says there."""

    @property
    def prediction(self) -> Prediction: ...

    @property
    def number_of_timesteps(self) -> int: ...

    @property
    def makes_sense(self) -> bool:
        """Whether it goes from more of the picture to less."""
        ...

    def drawn(self, rows: int, generator: torch.Generator) -> Tensor:
        """Timesteps to learn at."""
        ...

    def at(self, log_snr_B: Tensor) -> Tensor:
        """The timesteps at which the logarithm of the signal-to-noise ratio is nearest to this."""
        ...

    def noised(self, x0_BCHW: Tensor, noise_BCHW: Tensor, timesteps_B: Tensor) -> Tensor: ...

    def target(self, x0_BCHW: Tensor, noise_BCHW: Tensor, timesteps_B: Tensor) -> Tensor: ...

    def min_snr_weight(self, timesteps_B: Tensor, gamma: float) -> Tensor: ...

    def debiased_weight(self, timesteps_B: Tensor) -> Tensor: ...

    def deviation(self, timesteps_B: Tensor) -> Tensor:
        """Of the noise, where that of the picture is one: 1 / sqrt(snr)."""
        ...


@dataclass(frozen=True)
class NoiseSchedule:
    """`signal_T` is the share of signal left at each training timestep, alpha-bar in the papers."""

    signal_T: Tensor
    prediction: Prediction

    @property
    def number_of_timesteps(self) -> int:
        return len(self.signal_T)

    @property
    def makes_sense(self) -> bool:
        # Written so that what is no number is refused too: no comparison with it is true.
        signal_T = self.signal_T
        inside = len(signal_T) > 0 and bool(((signal_T >= 0) & (signal_T <= 1)).all())
        return inside and not bool((signal_T.diff() > 0).any())

    def drawn(self, rows: int, generator: torch.Generator) -> Tensor:
        return stratified_timesteps(rows, self.number_of_timesteps, generator)

    def at(self, log_snr_B: Tensor) -> Tensor:
        signal_T = self.signal_T.double().clamp(1e-12, 1 - 1e-12)
        log_snr_T = (signal_T / (1 - signal_T)).log()
        return (log_snr_B.double()[:, None] - log_snr_T).abs().argmin(dim=1)

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

    def debiased_weight(self, timesteps_B: Tensor) -> Tensor:
        """1 / sqrt(snr) of an error of the noise (Yu et al. 2023, "Debias the Training of Diffusion Models"); an error
        of v is snr / (snr + 1) times one. No snr counts for more than 1000, as with kohya."""
        signal_B = self.signal_T[timesteps_B].double()
        snr_B = signal_B / (1 - signal_B).clamp_min(1e-12)
        if self.prediction == "epsilon":
            return snr_B.clamp(1e-12, LARGEST_SNR).rsqrt().float()
        return (snr_B.sqrt() * (snr_B / LARGEST_SNR).clamp_min(1).sqrt() / (snr_B + 1)).float()

    def deviation(self, timesteps_B: Tensor) -> Tensor:
        signal_B = self.signal_T[timesteps_B].double()
        return ((1 - signal_B) / signal_B.clamp_min(1e-12)).sqrt()


@dataclass(frozen=True)
class FlowSchedule:
    """A straight line from picture to noise (Lipman et al. 2023; Esser et al. 2024, section 2). A timestep is the share
    of noise times their number, and need not be whole.

    `shift` moves what is learnt at towards noise, as larger pictures need it (Esser et al. 2024, section 5.3.2).
    """

    number_of_timesteps: int
    shift: float = 1.0
    prediction: Prediction = "flow"

    @property
    def makes_sense(self) -> bool:
        return self.number_of_timesteps > 0 and 0 < self.shift < float("inf")

    def drawn(self, rows: int, generator: torch.Generator) -> Tensor:
        """Logit-normal (Esser et al. 2024, section 3.1), one from each of equal strata, shifted."""
        positions_B = (torch.arange(rows) + torch.rand(rows, generator=generator)) / rows
        noise_B = torch.sigmoid(torch.special.ndtri(positions_B.double().clamp(1e-6, 1 - 1e-6))).float()
        return self.shift * noise_B / (1 + (self.shift - 1) * noise_B) * self.number_of_timesteps

    def at(self, log_snr_B: Tensor) -> Tensor:
        """snr = (1 - t)^2 / t^2, so t = 1 / (1 + sqrt(snr))."""
        return torch.sigmoid(-log_snr_B.double() / 2).float() * self.number_of_timesteps

    def share(self, timesteps_B: Tensor) -> Tensor:
        return (timesteps_B.float() / self.number_of_timesteps)[:, None, None, None]

    def noised(self, x0_BCHW: Tensor, noise_BCHW: Tensor, timesteps_B: Tensor) -> Tensor:
        """x_t = (1 - t) x_0 + t noise."""
        share_B111 = self.share(timesteps_B)
        return (1 - share_B111) * x0_BCHW + share_B111 * noise_BCHW

    def target(self, x0_BCHW: Tensor, noise_BCHW: Tensor, timesteps_B: Tensor) -> Tensor:
        """noise - x_0, the way's direction."""
        return noise_BCHW - x0_BCHW

    def min_snr_weight(self, timesteps_B: Tensor, gamma: float) -> Tensor:
        """min(snr, gamma) t^2, snr = (1 - t)^2 / t^2: what Hang et al. 2023 give the error of x_0, which is t times
        that of the direction."""
        share_B = self.share(timesteps_B).flatten().double()
        return torch.minimum((1 - share_B).square(), gamma * share_B.square()).float()

    def debiased_weight(self, timesteps_B: Tensor) -> Tensor:
        """1 / sqrt(snr) of an error of the noise, which is 1 - t times one of the direction."""
        share_B = self.share(timesteps_B).flatten().double()
        return torch.maximum(share_B * (1 - share_B), (1 - share_B).square() / LARGEST_SNR**0.5).float()

    def deviation(self, timesteps_B: Tensor) -> Tensor:
        share_B = self.share(timesteps_B).flatten().double()
        return share_B / (1 - share_B).clamp_min(1e-12)


def ending_in_noise(signal_T: Tensor) -> Tensor:
    """sqrt(a) - sqrt(a_T), times sqrt(a_1) / (sqrt(a_1) - sqrt(a_T)): the first step stays, and at the last nothing of
    the picture is left (Lin et al. 2024, "Common Diffusion Noise Schedules and Sample Steps are Flawed",
    algorithm 1)."""
    root_T = signal_T.double().sqrt()
    root_T = (root_T - root_T[-1]) * root_T[0] / (root_T[0] - root_T[-1])
    return root_T.square().to(signal_T.dtype)


def style_friendly(rows: int, generator: torch.Generator, mean: float, deviation: float) -> Tensor:
    """Logarithms of signal-to-noise ratios from a normal distribution, one from each of equal strata: by their low mean
    most is learnt where a style is decided (Choi et al. 2024, "Style-Friendly SNR Sampler")."""
    positions_B = (torch.arange(rows) + torch.rand(rows, generator=generator)) / rows
    normal_B: Tensor = torch.special.ndtri(positions_B.double().clamp(1e-6, 1 - 1e-6))
    return mean + deviation * normal_B


def stratified_timesteps(batch: int, number_of_timesteps: int, generator: torch.Generator) -> Tensor:
    """One timestep from each of `batch` equal strata: as uniform as chance, with less of its variance."""
    positions_B = (torch.arange(batch) + torch.rand(batch, generator=generator)) / batch
    return (positions_B * number_of_timesteps).long().clamp_max(number_of_timesteps - 1)
