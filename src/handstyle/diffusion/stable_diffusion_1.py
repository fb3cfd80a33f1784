"""How do Stable Diffusion 1.x and 2.x answer a family's questions?

One U-Net, one CLIP text encoder, one autoencoder, in a diffusers folder. 2.x reads CLIP's wider sister and may predict
v; its configurations say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from torch import Tensor, nn

from handstyle.diffusion.unet_family import UNetDiffusion

WIDTH_OF_2 = 1024  # of its text encoder, OpenCLIP ViT-H; that of 1.x has 768


class StableDiffusion1(UNetDiffusion):
    """A loaded base of this family; satisfies `ModelFamily`."""

    known_as, preset = "Stable Diffusion 1.x or 2.x", "sd15_style"
    text_parts: ClassVar = {"text_encoder": "tokenizer"}
    word_tables: ClassVar[Sequence[str]] = ("text_encoder",)
    layer_read: ClassVar = 0

    @property
    def kind(self) -> str:
        return "stable-diffusion-2" if self.unet.config.cross_attention_dim == WIDTH_OF_2 else "stable-diffusion-1"

    def _text_class(self, part: str) -> Any:
        from transformers import CLIPTextModel

        return CLIPTextModel

    @property
    def text_encoder(self) -> nn.Module:
        return cast(nn.Module, self.text_encoders["text_encoder"])

    @property
    def tokenizer(self) -> Any:
        return self.tokenizers[0]

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        tokens_BL = self._tokens(self.tokenizer, texts)
        if not self.clip_skip:
            return cast(Tensor, self.text_encoder(tokens_BL)[0].cpu())
        encoder: Any = self.text_encoder
        hidden_BLD = self._hidden(encoder(tokens_BL, output_hidden_states=True))
        # The U-Net was trained on normed states, so the norm that follows the last layer follows this one.
        return cast(Tensor, getattr(encoder, "text_model", encoder).final_layer_norm(hidden_BLD).cpu())
