"""How do Stable Diffusion 3 and 3.5 answer a family's questions?

Two CLIP text encoders, side by side, then T5's rows; the summaries of both CLIPs (Esser et al. 2024, section 4). A base
may come without T5, and then reads zeros in its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from handstyle.diffusion.flow_family import FlowTransformer
from handstyle.records import load_json


class StableDiffusion3(FlowTransformer):
    """A loaded base of this family; satisfies `ModelFamily`."""

    kind, known_as, preset = "stable-diffusion-3", "Stable Diffusion 3", "flow_style"
    t5_part, window = "text_encoder_3", 256
    drawn_with: ClassVar = {"guidance_scale": 7.0, "num_inference_steps": 28}

    @property
    def text_parts(self) -> Mapping[str, str]:  # type: ignore[override]
        told = load_json(self.folder / "model_index.json").get(self.t5_part) or [None]
        clips = {"text_encoder": "tokenizer", "text_encoder_2": "tokenizer_2"}
        return clips if told[0] is None else {**clips, self.t5_part: "tokenizer_3"}

    def _denoiser_class(self) -> Any:
        from diffusers import SD3Transformer2DModel

        return SD3Transformer2DModel

    def _text_class(self, part: str) -> Any:
        from transformers import CLIPTextModelWithProjection, T5EncoderModel

        return CLIPTextModelWithProjection if self._reads_clip(part) else T5EncoderModel

    @property
    def patch(self) -> int:
        return int(self.transformer.config.patch_size)

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        hidden, summaries = [], []
        for part, encoder, tokenizer in zip(self.text_parts, self.text_encoders.values(), self.tokenizers, strict=True):
            if self._reads_clip(part):
                found = encoder(self._tokens(tokenizer, texts), output_hidden_states=True)
                hidden.append(found.hidden_states[-2].float())
                summaries.append(found.text_embeds.float())
        width = int(self.transformer.config.joint_attention_dim)
        clip_BLD = torch.cat(hidden, dim=-1)
        rows_BLD = nn.functional.pad(clip_BLD, (0, width - clip_BLD.shape[-1]))
        if self.t5_part in self.text_parts:
            t5_BLD = self._read_by_t5(texts)
        else:
            t5_BLD = torch.zeros(len(texts), self.window, width, device=rows_BLD.device)
        return self._with_summary(torch.cat([rows_BLD, t5_BLD], dim=1), torch.cat(summaries, dim=-1))

    def _clip_spans(self, text: str) -> list[tuple[int, int]]:
        tokenizer = self.tokenizers[0]
        told = tokenizer(text, max_length=tokenizer.model_max_length, truncation=True, return_offsets_mapping=True)
        spans = [(int(start), int(end)) for start, end in told.offset_mapping]
        return spans + [(0, 0)] * (int(tokenizer.model_max_length) - len(spans))

    def predict(
        self,
        latents_BCHW: Tensor,
        timesteps_B: Tensor,
        conditioning_BLD: Tensor,
        sizes_B4: Tensor | None = None,
        guidance: float | None = None,
    ) -> Tensor:
        latents, timesteps, rows = (part.to(self.device) for part in (latents_BCHW, timesteps_B, conditioning_BLD))
        found = self.transformer(
            hidden_states=latents,
            timestep=timesteps,
            encoder_hidden_states=rows[:, :-1],
            pooled_projections=rows[:, -1, : self.transformer.config.pooled_projection_dim],
        )
        return cast(Tensor, found.sample.cpu())
