"""What is there to draw with?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from handstyle.diffusion import low_rank
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trained_style import BaseIdentity, TrainedStyle
from handstyle.generation.generate import Worn
from handstyle.generation.request import GenerationRequest

RECIPE = Recipe(rank=2, lora_alpha=3.0)


@pytest.fixture
def request_for() -> Callable[..., GenerationRequest]:
    """A picture of 16 x 16 pixels in three steps, unless told otherwise."""

    def made(prompt: str = "a red boat", seed: int = 1, **settings: Any) -> GenerationRequest:
        small = {"width": 16, "height": 16, "num_inference_steps": 3, "guidance_rescale": 0.7}
        return GenerationRequest.model_validate({"prompt": prompt, "seed": seed, **small, **settings})

    return made


def style_record(recipe: Recipe = RECIPE) -> TrainedStyle:
    base = BaseIdentity(name="tiny", family="stable-diffusion-1", sha256="b" * 64, licence="CC0-1.0")
    return TrainedStyle(
        name="style-1", base=base, collection="c" * 64, number_of_works=5, recipe=recipe, steps=7, resolution=16,
        tensors="a" * 64, environment={},
    )  # fmt: skip


@pytest.fixture
def worn(family: Any) -> Callable[..., Worn]:
    """A style of chance, strong enough to be seen."""

    def made(weight: float = 1.0, seed: int = 0) -> Worn:
        network = family.denoiser
        low_rank.attach_trainable(network, family.low_rank_targets(RECIPE.lora_modules), 2, 3.0, 0.0)
        chance = torch.Generator().manual_seed(seed)
        tensors = {
            f"unet.{name}": 0.2 * torch.randn(parameter.shape, generator=chance)
            for name, parameter in low_rank.low_rank_parameters(network).items()
        }
        low_rank.detach_trainable(network)
        network.eval().requires_grad_(False)
        return Worn(style_record(), tensors, weight)

    return made


@pytest.fixture
def worn_in_full(family: Any) -> Callable[..., Worn]:
    """The same of a full finetuning, text encoder and all."""

    def made(weight: float = 1.0) -> Worn:
        chance = torch.Generator().manual_seed(0)
        tensors = {
            f"{part}.{name}": parameter + 0.02 * torch.randn(parameter.shape, generator=chance)
            for part, network in (("unet", family.denoiser), ("text_encoder", family.networks["text_encoder"]))
            for name, parameter in network.named_parameters()
        }
        return Worn(style_record(RECIPE.changed(method="full")), tensors, weight)

    return made
