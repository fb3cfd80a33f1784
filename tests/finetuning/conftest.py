"""What does a run of a few steps on a tiny base need?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from handstyle.diffusion.family import LatentDistribution
from handstyle.encoding.batches import Example
from handstyle.finetuning.loop import Step, finetune
from handstyle.finetuning.manifest import RunManifest
from handstyle.finetuning.material import Material
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.snapshots import State
from handstyle.finetuning.trainable import trainable
from handstyle.finetuning.trained_style import BaseIdentity

STEPS = 7
TINY = {"rank": 2, "lora_alpha": 4, "max_train": f"{STEPS} steps", "train_batch_size": 2, "mixed_precision": "no",
        "lr_warmup_steps": 2, "learning_rate": 1e-3}  # fmt: skip


def tiny_recipe(**settings: Any) -> Recipe:
    return Recipe.model_validate({**TINY, **settings})


def manifest(recipe: Recipe, steps: int = STEPS, extends: str = "") -> RunManifest:
    base = BaseIdentity(name="tiny", family="stable-diffusion-1", sha256="b" * 64, licence="CC0-1.0")
    return RunManifest(
        collection="c" * 64,
        works=5,
        base=base,
        recipe=recipe,
        resolution=16,
        steps=steps,
        environment={},
        extends=extends,
    )


class Stopped(Exception):
    """In place of Ctrl-C, which would stop the tests."""


@pytest.fixture
def recipe() -> Callable[..., Recipe]:
    """Seven steps of two works each, unless told otherwise."""
    return tiny_recipe


def example(family: Any, name: str, seed: int, shape: tuple[int, int, int] = (4, 8, 8)) -> Example:
    chance = torch.Generator().manual_seed(seed)
    variants = tuple(
        LatentDistribution(torch.randn(shape, generator=chance), torch.rand(shape, generator=chance)) for _ in range(2)
    )
    with torch.no_grad():
        return Example(name, variants, f"{name}, hndst drawing", family.encode_texts([f"{name}, hndst drawing"])[0])


@pytest.fixture
def material(family: Any) -> Callable[[Recipe], Material]:
    """Five works of chance, so that three steps are more than an epoch; three class images where they are asked for.
    With buckets, some are in another one."""

    def made(recipe: Recipe) -> Material:
        def one(name: str, seed: int) -> Example:
            another = recipe.enable_bucket and name in ("bee", "dog", "class 1")
            return example(family, name, seed, (4, 6, 10) if another else (4, 8, 8))

        works = tuple(one(name, n) for n, name in enumerate(["ant", "bee", "cow", "dog", "elk"]))
        prior = tuple(one(f"class {n}", 10 + n) for n in range(3 if recipe.with_prior_preservation else 0))
        with torch.no_grad():
            return Material(recipe, works, prior, "", family.encode_texts([""])[0])

    return made


@pytest.fixture
def run(family: Any, material: Callable[[Recipe], Material]) -> Callable[..., tuple[list[Step], State]]:
    """Steps and the state they end in, from a state or from the start."""

    def go(
        recipe: Recipe,
        state: State | None = None,
        watch: Callable[[Step], object] = lambda step: None,
        plain: bool = False,
    ) -> Any:
        at = material(recipe).batch_at
        with trainable(family, recipe) as learning:
            steps = []
            for step in finetune(family, at, learning, recipe, STEPS, state, plain=plain):
                watch(step)
                steps.append(step)
            return steps, steps[-1].state().copied()

    return go


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def state_of(network: torch.nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


@pytest.fixture(autouse=True)
def the_base_is_put_back(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test of training does, the base is afterwards, bit for bit, what it was."""
    if "family" not in request.fixturenames:
        yield
        return
    family = request.getfixturevalue("family")
    networks = tuple(family.networks.values())
    before = [state_of(network) for network in networks]
    yield
    for network, was in zip(networks, before, strict=True):
        assert same(state_of(network), was)
        assert not network.training
        assert not any(parameter.requires_grad for parameter in network.parameters())
