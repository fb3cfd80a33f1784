"""What must a base model be able to answer?

The encoder, the loop and the sampler ask these questions and never learn a model's name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from handstyle.diffusion.noise import Schedule
from handstyle.records import Record


class KnownStyle(Record):
    """A style phrase the base was trained with."""

    phrase: str
    artist: str = ""


class BaseCard(Record):
    """What a base says of itself, in `handstyle.toml` beside its `model_index.json`; every line may be missing."""

    name: str = ""
    licence: str = "unknown"
    source: str = ""
    works: str = "unknown"  # what it was made from: consented, openly licensed, own, unknown
    guidance_scale: float = 7.5
    guidance_rescale: float = 0.0
    num_inference_steps: int = 20
    known_styles: tuple[KnownStyle, ...] = ()


@dataclass(frozen=True)
class LatentDistribution:
    """What the autoencoder says of pictures: noise is drawn anew from it at each step."""

    mean_BCHW: Tensor
    deviation_BCHW: Tensor

    def sample(self, noise_BCHW: Tensor) -> Tensor:
        return self.mean_BCHW + self.deviation_BCHW * noise_BCHW


class ModelFamily(Protocol):
    """A loaded base model. Pixels are fp32 in [-1, 1], BCHW, RGB; latents are scaled as the denoiser expects them.

    Tensors go in and come out on the CPU: where its networks compute is the family's affair.
    """

    folder: Path
    plain: bool  # computes without optimisations, to compare with
    card: BaseCard
    noise: Schedule
    embeds_guidance: bool  # the strength of guidance is told to the network, which then answers once
    preset: str  # the recipe to start from where it draws at its full size
    block_presets: ClassVar[Mapping[str, Sequence[str]]]  # blocks of the denoiser that are known for what they draw
    known_as: str
    word_tables: ClassVar[Sequence[str]]  # the text encoders whose table of words can grow, where only these read words
    text_encoders: dict[str, Any]
    tokenizers: list[Any]  # in the order of the text encoders
    ends_in_noise: bool  # was asked to
    clip_skip: int  # how many of the last layers of its text encoders are left out, as diffusers counts them

    @property
    def kind(self) -> str:
        """The family's name, as permissions name it."""
        ...

    @property
    def digest(self) -> str: ...

    @property
    def networks(self) -> dict[str, nn.Module]:
        """What a style can change, by the names its weights begin with: the denoiser first, then text encoders."""
        ...

    @property
    def denoiser(self) -> nn.Module: ...

    @property
    def resolution(self) -> int:
        """Pixels, of a square picture the base was made for."""
        ...

    @property
    def pixel_multiple(self) -> int:
        """Sides of a picture must be multiples of this."""
        ...

    def restore(self) -> None:
        """Denoiser and text encoders are, bit for bit, what is in the folder. A copy to keep would cost their size."""
        ...

    def autoencoder_digest(self) -> str: ...

    def text_digest(self) -> str: ...

    def encode_pixels(self, pixels_BCHW: Tensor) -> LatentDistribution: ...

    def decode_latents(self, latents_BCHW: Tensor) -> Tensor: ...

    def latent_shape(self, width: int, height: int) -> tuple[int, int, int]:
        """CHW of the latents of a picture of this size."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Conditioning, one block of rows a text: BLD. What the rows mean is the family's affair."""
        ...

    def skip_layers(self, clip_skip: int) -> None:
        """From here on texts are encoded without so many of the last layers. Raises UsageMistake."""
        ...

    def end_in_noise(self, asked: bool) -> None:
        """From here on the last timestep is nothing but noise, or as the base has it. Raises UsageMistake."""
        ...

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """Of each row of the conditioning, the piece of `text` it stands for: where that begins and ends. Rows that
        stand for none, such as the end of the text, have an empty one; rows behind the last are left out."""
        ...

    def words_cut_off(self, text: str) -> str:
        """The end of `text` that does not fit the text window; empty when all of it does."""
        ...

    def predict(
        self,
        latents_BCHW: Tensor,
        timesteps_B: Tensor,
        conditioning_BLD: Tensor,
        sizes_B4: Tensor | None = None,
        guidance: float | None = None,
    ) -> Tensor:
        """`sizes_B4`: height and width of the picture, top and left of the crop (`encoding.crops.size_of`); without
        them each is a whole picture of the size of its latents. Only some families listen to it, and only some to
        `guidance`."""
        ...

    def walk(self, steps: int, width: int, height: int) -> dict[str, Any]:
        """What a solver's `set_timesteps` is given, for latents of this size."""
        ...

    def scheduler_config(self) -> dict[str, object]: ...

    def low_rank_targets(self, modules: Sequence[str]) -> list[str]:
        """Names of the denoiser's layers that belong to "attention", "feed-forward" and "convolution"."""
        ...

    def autocast(self, precision: str) -> torch.autocast: ...
