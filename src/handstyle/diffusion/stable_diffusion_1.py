"""How do Stable Diffusion 1.x and 2.x answer a family's questions?

One U-Net, one CLIP text encoder, one autoencoder, in a diffusers folder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from handstyle import digests
from handstyle.diffusion.checkpoints import each_tensor
from handstyle.diffusion.family import BaseCard, LatentDistribution
from handstyle.diffusion.noise import NoiseSchedule, Prediction
from handstyle.errors import BaseUnusable, RecordDamaged
from handstyle.records import load_json, load_toml

CARD = "handstyle.toml"
PARTS = {
    "unet": "diffusion_pytorch_model.safetensors",
    "vae": "diffusion_pytorch_model.safetensors",
    "text_encoder": "model.safetensors",
}
LOAD = {"use_safetensors": True, "local_files_only": True}
CONFIGURATIONS = (*(f"{part}/config.json" for part in PARTS), "scheduler/scheduler_config.json")
# The layers of a U-Net by what they do, as diffusers names them.
LAYERS = {
    "attention": r"\.attn[12]\.(to_q|to_k|to_v|to_out\.0)$",
    "feed-forward": r"\.ff\.net\.(0\.proj|2)$|\.attentions\.\d+\.proj_(in|out)$",
    "convolution": r"\.resnets\.\d+\.(conv1|conv2|conv_shortcut)$|samplers\.0\.conv$",
}


class StableDiffusion1:
    """A loaded base of this family; satisfies `ModelFamily`. Weights stay fp32: they are the masters."""

    kind = "stable-diffusion-1"

    def __init__(self, folder: Path, device: str = "cpu", *, plain: bool = False) -> None:
        from diffusers import AutoencoderKL, DDIMScheduler
        from transformers import CLIPTokenizer

        from handstyle.diffusion.attention import use_plain_attention
        from handstyle.diffusion.faster_layers import exchange

        check_folder(folder)
        self.folder, self.device, self.plain = folder, device, plain
        try:
            self.unet = _unet(folder).to(device).eval()
            self.vae = AutoencoderKL.from_pretrained(folder / "vae", **LOAD, torch_dtype=torch.float32).to(device)
            self.clip = _clip(folder)
            self.tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
            scheduler = DDIMScheduler.from_pretrained(folder / "scheduler", local_files_only=True)
            longest, words = int(self.tokenizer.model_max_length), len(self.tokenizer)
        except Exception as error:  # on strange configurations the libraries raise almost anything
            raise BaseUnusable(
                f"the base model in {folder} could not be loaded: {error}",
                hint="It must be a whole diffusers folder of a Stable Diffusion 1.x or 2.x model; fetch it again.",
            ) from error
        self.vae, self.clip = self.vae.eval(), self.clip.to(device).eval()
        for network in (self.unet, self.vae, self.clip):
            network.requires_grad_(False)
        prediction = scheduler.config.prediction_type
        if prediction not in ("epsilon", "v_prediction"):
            raise BaseUnusable(
                f"the base in {folder} predicts `{prediction}`, which this family does not know",
                hint="Known: epsilon, v_prediction.",
            )
        limits = self.clip.config
        if not 3 <= longest <= limits.max_position_embeddings or words > limits.vocab_size:
            raise BaseUnusable(
                f"the tokenizer and the text encoder in {folder} do not belong to each other",
                hint="Restore both from the model they come from, or fetch it again.",
            )
        self.noise = NoiseSchedule(scheduler.alphas_cumprod, cast(Prediction, prediction))
        self._scheduler_config = dict(scheduler.config)
        self.card = read_card(folder)
        self._try_out()
        if plain:
            use_plain_attention(self.unet)
        else:
            exchange(self.unet)
            exchange(self.vae.decoder)

    def _try_out(self) -> None:
        """Once through every part, on the smallest picture there can be: only then is it seen whether a configuration
        makes sense. Raises BaseUnusable."""
        try:
            side, _ = self.pixel_multiple, self.resolution
            latents = self.encode_pixels(torch.zeros(1, 3, side, side)).mean_BCHW
            with torch.no_grad():
                noise = self.predict(latents, torch.zeros(1, dtype=torch.int64), self.encode_texts([""]))
            self.decode_latents(noise)
        except Exception as error:  # in the middle of a network, again almost anything
            raise BaseUnusable(
                f"the base model in {self.folder} could be loaded, and cannot compute: {error}",
                hint="Restore its configurations (config.json of each part) from the model they come from.",
            ) from error

    @property
    def denoiser(self) -> nn.Module:
        return cast(nn.Module, self.unet)

    @property
    def text_encoder(self) -> nn.Module:
        return cast(nn.Module, self.clip)

    @property
    def pixels_per_latent(self) -> int:
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    @property
    def pixel_multiple(self) -> int:
        return self.pixels_per_latent * int(2 ** (len(self.unet.config.block_out_channels) - 1))

    @property
    def resolution(self) -> int:
        return int(self.unet.config.sample_size) * self.pixels_per_latent

    @cached_property
    def digest(self) -> str:
        return base_digest(self.folder)

    @torch.no_grad()
    def restore(self) -> None:
        _put_back(self.unet, self.folder / "unet" / PARTS["unet"], lambda: _unet(self.folder))
        _put_back(self.clip, self.folder / "text_encoder" / PARTS["text_encoder"], lambda: _clip(self.folder))

    def autoencoder_digest(self) -> str:
        return _part_digest(self.folder, "vae")

    def text_digest(self) -> str:
        names = sorted(path for path in (self.folder / "tokenizer").iterdir() if path.is_file())
        tokenizer = {path.name: digests.of_file(path) for path in names}
        return digests.of_json({"encoder": _part_digest(self.folder, "text_encoder"), "tokenizer": tokenizer})

    @torch.no_grad()
    def encode_pixels(self, pixels_BCHW: Tensor) -> LatentDistribution:
        posterior = self.vae.encode(pixels_BCHW.to(self.device)).latent_dist
        shift, scale = self.vae.config.shift_factor or 0.0, self.vae.config.scaling_factor
        return LatentDistribution((posterior.mean.cpu() - shift) * scale, posterior.std.cpu() * scale)

    @torch.no_grad()
    def decode_latents(self, latents_BCHW: Tensor) -> Tensor:
        shift, scale = self.vae.config.shift_factor or 0.0, self.vae.config.scaling_factor
        pixels_BCHW: Tensor = self.vae.decode((latents_BCHW / scale + shift).to(self.device)).sample
        return pixels_BCHW.clamp(-1, 1).cpu()

    def latent_shape(self, width: int, height: int) -> tuple[int, int, int]:
        return (int(self.unet.config.in_channels), height // self.pixels_per_latent, width // self.pixels_per_latent)

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        tokens_BL = self.tokenizer(
            list(texts),
            padding="max_length",
            max_length=self.tokenizer.model_max_length,
            truncation=True,
            return_tensors="pt",
        ).input_ids
        return cast(Tensor, self.clip(tokens_BL.to(self.device))[0].cpu())

    def words_cut_off(self, text: str) -> str:
        tokens = self.tokenizer(text, add_special_tokens=False).input_ids
        room = self.tokenizer.model_max_length - 2  # start and end of text
        return str(self.tokenizer.decode(tokens[room:])).strip() if len(tokens) > room else ""

    def predict(self, latents_BCHW: Tensor, timesteps_B: Tensor, conditioning_BLD: Tensor) -> Tensor:
        there = [tensor.to(self.device) for tensor in (latents_BCHW, timesteps_B, conditioning_BLD)]
        return cast(Tensor, self.unet(*there).sample.cpu())

    def scheduler_config(self) -> dict[str, object]:
        return dict(self._scheduler_config)

    def low_rank_targets(self, modules: Sequence[str]) -> list[str]:
        patterns = [re.compile(LAYERS[module]) for module in modules]
        return [name for name, _ in self.unet.named_modules() if any(pattern.search(name) for pattern in patterns)]

    def autocast(self, precision: str) -> torch.autocast:
        return torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=precision == "bf16")


def _unet(folder: Path) -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel.from_pretrained(folder / "unet", **LOAD, torch_dtype=torch.float32)


def _clip(folder: Path) -> Any:
    from transformers import CLIPTextModel

    clip, found = CLIPTextModel.from_pretrained(
        folder / "text_encoder", **LOAD, dtype=torch.float32, output_loading_info=True
    )
    if found["missing_keys"]:  # transformers would fill them with chance and go on
        raise ValueError(f"text_encoder lacks {len(found['missing_keys'])} tensors")
    return clip


def _put_back(network: nn.Module, weights: Path, load: Callable[[], nn.Module]) -> None:
    """Tensor by tensor: a second network beside it might not fit. Files may hold more than parameters."""
    parameters = dict(network.named_parameters())
    if parameters.keys() <= {_own_name(name) for name in digests.safetensors_header(weights)[0]}:
        read = ((_own_name(name), original) for name, original in each_tensor(weights))
        originals = ((name, original) for name, original in read if name in parameters)
    else:  # names of an earlier library, which it translates while loading
        originals = ((name, original.detach()) for name, original in load().named_parameters())
    for name, original in originals:
        parameters[name].copy_(original)


def _own_name(name: str) -> str:
    """Of a parameter whose file has a name; transformers has taken this level of CLIP away."""
    return name.removeprefix("text_model.")


def check_folder(folder: Path) -> None:
    """Raises BaseUnusable naming everything that is missing or damaged, before anything is loaded."""
    faults = []
    for part, weights in PARTS.items():
        for name in ("config.json", weights):
            if not (folder / part / name).is_file():
                faults.append(f"{part}/{name} is missing")
        if (folder / part / weights).is_file():
            try:
                digests.safetensors_header(folder / part / weights)
            except Exception as error:
                faults.append(str(error).splitlines()[0])
    for name in CONFIGURATIONS:
        if (folder / name).is_file():
            try:
                if not isinstance(load_json(folder / name), dict):
                    faults.append(f"{name} is not a table")
            except RecordDamaged as damaged:  # a loader would go on to ask for it on the network
                faults.append(damaged.what)
    for name in ("tokenizer", "scheduler"):
        if not (folder / name).is_dir():
            faults.append(f"{name}/ is missing")
    if faults:
        raise BaseUnusable(
            f"{folder} is not a whole diffusers folder of a Stable Diffusion model",
            faults=faults,
            hint="Give the folder that holds model_index.json, with safetensors weights; fetch damaged files again.",
        )


def read_card(folder: Path) -> BaseCard:
    path = folder / CARD
    if path.is_file():
        return BaseCard.read(load_toml(path, BaseUnusable), where=str(path), error=BaseUnusable)
    return BaseCard(name=folder.resolve().name)


def base_digest(folder: Path) -> str:
    """Of all that decides what the base draws: tensors, configurations and vocabulary, not file layout."""
    parts = {part: _part_digest(folder, part) for part in PARTS}
    scheduler = load_json(folder / "scheduler" / "scheduler_config.json")
    tokenizer = {
        path.name: digests.of_file(path) for path in sorted((folder / "tokenizer").iterdir()) if path.is_file()
    }
    return digests.of_json({"parts": parts, "scheduler": scheduler, "tokenizer": tokenizer})


def _part_digest(folder: Path, part: str) -> str:
    config = {key: value for key, value in load_json(folder / part / "config.json").items() if key[0] != "_"}
    return digests.of_json({"config": config, "tensors": digests.of_tensor_file(folder / part / PARTS[part])})
