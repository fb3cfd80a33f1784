"""What have all bases in common whose network is a transformer that says in which direction the picture lies?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from handstyle import digests
from handstyle.diffusion.latent_diffusion import LatentDiffusion
from handstyle.diffusion.noise import FlowSchedule
from handstyle.diffusion.pipeline_folder import weight_files

# In blocks that see picture and words side by side, and in those that see both as one row.
LAYERS = {
    "attention": r"\.attn2?\.(to_q|to_k|to_v|to_out\.0|add_q_proj|add_k_proj|add_v_proj|to_add_out)$",
    "feed-forward": r"\.(ff|ff_context)\.net\.(0\.proj|2)$|single_transformer_blocks\.\d+\.proj_(mlp|out)$",
}


class FlowTransformer(LatentDiffusion):
    """A loaded base; with a family's answers it satisfies `ModelFamily`.

    Conditioning is one row a token, and one more: the summary of the text, filled up with zeros. The T5 encoder reads
    and never learns; it stays in the type it was saved in, as it is larger than all the rest.
    """

    denoiser_part: ClassVar = "transformer"
    t5_part: ClassVar[str]
    window: ClassVar[int]  # tokens that T5 reads

    def _scheduler_class(self) -> Any:
        from diffusers import FlowMatchEulerDiscreteScheduler

        return FlowMatchEulerDiscreteScheduler

    def _check_scheduler(self) -> None:
        if (name := self._scheduler_name()) != "FlowMatchEulerDiscreteScheduler":
            raise ValueError(f"its scheduler, {name}, mixes in noise in another way than {self.known_as} does")

    def _noise(self, scheduler: Any) -> FlowSchedule:
        """Where the shift depends on the size of a picture, it is for drawing: learning is unshifted then."""
        config = scheduler.config
        return FlowSchedule(
            int(config.num_train_timesteps), 1.0 if config.use_dynamic_shifting else float(config.shift)
        )

    def _reads_clip(self, part: str) -> bool:
        return part != self.t5_part

    def _text_type(self, part: str) -> torch.dtype:
        if self._reads_clip(part):
            return torch.float32
        header = digests.safetensors_header(weight_files(self.folder, part)[0])[0]
        kinds = {entry["dtype"] for name, entry in header.items() if name != "__metadata__"}
        return torch.float32 if "F32" in kinds else torch.bfloat16  # in fp16 it overflows

    @property
    def networks(self) -> dict[str, nn.Module]:
        learn = {part: network for part, network in self.text_encoders.items() if self._reads_clip(part)}
        return {self.denoiser_part: self._denoiser, **learn}

    @property
    def transformer(self) -> Any:
        return self._denoiser

    @property
    def patch(self) -> int:
        """Latents a side that make one token."""
        raise NotImplementedError

    @property
    def pixel_multiple(self) -> int:
        return self.pixels_per_latent * self.patch

    def layers(self) -> Mapping[str, str]:
        return LAYERS

    def _read_by_t5(self, texts: Sequence[str]) -> Tensor:
        """BLD."""
        tokenizer = self.tokenizers[list(self.text_parts).index(self.t5_part)]
        tokens_BL = tokenizer(
            list(texts), padding="max_length", max_length=self._room, truncation=True, return_tensors="pt"
        ).input_ids
        with torch.no_grad():
            return cast(Tensor, self.text_encoders[self.t5_part](tokens_BL.to(self.device))[0].float())

    @property
    def _room(self) -> int:
        tokenizer = self.tokenizers[list(self.text_parts).index(self.t5_part)]
        return min(self.window, int(tokenizer.model_max_length))

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """Of CLIP's rows, where they are read row by row, and of T5's behind them."""
        found = self._clip_spans(text)
        if self.t5_part in self.text_parts:
            tokenizer = self.tokenizers[list(self.text_parts).index(self.t5_part)]
            told = tokenizer(text, max_length=self._room, truncation=True, return_offsets_mapping=True)
            found += [(int(start), int(end)) for start, end in told.offset_mapping]
        return found

    def _clip_spans(self, text: str) -> list[tuple[int, int]]:
        """None where only CLIP's summary is read."""
        return []

    def words_cut_off(self, text: str) -> str:
        if self.t5_part not in self.text_parts:
            return super().words_cut_off(text)
        tokenizer = self.tokenizers[list(self.text_parts).index(self.t5_part)]
        tokens = tokenizer(text, add_special_tokens=False).input_ids
        return str(tokenizer.decode(tokens[self._room - 1 :])).strip()  # the end of the text has a token of its own

    @staticmethod
    def _with_summary(tokens_BLD: Tensor, summary_BD: Tensor) -> Tensor:
        filled_BD = nn.functional.pad(summary_BD, (0, tokens_BLD.shape[-1] - summary_BD.shape[-1]))
        return torch.cat([tokens_BLD, filled_BD[:, None]], dim=1).cpu()
