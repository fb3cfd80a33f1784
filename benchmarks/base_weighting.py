"""What does min-SNR weighting do to each noise level of a base in the making?

    python -m benchmarks.base_weighting --workspace DESK --base BEGUN --steps 400

Goes on from the newest snapshot of the base's first round, with min-SNR and without, on the same batches; then measures
the plain error of v on works that nothing learnt, with their words and without, noise level by noise level. The base in
the making stays as it is.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from handstyle.diffusion.hardware import use_all_cores
from handstyle.finetuning.loop import Run, learn, losses
from handstyle.finetuning.snapshots import Snapshots
from handstyle.finetuning.trainable import trainable
from handstyle.loading import current_collection
from handstyle.origination import denoiser
from handstyle.origination.material import Material
from handstyle.origination.originate import Origination
from handstyle.origination.recipe import BaseRecipe, named
from handstyle.workspace import Workspace

TIMESTEPS = (100, 300, 500, 650, 750, 850, 920, 970, 999)


@torch.no_grad()
def errors(family: Any, latents_NCHW: Tensor, conditioning_NLD: Tensor) -> list[float]:
    """One a noise level; the noise is the same each time."""
    found, chance = [], torch.Generator().manual_seed(3)
    for timestep in TIMESTEPS:
        noise_NCHW, rows = torch.randn(latents_NCHW.shape, generator=chance), []
        for begin in range(0, len(latents_NCHW), 64):
            part = slice(begin, begin + 64)
            x0, noise = latents_NCHW[part], noise_NCHW[part]
            t_B = torch.full((len(x0),), timestep)
            with family.autocast("bf16"):
                said = family.predict(family.noise.noised(x0, noise, t_B), t_B, conditioning_NLD[part])
            rows.append((said.float() - family.noise.target(x0, noise, t_B)).square().mean((1, 2, 3)))
        found.append(round(float(torch.cat(rows).mean()), 4))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--base", type=Path, required=True, help="a base that was begun: its folder")
    parser.add_argument("--recipe", type=Path, help="what it was begun with; the shipped recipe when left out")
    parser.add_argument("--steps", type=int, default=400)
    options = parser.parse_args()
    use_all_cores()
    recipe = BaseRecipe.from_toml(options.recipe) if options.recipe else named("embedded")
    collection, works = current_collection(Workspace(options.workspace))
    made = Origination(Material(options.base, works, collection, recipe, lambda *_: None), Path(), ())
    part = recipe.denoiser.rounds[0]
    family, material = made.family(part), made.material
    latents = denoiser.latents_of(family, material.unseen_pixels, part.resolution)[:, 0].float()
    with torch.no_grad():
        unseen = [material.said[n] for n in material.unseen]
        words = family.encode_texts([f"{said.name}, {said.phrase}" for said in unseen]).float()
        nothing = family.encode_texts([""]).float().expand(len(words), -1, -1)
    levels = [round(float(snr), 4) for snr in family.noise.deviation(torch.tensor(TIMESTEPS)) ** -2]
    print(json.dumps({"snr": levels}))
    state = Snapshots(options.base / "denoiser-1", made.lineage_of_round(0)).newest()
    assert state is not None, "the base's first round has no snapshot yet"
    for gamma in (5.0, "none"):
        settings = {"snr_gamma": gamma, "max_train": f"{state.step + options.steps} steps", "ema_decay": 0.98}
        trial = made.recipe_of(part).changed(**settings)
        with trainable(family, trial) as learning:
            batch_at = made.batches(0, family)
            for step in learn(Run(learning, trial, state.step + options.steps), losses(family, batch_at, trial), state):
                last = step
            learning.put(last.state().ema)
            row = {"with words": errors(family, latents, words), "without": errors(family, latents, nothing)}
            print(json.dumps({"snr_gamma": gamma, **row}), flush=True)


if __name__ == "__main__":
    main()
