"""How does Stable Diffusion XL answer a family's questions?

Two text encoders, of which the U-Net reads the last hidden states but one, side by side; the second one's summary of
the whole text; and how large a picture was and where it was cut (Podell et al. 2023, sections 2.1 and 2.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from handstyle.diffusion.unet_family import UNetDiffusion
from handstyle.records import load_json


class StableDiffusionXL(UNetDiffusion):
    """A loaded base of this family; satisfies `ModelFamily`.

    Conditioning is one row a token, and one more: the summary of the text, filled up with zeros.
    """

    kind, known_as, preset = "stable-diffusion-xl", "Stable Diffusion XL", "sdxl_style"
    text_parts: ClassVar = {"text_encoder": "tokenizer", "text_encoder_2": "tokenizer_2"}
    # What is drawn, and in which style (Frenkel et al. 2024, "B-LoRA").
    block_presets: ClassVar[Mapping[str, Sequence[str]]] = {
        "content": ("up_blocks.0.attentions.0",),
        "style": ("up_blocks.0.attentions.1",),
        "b-lora": ("up_blocks.0.attentions.0", "up_blocks.0.attentions.1"),
    }
    word_tables: ClassVar[Sequence[str]] = ("text_encoder", "text_encoder_2")
    layer_read: ClassVar = 1

    def _text_class(self, part: str) -> Any:
        from transformers import CLIPTextModel, CLIPTextModelWithProjection

        return CLIPTextModelWithProjection if part == "text_encoder_2" else CLIPTextModel

    @property
    def text_encoder(self) -> nn.Module:
        return cast(nn.Module, self.text_encoders["text_encoder"])

    @property
    def is_silent_without_words(self) -> bool:
        """Whether this base was trained with zeros, not with an encoded empty text, where words were left out."""
        return bool(load_json(self.folder / "model_index.json").get("force_zeros_for_empty_prompt", True))

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        hidden = []
        for encoder, tokenizer in zip(self.text_encoders.values(), self.tokenizers, strict=True):
            found = encoder(self._tokens(tokenizer, texts), output_hidden_states=True)
            hidden.append(self._hidden(found).float())
        summary_BD = found.text_embeds.float()  # the second one's, after its projection
        tokens_BLD = torch.cat(hidden, dim=-1)
        filled_BD = nn.functional.pad(summary_BD, (0, tokens_BLD.shape[-1] - summary_BD.shape[-1]))
        conditioning_BLD = torch.cat([tokens_BLD, filled_BD[:, None]], dim=1)
        if self.is_silent_without_words:
            speaks_B = torch.tensor([bool(text) for text in texts], device=conditioning_BLD.device)
            conditioning_BLD = conditioning_BLD * speaks_B[:, None, None]
        return conditioning_BLD.cpu()

    def _conditioned(self, latents_BCHW: Tensor, conditioning_BLD: Tensor, sizes_B4: Tensor) -> dict[str, Any]:
        """Sizes as the time ids of the original: height and width of the picture, top and left of the crop, height and
        width of the crop."""
        height, width = (side * self.pixels_per_latent for side in latents_BCHW.shape[2:])
        crop_B2 = torch.tensor([[height, width]], device=sizes_B4.device).expand(len(sizes_B4), -1)
        summary = self.text_encoders["text_encoder_2"].config.projection_dim
        return {
            "encoder_hidden_states": conditioning_BLD[:, :-1],
            "added_cond_kwargs": {
                "text_embeds": conditioning_BLD[:, -1, :summary],
                "time_ids": torch.cat([sizes_B4, crop_B2], dim=1).float(),
            },
        }
