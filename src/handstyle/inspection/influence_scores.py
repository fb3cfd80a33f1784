"""What can be said without any training of which works shaped a picture?

By slopes: how a step that helps a work helps the picture, along the snapshots of the run (Pruthi et al. 2020,
"TracIn"); and the same where directions that all works share count for less (Park et al. 2023, "TRAK", eq. 13; for
diffusion Zheng et al. 2024, "Intriguing Properties of Data Attribution on Diffusion Models"). By looks: how alike the
base finds the two (Kim et al. 2024, "IntroStyle": channel means and deviations inside the denoiser, no words).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from handstyle.diffusion.family import ModelFamily
from handstyle.encoding.batches import Example, generator
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trainable import Trainable, at_rest, trainable
from handstyle.finetuning.validation import noise_levels
from handstyle.inspection.influence import Score, Values

LEVELS, DRAWS, SEED = 8, 2, 2022
SKETCH = 1 << 16  # numbers that a slope is projected to
RIDGE = 0.1  # of the mean squared length of a slope
LOOKS_AT = 0.5  # of all noise

SCORES = (
    Score(name="slopes", how="how much a step towards the work is a step towards the picture"),
    Score(name="slopes of their own", how="the same, where what all works have in common counts for less"),
    Score(name="looks", how="how alike the base finds work and picture"),
)


def scores(
    family: ModelFamily,
    recipe: Recipe,
    snapshots: Sequence[Mapping[str, Tensor]],
    works: Sequence[Example],
    pictures: Sequence[Example],
    told: Callable[[int, int], object],
) -> dict[str, Values]:
    """By the names of SCORES, picture x work; the higher, the more."""
    plain_QN, own_QN = by_slopes(family, recipe, snapshots, works, pictures, told)
    return {
        "slopes": plain_QN,
        "slopes of their own": own_QN,
        "looks": by_looks(family, recipe, works, pictures),
    }


def by_slopes(
    family: ModelFamily,
    recipe: Recipe,
    snapshots: Sequence[Mapping[str, Tensor]],
    works: Sequence[Example],
    pictures: Sequence[Example],
    told: Callable[[int, int], object],
) -> tuple[Values, Values]:
    """Summed over the snapshots: g_picture . g_work, and g_picture . G^T (G G^T + r I)^-1, where G are all works'. All
    snapshots count alike; by their learning rates, as TracIn has it, the last of a falling rate would hardly count."""
    shape = (len(pictures), len(works))
    plain_QN, own_QN = np.zeros(shape), np.zeros(shape)
    each, done = len(works) + len(pictures), 0
    with trainable(family, recipe) as learning, at_rest(family):
        sketch = Sketch(learning)
        for weights in snapshots:
            learning.put({name: weights[name] for name in learning.parameters})
            rows = []
            for example in [*works, *pictures]:
                rows.append(sketch.of(_slopes(family, recipe, learning, example)))
                done += 1
                told(done, each * len(snapshots))
            of_works_ND, of_pictures_QD = np.stack(rows[: len(works)]), np.stack(rows[len(works) :])
            both_QN, among_NN = of_pictures_QD @ of_works_ND.T, of_works_ND @ of_works_ND.T
            ridge = RIDGE * float(np.trace(among_NN)) / len(works) or 1.0
            plain_QN += both_QN
            own_QN += np.linalg.solve(among_NN + ridge * np.eye(len(works)), both_QN.T).T
    return plain_QN, own_QN


class Sketch:
    """A projection that keeps products of slopes on average: each number is added to, or taken from, one of a few
    places (Charikar et al. 2002, "count sketch")."""

    def __init__(self, learning: Trainable) -> None:
        self._places: dict[str, tuple[Tensor, Tensor]] = {}
        for name, parameter in learning.parameters.items():
            chance = generator(SEED, f"sketch of {name}", 0)
            places = torch.randint(SKETCH, (parameter.numel(),), generator=chance)
            signs = torch.randint(2, (parameter.numel(),), generator=chance, dtype=torch.int8) * 2 - 1
            self._places[name] = places, signs

    def of(self, slopes: Mapping[str, Tensor]) -> NDArray[np.float64]:
        found_D = torch.zeros(SKETCH, dtype=torch.float64)
        for name, slope in slopes.items():
            places, signs = self._places[name]
            found_D.index_add_(0, places, slope.detach().flatten().cpu().double() * signs)
        return np.asarray(found_D.numpy())


def _slopes(family: ModelFamily, recipe: Recipe, learning: Trainable, example: Example) -> dict[str, Tensor]:
    """Of the mean squared error in denoising it; works and pictures with the same noise."""
    mean_CHW = example.variants[0].mean_BCHW
    timesteps_B = torch.tensor(noise_levels(family.noise.number_of_timesteps, LEVELS) * DRAWS)
    x0_BCHW = mean_CHW.expand(len(timesteps_B), *mean_CHW.shape)
    noise_BCHW = torch.randn(x0_BCHW.shape, generator=generator(SEED, "influence", 0))
    noised_BCHW = family.noise.noised(x0_BCHW, noise_BCHW, timesteps_B)
    with torch.enable_grad():
        with family.autocast(recipe.mixed_precision):
            if recipe.reads_anew:
                words_BLD = family.encode_texts([example.text]).expand(len(timesteps_B), -1, -1)
            else:
                words_BLD = example.conditioning_LD.expand(len(timesteps_B), *example.conditioning_LD.shape)
            sizes_B4 = torch.tensor([example.size] * len(timesteps_B)) if example.size else None
            predicted_BCHW = family.predict(noised_BCHW, timesteps_B, words_BLD, sizes_B4)
        loss = (predicted_BCHW.float() - family.noise.target(x0_BCHW, noise_BCHW, timesteps_B)).square().mean()
        slopes = torch.autograd.grad(loss, list(learning.parameters.values()), allow_unused=True)
    return {name: slope for name, slope in zip(learning.parameters, slopes, strict=True) if slope is not None}


@torch.no_grad()
def by_looks(family: ModelFamily, recipe: Recipe, works: Sequence[Example], pictures: Sequence[Example]) -> Values:
    """Minus the squared 2-Wasserstein distance of channel means and deviations, as of normal distributions."""
    empty_1LD = family.encode_texts([""])
    seen = [_seen(family, recipe, example, empty_1LD) for example in [*works, *pictures]]
    works_NF, pictures_QF = np.stack(seen[: len(works)]), np.stack(seen[len(works) :])
    return -np.asarray(((pictures_QF[:, None] - works_NF[None]) ** 2).sum(axis=2))


def _seen(family: ModelFamily, recipe: Recipe, example: Example, empty_1LD: Tensor) -> NDArray[np.float64]:
    caught: list[Tensor] = []

    def catch(module: nn.Module, given: object, output: Tensor | tuple[Tensor, ...]) -> None:
        caught.append(output[-1] if isinstance(output, tuple) else output)

    x0_BCHW = example.variants[0].mean_BCHW[None].expand(DRAWS, -1, -1, -1)
    timesteps_B = torch.full((DRAWS,), int(LOOKS_AT * family.noise.number_of_timesteps))
    noise_BCHW = torch.randn(x0_BCHW.shape, generator=generator(SEED, "influence", 1))
    hook = _looking_place(family.denoiser).register_forward_hook(catch)
    try:
        with family.autocast(recipe.mixed_precision):
            noised_BCHW = family.noise.noised(x0_BCHW, noise_BCHW, timesteps_B)
            family.predict(noised_BCHW, timesteps_B, empty_1LD.expand(DRAWS, -1, -1))
    finally:
        hook.remove()
    inside = caught[0].float().cpu()
    inside_BCN = inside.flatten(2) if inside.ndim == 4 else inside.transpose(1, 2)
    return np.asarray(torch.cat([inside_BCN.mean((0, 2)), inside_BCN.std((0, 2))]).double().numpy())


def _looking_place(denoiser: nn.Module) -> nn.Module:
    """IntroStyle's second block on the way up of a U-Net; the middle of a transformer, which has no such way."""
    ways = getattr(denoiser, "up_blocks", None)
    if isinstance(ways, nn.ModuleList):
        return list(ways)[min(1, len(ways) - 1)]
    blocks = list(denoiser.get_submodule("transformer_blocks").children())
    return blocks[len(blocks) // 2]
