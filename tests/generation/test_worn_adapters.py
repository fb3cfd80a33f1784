"""Does a style of any adapter draw as the network that learnt it, on Stable Diffusion 1 and XL, and leave no trace?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from handstyle.diffusion import low_rank
from handstyle.diffusion.adapter_names import ENDINGS
from handstyle.errors import UsageMistake
from handstyle.finetuning.recipe import MODULES, Recipe
from handstyle.finetuning.trained_style import BaseIdentity, TrainedStyle
from handstyle.generation.generate import Worn, attached, generate
from handstyle.generation.request import GenerationRequest

OTHERS = [algo for algo, endings in ENDINGS.items() if algo != "lora" and endings]  # what changes layers


@pytest.fixture(params=["family", "xl_family"])
def base(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def put_on(family: Any, recipe: Recipe) -> dict[str, torch.Tensor]:
    """PEFT's own layers on the denoiser, with numbers of chance."""
    network, chance = family.denoiser, torch.Generator().manual_seed(3)
    settings = (recipe.rank, recipe.lora_alpha, 0.0, recipe.algo)
    low_rank.attach_trainable(network, family.low_rank_targets(MODULES), *settings)
    network.eval()
    found = low_rank.low_rank_parameters(network)
    with torch.no_grad():
        for parameter in found.values():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=chance))
    return {f"unet.{name}": parameter.detach().clone() for name, parameter in found.items()}


def worn_as(recipe: Recipe, tensors: dict[str, torch.Tensor], weight: float = 1.0) -> Worn:
    identity = BaseIdentity(name="tiny", family="stable-diffusion-1", sha256="b" * 64, licence="CC0-1.0")
    style = TrainedStyle(
        name="style-1", base=identity, collection="c" * 64, number_of_works=5, recipe=recipe, steps=7, resolution=16,
        tensors="a" * 64, environment={},
    )  # fmt: skip
    return Worn(style, tensors, weight)


def drawn(family: Any, request: GenerationRequest) -> Any:
    [picture] = generate([request], family)
    return np.asarray(picture.image).astype(int)


@pytest.mark.parametrize("algo", OTHERS)
def test_it_draws_as_the_network_that_learnt_it(
    algo: str, base: Any, request_for: Callable[..., GenerationRequest]
) -> None:
    request = request_for()
    recipe = Recipe.model_validate({"algo": algo, "rank": 2, "lora_alpha": 3.0})
    before = {name: tensor.clone() for name, tensor in base.denoiser.state_dict().items()}
    plain = drawn(base, request)
    tensors = put_on(base, recipe)
    learnt = drawn(base, request)
    low_rank.detach_trainable(base.denoiser)
    base.denoiser.eval().requires_grad_(False)
    with attached([worn_as(recipe, tensors)], base):
        worn = drawn(base, request)
    assert abs(worn - learnt).max() <= 1 and (worn != plain).any()
    with attached([worn_as(recipe, tensors, weight=0.0)], base):
        assert (drawn(base, request) == plain).all()
    assert before.keys() == base.denoiser.state_dict().keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in base.denoiser.state_dict().items())


@pytest.mark.parametrize("algo", OTHERS)
def test_a_style_of_another_base_is_refused(algo: str, family: Any, xl_family: Any) -> None:
    recipe = Recipe.model_validate({"algo": algo, "rank": 2, "lora_alpha": 3.0})
    tensors = put_on(xl_family, recipe)
    low_rank.detach_trainable(xl_family.denoiser)
    xl_family.denoiser.eval().requires_grad_(False)
    with pytest.raises(UsageMistake, match="made for another base"), attached([worn_as(recipe, tensors)], family):
        pass
