"""How does FLUX.1 answer a family's questions?

T5's rows, CLIP's summary of the text, and how strongly to guide, which the network was taught to hear. Four latents
that stand together are one token; its place is told beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor

from handstyle.diffusion.flow_family import FlowTransformer

SIDE = 128  # latents a side of the pictures it was made for: its configuration does not say it


class Flux(FlowTransformer):
    """A loaded base of this family; satisfies `ModelFamily`."""

    kind, known_as, preset = "flux", "FLUX.1", "flow_style"
    text_parts: ClassVar = {"text_encoder": "tokenizer", "text_encoder_2": "tokenizer_2"}
    t5_part, window, patch = "text_encoder_2", 512, 2
    embeds_guidance = True
    drawn_with: ClassVar = {"guidance_scale": 3.5, "num_inference_steps": 28}

    def _denoiser_class(self) -> Any:
        from diffusers import FluxTransformer2DModel

        return FluxTransformer2DModel

    def _text_class(self, part: str) -> Any:
        from transformers import CLIPTextModel, T5EncoderModel

        return CLIPTextModel if self._reads_clip(part) else T5EncoderModel

    @property
    def resolution(self) -> int:
        return SIDE * self.pixels_per_latent

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        summary_BD = self.text_encoders["text_encoder"](self._tokens(self.tokenizers[0], texts)).pooler_output.float()
        return self._with_summary(self._read_by_t5(texts), summary_BD)

    def predict(
        self,
        latents_BCHW: Tensor,
        timesteps_B: Tensor,
        conditioning_BLD: Tensor,
        sizes_B4: Tensor | None = None,
        guidance: float | None = None,
    ) -> Tensor:
        """Without a word on `guidance` it is 1, the strength to learn at."""
        batch, _, height, width = latents_BCHW.shape
        latents, timesteps, rows = (part.to(self.device) for part in (latents_BCHW, timesteps_B, conditioning_BLD))
        config = self.transformer.config
        told = torch.full((batch,), guidance or 1.0, device=self.device) if config.guidance_embeds else None
        found = self.transformer(
            hidden_states=packed(latents),
            timestep=timesteps / self.noise.number_of_timesteps,
            guidance=told,
            pooled_projections=rows[:, -1, : config.pooled_projection_dim],
            encoder_hidden_states=rows[:, :-1],
            txt_ids=torch.zeros(rows.shape[1] - 1, 3, device=self.device),
            img_ids=places(height // 2, width // 2).to(self.device),
        ).sample
        return unpacked(found, height, width).cpu()

    def walk(self, steps: int, width: int, height: int) -> dict[str, Any]:
        """More tokens, more noise: the shift grows with their number (section 5.3.2 of Esser et al. 2024)."""
        told = self.scheduler_config()
        first, last = cast(int, told.get("base_image_seq_len", 256)), cast(int, told.get("max_image_seq_len", 4096))
        low, high = cast(float, told.get("base_shift", 0.5)), cast(float, told.get("max_shift", 1.15))
        tokens = (width // 2) * (height // 2)
        shift = low + (high - low) * (tokens - first) / (last - first)
        # As numbers from the first noise down to one step before the picture.
        return {"sigmas": np.linspace(1.0, 1 / steps, steps), "mu": shift, "num_inference_steps": steps}


def packed(latents_BCHW: Tensor) -> Tensor:
    """BND: each token holds the channels of two by two latents."""
    batch, channels, height, width = latents_BCHW.shape
    apart = latents_BCHW.view(batch, channels, height // 2, 2, width // 2, 2)
    return apart.permute(0, 2, 4, 1, 3, 5).reshape(batch, height * width // 4, channels * 4)


def unpacked(tokens_BND: Tensor, height: int, width: int) -> Tensor:
    batch, _, depth = tokens_BND.shape
    apart = tokens_BND.view(batch, height // 2, width // 2, depth // 4, 2, 2)
    return apart.permute(0, 3, 1, 4, 2, 5).reshape(batch, depth // 4, height, width)


def places(rows: int, columns: int) -> Tensor:
    """N3: nothing, row and column of each token."""
    found = torch.zeros(rows, columns, 3)
    found[..., 1] = torch.arange(rows)[:, None]
    found[..., 2] = torch.arange(columns)[None]
    return found.reshape(-1, 3)
