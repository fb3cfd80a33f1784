"""Do the quick scores see a work that the picture is made of?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from handstyle.diffusion.family import LatentDistribution
from handstyle.encoding.batches import Example
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trainable import trainable
from handstyle.inspection.influence_scores import SCORES, Sketch, _slopes, by_looks, scores

RECIPE = Recipe(rank=2, mixed_precision="no")


def example(family: Any, number: int, words: str = "a drawing") -> Example:
    latents = torch.randn(family.latent_shape(16, 16), generator=torch.Generator().manual_seed(number))
    with torch.no_grad():
        words_LD = family.encode_texts([words])[0]
    return Example(str(number), (LatentDistribution(latents, torch.zeros_like(latents)),), words, words_LD)


def snapshot(family: Any) -> dict[str, torch.Tensor]:
    """As after some steps: of a fresh style all slopes of one half are nothing."""
    chance = torch.Generator().manual_seed(5)
    with trainable(family, RECIPE) as learning:
        return {name: 0.1 * torch.randn(value.shape, generator=chance) for name, value in learning.weights().items()}


def test_each_score_ranks_the_work_itself_first(family: Any) -> None:
    works = [example(family, number) for number in range(6)]
    found = scores(family, RECIPE, [snapshot(family)], works, [works[4], works[1]], lambda done, of: None)
    assert list(found) == [score.name for score in SCORES]
    for name, values_QN in found.items():
        assert values_QN.shape == (2, 6)
        assert values_QN.argmax(axis=1).tolist() == [4, 1], name


def test_the_base_is_as_it_was_and_snapshots_count_each(family: Any) -> None:
    before = {name: value.clone() for name, value in family.denoiser.state_dict().items()}
    works, told = [example(family, number) for number in range(3)], []
    two = [snapshot(family), {name: 2 * value for name, value in snapshot(family).items()}]

    def slopes(weights: list[dict[str, torch.Tensor]]) -> Any:
        return scores(family, RECIPE, weights, works, works, lambda done, of: told.append((done, of)))["slopes"]

    both = slopes(two)
    assert told[-1] == (12, 12)
    assert np.allclose(both, slopes(two[:1]) + slopes(two[1:]))
    after = family.denoiser.state_dict()
    assert after.keys() == before.keys() and all(torch.equal(after[name], before[name]) for name in before)


def test_a_sketch_keeps_products(family: Any) -> None:
    chance = torch.Generator().manual_seed(1)
    with trainable(family, RECIPE) as learning:
        shapes = {name: value.shape for name, value in learning.parameters.items()}
        sketch = Sketch(learning)
    one = {name: torch.rand(shape, generator=chance) for name, shape in shapes.items()}
    other = {name: one[name] + torch.randn(shape, generator=chance) for name, shape in shapes.items()}
    exactly = sum(float((one[name] * other[name]).sum()) for name in one)
    assert float(sketch.of(one) @ sketch.of(other)) == pytest.approx(exactly, rel=0.05)
    missing = dict(list(one.items())[1:])
    assert not np.allclose(sketch.of(missing), sketch.of(one)), "parts without a slope count as nothing"


def test_slopes_are_those_of_the_error(family: Any) -> None:
    """Against a difference quotient along the slope itself."""
    work, weights = example(family, 0), snapshot(family)

    def error(learning: Any) -> float:
        from handstyle.encoding.batches import generator
        from handstyle.finetuning.validation import noise_levels
        from handstyle.inspection.influence_scores import DRAWS, LEVELS, SEED

        x0 = work.variants[0].mean_BCHW
        steps = torch.tensor(noise_levels(family.noise.number_of_timesteps, LEVELS) * DRAWS)
        rows = x0.expand(len(steps), *x0.shape)
        noise = torch.randn(rows.shape, generator=generator(SEED, "influence", 0))
        words = work.conditioning_LD.expand(len(steps), -1, -1)
        with torch.no_grad():
            said = family.predict(family.noise.noised(rows, noise, steps), steps, words)
        return float((said.double() - family.noise.target(rows, noise, steps)).square().mean())

    with trainable(family, RECIPE) as learning:
        learning.denoiser[next(iter(learning.denoiser))].data.add_(0)
        learning.put(weights)
        slopes = _slopes(family, RECIPE, learning, work)
        length = sum(float(slope.double().square().sum()) for slope in slopes.values())
        step = 1e-2 / length**0.5
        errors = []
        for sign in (1, -1):
            learning.put({name: weights[name] + sign * step * slopes[name] for name in weights})
            errors.append(error(learning))
    assert (errors[0] - errors[1]) / (2 * step) == pytest.approx(length, rel=0.05)


@pytest.mark.parametrize("base", ["xl_family", "sd3_family", "flux_family"])
def test_every_family_is_looked_into(base: str, request: pytest.FixtureRequest) -> None:
    family = request.getfixturevalue(base)
    works = [example(family, number) for number in range(4)]
    assert by_looks(family, RECIPE, works, works[2:3]).argmax() == 2
