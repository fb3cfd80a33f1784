"""What have all bases in common whose network is a U-Net and whose noise comes by a diffusion process?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, cast

import torch
from torch import Tensor

from handstyle.diffusion.latent_diffusion import LatentDiffusion
from handstyle.diffusion.noise import NoiseSchedule, Prediction, Schedule, ending_in_noise
from handstyle.errors import BaseUnusable, UsageMistake

LAYERS = {
    "attention": r"\.attn[12]\.(to_q|to_k|to_v|to_out\.0)$",
    "feed-forward": r"\.ff\.net\.(0\.proj|2)$|\.attentions\.\d+\.proj_(in|out)$",
    "convolution": r"\.resnets\.\d+\.(conv1|conv2|conv_shortcut)$|samplers\.0\.conv$",
}


# As diffusers' schedulers are told; samples must begin where there is nothing but noise (Lin et al. 2024, section 3.3).
ENDING_IN_NOISE: dict[str, object] = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}


class UNetDiffusion(LatentDiffusion):
    """A loaded base; with a family's answers it satisfies `ModelFamily`."""

    denoiser_part: ClassVar = "unet"
    _as_loaded: tuple[Schedule, dict[str, object]]

    @property
    def unet(self) -> Any:
        return self._denoiser

    def _denoiser_class(self) -> Any:
        from diffusers import UNet2DConditionModel

        return UNet2DConditionModel

    def _scheduler_class(self) -> Any:
        from diffusers import DDIMScheduler

        return DDIMScheduler

    def _check_scheduler(self) -> None:
        name = self._scheduler_name()
        if re.search(r"EDM|Flow|LCM|Consistency", name):
            raise ValueError(f"its scheduler, {name}, mixes in noise in another way than {self.known_as} does")

    def _noise(self, scheduler: Any) -> NoiseSchedule:
        told = scheduler.config.prediction_type
        if told not in ("epsilon", "v_prediction"):
            raise BaseUnusable(
                f"the base in {self.folder} predicts `{told}`, which this family does not know",
                hint="Known: epsilon, v_prediction.",
            )
        return NoiseSchedule(scheduler.alphas_cumprod, cast(Prediction, told))

    def end_in_noise(self, asked: bool) -> None:
        if asked == self.ends_in_noise:
            return
        if not asked:
            self.noise, self._scheduler_config = self._as_loaded
        elif self.noise.prediction == "epsilon":
            raise UsageMistake(
                "this base predicts the noise, and where there is nothing but noise that says nothing of the picture "
                "(Lin et al. 2024, section 3.1)",
                hint="Leave rescale_betas_zero_snr out, or take a base that predicts v.",
            )
        else:
            self._as_loaded = self.noise, self._scheduler_config
            own = cast(NoiseSchedule, self.noise)
            self.noise = NoiseSchedule(ending_in_noise(own.signal_T), own.prediction)
            self._scheduler_config = {**self._scheduler_config, **ENDING_IN_NOISE}
        self.ends_in_noise = asked

    def _compute_plainly(self) -> None:
        from handstyle.diffusion.attention import use_plain_attention

        use_plain_attention(self.unet)

    @property
    def pixel_multiple(self) -> int:
        return self.pixels_per_latent * int(2 ** (len(self.unet.config.block_out_channels) - 1))

    def layers(self) -> Mapping[str, str]:
        return LAYERS

    def predict(
        self,
        latents_BCHW: Tensor,
        timesteps_B: Tensor,
        conditioning_BLD: Tensor,
        sizes_B4: Tensor | None = None,
        guidance: float | None = None,
    ) -> Tensor:
        if sizes_B4 is None:  # a whole picture of this size
            height, width = (side * self.pixels_per_latent for side in latents_BCHW.shape[2:])
            sizes_B4 = torch.tensor([[height, width, 0, 0]]).expand(len(latents_BCHW), -1)
        there = [tensor.to(self.device) for tensor in (latents_BCHW, timesteps_B, conditioning_BLD, sizes_B4)]
        return cast(Tensor, self.unet(*there[:2], **self._conditioned(there[0], *there[2:])).sample.cpu())

    def _conditioned(self, latents_BCHW: Tensor, conditioning_BLD: Tensor, sizes_B4: Tensor) -> dict[str, Any]:
        """What the U-Net is given besides latents and timesteps."""
        return {"encoder_hidden_states": conditioning_BLD}
