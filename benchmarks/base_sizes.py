"""Which sizes of a base's networks learn most in the same time?

    python -m benchmarks.base_sizes autoencoder --workspace DESK --to FOLDER --minutes 5
    python -m benchmarks.base_sizes denoiser --workspace DESK --to FOLDER --minutes 10 --base BEGUN

On the collection of a workspace. Each candidate learns for as long as the others, by its pace in a first dozen steps,
with its learning rate falling over just that time; then works that nothing learnt are measured. `denoiser` takes
latents and words from a base that was begun (`handstyle originate base`), and leaves a sheet of each to be looked at.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from handstyle.diffusion.hardware import use_all_cores
from handstyle.finetuning.objective import batch_loss
from handstyle.loading import current_collection
from handstyle.origination import autoencoder, base_folder, denoiser, measure
from handstyle.origination.evaluation import sheet
from handstyle.origination.learning import learned, parameters_of
from handstyle.origination.material import Material
from handstyle.origination.originate import Origination
from handstyle.origination.recipe import AutoencoderRecipe, BaseRecipe, DenoiserRecipe, Round, named
from handstyle.workspace import Workspace

AUTOENCODERS: dict[str, dict[str, Any]] = {
    "32-64-128-128, 4 channels, batch 32": {"block_out_channels": (32, 64, 128, 128), "latent_channels": 4},
    "32-64-128-128, 8 channels, batch 32": {"block_out_channels": (32, 64, 128, 128), "latent_channels": 8},
    "16-32-64-128, 8 channels, batch 32": {"block_out_channels": (16, 32, 64, 128), "latent_channels": 8},
    "16-32-64-128, 8 channels, batch 16": {
        "block_out_channels": (16, 32, 64, 128), "latent_channels": 8, "train_batch_size": 16,
    },
}  # fmt: skip
THREE_LEVELS = {"grows": False, "attention": (False, True, True)}
DENOISERS: dict[str, dict[str, Any]] = {
    "64-128-256": {"block_out_channels": (64, 128, 256), **THREE_LEVELS},
    "96-192-288": {"block_out_channels": (96, 192, 288), **THREE_LEVELS},
    "128-256-384": {"block_out_channels": (128, 256, 384), **THREE_LEVELS},
}
PROMPTS = ("cat", "red car", "house", "grinning face", "tree", "penguin", "pizza", "bicycle")
TRIAL = 12  # steps from which the number that fits is reckoned


def material_of(options: argparse.Namespace, folder: Path, recipe: BaseRecipe) -> Material:
    collection, works = current_collection(Workspace(options.workspace))
    return Material(folder, works, collection, recipe, lambda *_: None)


def steps_that_fit(one_step: float, minutes: float) -> int:
    return max(1, round(60 * minutes / one_step))


def of_autoencoder(name: str, sizes: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    recipe = named("embedded")
    material = material_of(options, options.to / "works", recipe)

    def run(steps: int, folder: Path) -> tuple[Any, float]:
        settings = AutoencoderRecipe(**{"train_batch_size": 32, "norm_num_groups": 8, **sizes}, steps=steps,
                                     learning_rate=1.5e-3)  # fmt: skip
        network = autoencoder.new_autoencoder(settings, recipe.resolution, recipe.seed)
        learning = parameters_of(network)
        loss_at = autoencoder.loss_at(network, material.known_pixels, settings, recipe.seed)
        began = time.process_time()
        learned(name, folder, name, learning, settings.as_recipe(recipe.seed), loss_at, lambda *_: None)
        return network.eval(), time.process_time() - began

    _, seconds = run(TRIAL, options.to / f"{name} trial")
    steps = steps_that_fit(seconds / torch.get_num_threads() / TRIAL, options.minutes)
    network, _ = run(steps, options.to / name)
    return {"steps": steps, "psnr": round(autoencoder.psnr(network, material.unseen_pixels), 2)}


def of_denoiser(name: str, sizes: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    given = named("embedded")
    first = given.denoiser.rounds[options.round - 1]

    def run(steps: int, folder: Path) -> tuple[Origination, Round, float]:
        part = Round(**{**first.model_dump(), "steps": steps, "lr_scheduler": "cosine"})
        network = DenoiserRecipe(**{**given.denoiser.model_dump(), **sizes, "rounds": (part,)})
        recipe = given.model_copy(update={"denoiser": network})
        made = Origination(material_of(options, folder, recipe), Path(), ())
        _borrow(options.base, made, part)
        made.denoiser()
        log = (folder / "denoiser-1" / "log.jsonl").read_text(encoding="utf-8").splitlines()
        return made, part, part.train_batch_size / json.loads(log[-1])["pictures_per_second"]

    _, _, one_step = run(TRIAL, options.to / f"{name} trial")
    made, part, _ = run(steps_that_fit(one_step, options.minutes), options.to / name)
    family = made.family()
    drawn = measure.draw(family, [f"{prompt}, twemoji style" for prompt in PROMPTS], lambda *_: None)
    sheet(drawn.pixels_NHWC, columns=len(PROMPTS)).save(options.to / f"{name}.png")
    parameters = sum(parameter.numel() for parameter in family.denoiser.parameters())
    speed = round(part.train_batch_size / one_step, 1)
    loss = held_out_loss(made, part)
    return {"steps": part.steps, "parameters": parameters, "pictures_per_second": speed, "loss": loss}


def held_out_loss(made: Origination, part: Round) -> float:
    """On works that nothing learnt, described by name and phrase: 8 draws of noise each."""
    family, material = made.family(), made.material
    latents = denoiser.latents_of(family, material.unseen_pixels, part.resolution)
    said = [replace(material.said[n], keywords=(), colour="", attributes=()) for n in material.unseen]
    words = made.recipe.words.model_copy(update={"nothing": 0, "no_phrase": 0, "no_content": 0, "templates": 0})
    batch_at = denoiser.batches(family, latents, said, part, words, seed=1)
    batches = 8 * len(said) // part.train_batch_size
    with torch.no_grad():
        losses = [
            batch_loss(
                batch_at(step), family, seed=1, step=step, snr_gamma=part.snr_gamma, precision="bf16", live_text=False
            )
            for step in range(batches)
        ]
    return round(float(torch.stack(losses).mean()), 5)


def _borrow(begun: Path, made: Origination, part: Round) -> None:
    """Autoencoder, text encoder, latents and descriptions of a base that was begun."""
    for name in ("vae", "text_encoder", "tokenizer"):
        place = made.base / name
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to((begun / "base" / name).resolve(), target_is_directory=True)
    for name in ("works.npy", "pictures.json", f"latents-{part.resolution}.safetensors"):
        if not (made.folder / name).exists():
            (made.folder / name).symlink_to((begun / name).resolve())
    base_folder.begin(made.base, made.recipe, part)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["autoencoder", "denoiser"])
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--base", type=Path, help="a base that was begun: its folder")
    parser.add_argument("--round", type=int, default=1, help="of the shipped recipe: the denoiser's size in pixels")
    options = parser.parse_args()
    use_all_cores()
    options.to.mkdir(parents=True, exist_ok=True)
    table, run = (AUTOENCODERS, of_autoencoder) if options.what == "autoencoder" else (DENOISERS, of_denoiser)
    for name, sizes in table.items():
        found = {"name": name, "threads": torch.get_num_threads(), **run(name, sizes, options)}
        print(json.dumps(found), flush=True)
        with (options.to / f"{options.what}.jsonl").open("a", encoding="utf-8") as rows:
            rows.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
