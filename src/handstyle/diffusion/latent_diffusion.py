"""What have all bases in common that remove noise from the latents of one autoencoder?

`unet_family` and `flow_family` add which network does it and how noise is mixed in; a family adds its text encoders.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from handstyle import digests
from handstyle.diffusion import pipeline_folder
from handstyle.diffusion.family import LatentDistribution
from handstyle.diffusion.noise import Schedule
from handstyle.errors import BaseUnusable, UsageMistake
from handstyle.records import load_json

PIXELS_AT_ONCE = 256 * 256  # are decoded: one larger picture, or several small ones, which are faster together


class LatentDiffusion:
    """A loaded base; with a subclass's answers it satisfies `ModelFamily`. Weights stay fp32: they are the masters."""

    preset: str
    known_as: str
    denoiser_part: ClassVar[str]  # its folder, and what its weights' names begin with
    text_parts: ClassVar[Mapping[str, str]]  # text encoder -> its tokenizer
    drawn_with: ClassVar[Mapping[str, float]] = {}  # where a base's card does not say it
    embeds_guidance: bool = False  # the strength of guidance is told to the network, and it answers once
    block_presets: ClassVar[Mapping[str, Sequence[str]]] = {}
    word_tables: ClassVar[Sequence[str]] = ()  # text encoders whose table of words can grow
    layer_read: ClassVar[int | None] = None  # of CLIP, counted back from the last; None where it cannot be chosen
    clip_skip = 0
    ends_in_noise = False

    def __init__(self, folder: Path, device: str = "cpu", *, plain: bool = False) -> None:
        from handstyle.diffusion.faster_layers import exchange

        self.folder, self.device, self.plain = folder, device, plain
        pipeline_folder.check_folder(folder, self.parts, self.tokenizer_names)
        try:
            scheduler = self._load()
            for network in (*self.networks.values(), self.vae):
                network.to(device).eval().requires_grad_(False)
        except Exception as error:  # on strange configurations the libraries raise almost anything
            raise BaseUnusable(
                f"the base model in {folder} could not be loaded: {error}",
                hint=f"It must be a whole diffusers folder of a {self.known_as} model; fetch it again.",
            ) from error
        self.noise = self._noise(scheduler)
        self._scheduler_config = dict(scheduler.config)
        self._check_words()
        self.card = pipeline_folder.read_card(folder, self.drawn_with)
        self._try_out()
        if plain:
            self._compute_plainly()
        else:
            exchange(self._denoiser)
            exchange(self.vae.decoder)

    @property
    def parts(self) -> list[str]:
        """The networks, in the order in which they enter the digest."""
        return [self.denoiser_part, "vae", *self.text_parts]

    @property
    def tokenizer_names(self) -> list[str]:
        return list(self.text_parts.values())

    def _load(self) -> Any:
        """The networks and tokenizers; the scheduler is returned."""
        from diffusers import AutoencoderKL
        from transformers import AutoTokenizer, CLIPTokenizer

        load, folder = pipeline_folder.load_network, self.folder
        self._denoiser: Any = load(self._denoiser_class(), folder, self.denoiser_part)
        self.vae: Any = load(AutoencoderKL, folder, "vae")
        self.text_encoders: dict[str, Any] = {
            part: pipeline_folder.load_text_encoder(self._text_class(part), folder, part, self._text_type(part))
            for part in self.text_parts
        }
        self.tokenizers: list[Any] = [
            (CLIPTokenizer if self._reads_clip(part) else AutoTokenizer).from_pretrained(
                folder / name, local_files_only=True
            )
            for part, name in self.text_parts.items()
        ]
        for tokenizer in self.tokenizers:
            int(tokenizer.model_max_length)  # a configuration may say anything, and this raises here
        self._check_scheduler()
        return self._scheduler_class().from_pretrained(folder / "scheduler", local_files_only=True)

    def _denoiser_class(self) -> Any:
        """diffusers' class of the network that removes noise."""
        raise NotImplementedError

    def _scheduler_class(self) -> Any:
        raise NotImplementedError

    def _noise(self, scheduler: Any) -> Schedule:
        raise NotImplementedError

    def _compute_plainly(self) -> None:
        """Attention as it is written in the papers."""

    def _check_scheduler(self) -> None:
        """Another process of noising would be read as this one, with its own numbers left out: a subclass raises
        ValueError."""

    def _scheduler_name(self) -> str:
        return str(load_json(self.folder / "scheduler" / "scheduler_config.json").get("_class_name", ""))

    def _reads_clip(self, part: str) -> bool:
        return True

    def _text_type(self, part: str) -> torch.dtype:
        return torch.float32

    def _text_class(self, part: str) -> Any:
        """transformers' class of a text encoder."""
        raise NotImplementedError

    def _check_words(self) -> None:
        for (part, encoder), tokenizer in zip(self.text_encoders.items(), self.tokenizers, strict=True):
            limits = encoder.config
            longest, words = int(tokenizer.model_max_length), len(tokenizer)
            fits = 3 <= longest <= limits.max_position_embeddings if self._reads_clip(part) else longest >= 3
            if not fits or words > limits.vocab_size:
                raise BaseUnusable(
                    f"the tokenizer and the text encoder in {self.folder} do not belong to each other",
                    hint="Restore both from the model they come from, or fetch it again.",
                )

    def _try_out(self) -> None:
        """Once through every part, on the smallest picture there can be: only then is it seen whether a configuration
        makes sense. Raises BaseUnusable."""
        try:
            side, _ = self.pixel_multiple, self.resolution
            latents = self.encode_pixels(torch.zeros(1, 3, side, side)).mean_BCHW
            with torch.no_grad():
                noise = self.predict(latents, torch.zeros(1, dtype=torch.int64), self.encode_texts(["a"]))
            self.decode_latents(noise)
        except Exception as error:  # in the middle of a network, again almost anything
            raise BaseUnusable(
                f"the base model in {self.folder} could be loaded, and cannot compute: {error}",
                hint="Restore its configurations (config.json of each part) from the model they come from.",
            ) from error

    @property
    def networks(self) -> dict[str, nn.Module]:
        return {self.denoiser_part: self._denoiser, **self.text_encoders}

    @property
    def denoiser(self) -> nn.Module:
        return cast(nn.Module, self._denoiser)

    @property
    def pixels_per_latent(self) -> int:
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    @property
    def pixel_multiple(self) -> int:
        raise NotImplementedError

    @property
    def resolution(self) -> int:
        return int(self._denoiser.config.sample_size) * self.pixels_per_latent

    @cached_property
    def digest(self) -> str:
        return pipeline_folder.base_digest(self.folder, self.parts, self.tokenizer_names)

    def restore(self) -> None:
        for part, network in self.networks.items():
            pipeline_folder.put_back(
                network,
                pipeline_folder.weight_files(self.folder, part),
                lambda part=part: (  # type: ignore[misc]
                    pipeline_folder.load_network(self._denoiser_class(), self.folder, part)
                    if part == self.denoiser_part
                    else pipeline_folder.load_text_encoder(self._text_class(part), self.folder, part)
                ),
            )

    def autoencoder_digest(self) -> str:
        return pipeline_folder.part_digest(self.folder, "vae")

    def text_digest(self) -> str:
        """Of everything that makes words into conditioning."""
        read = {
            part: {
                "encoder": pipeline_folder.part_digest(self.folder, part),
                "tokenizer": pipeline_folder.files_digest(self.folder / tokenizer),
            }
            for part, tokenizer in self.text_parts.items()
        }
        return digests.of_json({**read, "clip_skip": self.clip_skip} if self.clip_skip else read)

    def skip_layers(self, clip_skip: int) -> None:
        most = self.most_skipped
        if not 0 <= clip_skip <= most:
            raise UsageMistake(
                f"{clip_skip} layers of the text encoders of this base cannot be skipped",
                hint=f"Set clip_skip to a number from 0 to {most}." if most else "Leave clip_skip out.",
            )
        self.clip_skip = clip_skip

    def end_in_noise(self, asked: bool) -> None:
        if asked:
            raise UsageMistake(
                f"{self.known_as} ends in nothing but noise as it is", hint="Leave rescale_betas_zero_snr out."
            )

    @property
    def most_skipped(self) -> int:
        if self.layer_read is None:
            return 0
        return min(int(one.config.num_hidden_layers) for one in self.text_encoders.values()) - self.layer_read

    def _hidden(self, found: Any) -> Tensor:
        """The hidden states that are read: those of the last layer but `layer_read + clip_skip`."""
        return cast(Tensor, found.hidden_states[-1 - (self.layer_read or 0) - self.clip_skip])

    @torch.no_grad()
    def encode_pixels(self, pixels_BCHW: Tensor) -> LatentDistribution:
        with self.autocast("no"):  # in half precision the autoencoder of SDXL overflows
            posterior = self.vae.encode(pixels_BCHW.to(self.device)).latent_dist
        shift, scale = self.vae.config.shift_factor or 0.0, self.vae.config.scaling_factor
        return LatentDistribution((posterior.mean.cpu() - shift) * scale, posterior.std.cpu() * scale)

    @torch.no_grad()
    def decode_latents(self, latents_BCHW: Tensor) -> Tensor:
        """In pieces: at the size of pixels a picture holds so much that samples would be what a run holds most for."""
        shift, scale = self.vae.config.shift_factor or 0.0, self.vae.config.scaling_factor
        scaled_BCHW = (latents_BCHW / scale + shift).to(self.device)
        pixels_each = latents_BCHW[0, 0].numel() * self.pixels_per_latent**2
        with self.autocast("no"):
            pieces = scaled_BCHW.split(max(1, PIXELS_AT_ONCE // pixels_each))
            return torch.cat([self.vae.decode(piece_bCHW).sample.clamp(-1, 1).cpu() for piece_bCHW in pieces])

    def latent_shape(self, width: int, height: int) -> tuple[int, int, int]:
        return (int(self.vae.config.latent_channels), height // self.pixels_per_latent, width // self.pixels_per_latent)

    def _tokens(self, tokenizer: Any, texts: Sequence[str]) -> Tensor:
        tokens_BL = tokenizer(
            list(texts),
            padding="max_length",
            max_length=tokenizer.model_max_length,
            truncation=True,
            return_tensors="pt",
        ).input_ids
        return cast(Tensor, tokens_BL.to(self.device))

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        raise NotImplementedError

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        tokenizer = self.tokenizers[0]  # where there are two, both take a text apart in the same way
        found = tokenizer(text, max_length=tokenizer.model_max_length, truncation=True, return_offsets_mapping=True)
        return [(int(start), int(end)) for start, end in found.offset_mapping]

    def words_cut_off(self, text: str) -> str:
        tokenizer = self.tokenizers[0]
        tokens = tokenizer(text, add_special_tokens=False).input_ids
        room = tokenizer.model_max_length - 2  # start and end of text
        return str(tokenizer.decode(tokens[room:])).strip() if len(tokens) > room else ""

    def predict(
        self,
        latents_BCHW: Tensor,
        timesteps_B: Tensor,
        conditioning_BLD: Tensor,
        sizes_B4: Tensor | None = None,
        guidance: float | None = None,
    ) -> Tensor:
        raise NotImplementedError

    def walk(self, steps: int, width: int, height: int) -> dict[str, Any]:
        return {"num_inference_steps": steps}

    def scheduler_config(self) -> dict[str, object]:
        return dict(self._scheduler_config)

    def layers(self) -> Mapping[str, str]:
        """What a layer does -> the pattern of its name, as diffusers names it."""
        raise NotImplementedError

    def low_rank_targets(self, modules: Sequence[str]) -> list[str]:
        patterns = [re.compile(pattern) for module in modules if (pattern := self.layers().get(module))]
        return [name for name, _ in self._denoiser.named_modules() if any(pattern.search(name) for pattern in patterns)]

    def autocast(self, precision: str) -> torch.autocast:
        return torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=precision == "bf16")
