"""What do other tools call a base of each family, and its networks?

A row a family, for those who write about a base without loading it: cards, headers, reloads. Nothing here needs torch;
what a family computes stands in its own file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

NO_KNOWN_ARCHITECTURE = ("latent-diffusion", "")
NETWORK_MODULE = "networks.lora"


@dataclass(frozen=True)
class Kind:
    name: str  # as permissions name the family
    pipeline: str  # diffusers' class of the whole
    denoiser: str  # diffusers' class
    text_encoders: Mapping[str, str]  # those that can learn -> transformers' class
    called: Mapping[str, tuple[str, str]]  # prediction -> what ModelSpec calls it, and what sd-scripts does
    part: str = "unet"  # where the denoiser lies in a folder
    width: int | None = None  # of what the denoiser reads of texts, which tells the published U-Nets apart
    network_module: str = NETWORK_MODULE  # of sd-scripts, which trains low-rank updates for it
    is_v2: bool = False  # as sd-scripts is asked with `--v2`
    reads_tokens: bool = False  # of latents, with their places beside them, and not latents


CLIP, SUMMARISING_CLIP = "CLIPTextModel", "CLIPTextModelWithProjection"
UNET = "UNet2DConditionModel"

# What they are called: sd-scripts 48d368f, library/sai_model_spec.py and library/model_util.py.
KINDS = (
    Kind(
        name="stable-diffusion-1",
        pipeline="StableDiffusionPipeline",
        denoiser=UNET,
        text_encoders={"text_encoder": CLIP},
        called={"epsilon": ("stable-diffusion-v1", "sd_v1"), "v": ("stable-diffusion-v1", "sd_v1_v")},
        width=768,
    ),
    Kind(
        name="stable-diffusion-2",
        pipeline="StableDiffusionPipeline",
        denoiser=UNET,
        text_encoders={"text_encoder": CLIP},
        called={"epsilon": ("stable-diffusion-v2-512", "sd_v2"), "v": ("stable-diffusion-v2-768-v", "sd_v2_v")},
        width=1024,
        is_v2=True,
    ),
    Kind(
        name="stable-diffusion-xl",
        pipeline="StableDiffusionXLPipeline",
        denoiser=UNET,
        text_encoders={"text_encoder": CLIP, "text_encoder_2": SUMMARISING_CLIP},
        called=dict.fromkeys(("epsilon", "v"), ("stable-diffusion-xl-v1-base", "sdxl_base_v1-0")),
        width=2048,
    ),
    Kind(
        name="stable-diffusion-3",
        pipeline="StableDiffusion3Pipeline",
        denoiser="SD3Transformer2DModel",
        text_encoders={"text_encoder": SUMMARISING_CLIP, "text_encoder_2": SUMMARISING_CLIP},
        called={"flow": ("stable-diffusion-3", "sd3")},
        part="transformer",
        network_module="networks.lora_sd3",
    ),
    Kind(
        name="flux",
        pipeline="FluxPipeline",
        denoiser="FluxTransformer2DModel",
        text_encoders={"text_encoder": CLIP},
        called={"flow": ("flux-1-dev", "flux1")},
        part="transformer",
        network_module="networks.lora_flux",
        reads_tokens=True,
    ),
)
WIDTHS: dict[int, Kind] = {kind.width: kind for kind in KINDS if kind.width is not None}
DENOISERS = tuple(dict.fromkeys(kind.denoiser for kind in KINDS))  # diffusers' classes


def named(name: str) -> Kind:
    """The row of a family; of one that is not known, the first."""
    return next((kind for kind in KINDS if kind.name == name), KINDS[0])


def with_denoiser(called: str) -> Kind | None:
    """The first of which diffusers calls the denoiser so."""
    return next((kind for kind in KINDS if kind.denoiser == called), None)


def with_text_encoders(part: str, found: Collection[str]) -> Kind:
    """The first whose denoiser lies there, with just these text encoders; for others, the first of all."""
    return next((kind for kind in KINDS if kind.part == part and set(kind.text_encoders) == set(found)), KINDS[0])


def architecture(kind: Kind | None, prediction: str) -> tuple[str, str]:
    """What ModelSpec and sd-scripts call it."""
    return kind.called.get(prediction, NO_KNOWN_ARCHITECTURE) if kind else NO_KNOWN_ARCHITECTURE


def with_version(called: str) -> Kind | None:
    """The one that sd-scripts calls so."""
    return next((kind for kind in KINDS if any(own == called for _, own in kind.called.values())), None)
