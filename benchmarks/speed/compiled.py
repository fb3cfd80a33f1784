"""Does `torch.compile` pay back within a run?

    python -m benchmarks.speed.compiled [--full]

A step of the embedded base's U-Net, 8 pictures of 64 pixels, forward and back, low-rank (or with --full every weight):
as diffusers and PEFT compute it, as handstyle does, and compiled. Compiling takes a C++ compiler and the seconds shown.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.speed.limit import seconds
from handstyle.diffusion import catalogue, faster_layers, low_rank
from handstyle.diffusion.catalogue import EMBEDDED
from handstyle.diffusion.hardware import use_all_cores
from handstyle.diffusion.unet_family import LAYERS

ROWS, RANK, LENGTH = 8, 8, 77


def unet(full: bool, exchanged: bool) -> Any:
    from diffusers import UNet2DConditionModel

    network = UNet2DConditionModel.from_pretrained(EMBEDDED / "unet", local_files_only=True).float()
    network.requires_grad_(full)
    if exchanged:
        faster_layers.exchange(network)
    if not full:
        names = [name for name, _ in network.named_modules() if re.search(LAYERS["attention"], name)]
        low_rank.attach_trainable(network, names, RANK, RANK, 0.0)
    return network


def step_of(network: Callable[..., Any], shape: tuple[int, int, int], width: int) -> Callable[[], None]:
    latents, words, level = torch.randn(ROWS, *shape), torch.randn(ROWS, LENGTH, width), torch.full((ROWS,), 500)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            predicted = network(latents, level, words, return_dict=False)[0]
        predicted.float().square().mean().backward()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--full", action="store_true")
    options = parser.parse_args()
    use_all_cores()
    family = catalogue.load()
    shape = family.latent_shape(family.resolution, family.resolution)
    eager: dict[str, float] = {}
    for name, exchanged in (("as diffusers computes it", False), ("as handstyle does", True)):
        network = unet(options.full, exchanged)
        eager[name] = seconds(step_of(network, shape, network.config.cross_attention_dim))
        print(f"{name:26} {1e3 * eager[name]:7.1f} ms a step", flush=True)
    network = unet(options.full, exchanged=False)
    step = step_of(torch.compile(network), shape, network.config.cross_attention_dim)
    began = time.perf_counter()
    step()
    compiling, took = time.perf_counter() - began, seconds(step)
    gained = min(eager.values()) - took
    pays = f"pays back after {compiling / gained:.0f} steps" if gained > 0 else "never pays back"
    print(f"{'compiled':26} {1e3 * took:7.1f} ms a step, {compiling:.0f} s to compile: {pays}")


if __name__ == "__main__":
    main()
