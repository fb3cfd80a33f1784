"""How fast are pictures drawn, beside diffusers' own pipeline?"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch

STEPS, PICTURES, GUIDANCE = 20, 8, 3.0


def compare(embedded: Path, precision: Literal["bf16", "no"], repeats: int) -> dict[str, Any]:
    """Eight pictures at once, 20 steps with guidance, in one process, turn by turn; loading is not counted."""
    draw, pipeline = _ours(precision), _pipelines(embedded, precision)
    own: list[float] = []
    theirs: dict[str, list[float]] = {name: [] for name in pipeline}
    draw()
    for work in pipeline.values():
        work()
    for _ in range(repeats):
        own.append(_seconds(draw))
        for name, work in pipeline.items():
            theirs[name].append(_seconds(work))
    best = min(theirs, key=lambda name: statistics.median(theirs[name]))
    rates = [PICTURES / statistics.median(times) for times in (own, theirs[best])]
    return {
        "handstyle": {"pictures_per_second": round(rates[0], 3)},
        "reference": {"pictures_per_second": round(rates[1], 3), "options": best},
        "ratio": round(rates[0] / rates[1], 2),
    }


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _ours(precision: Literal["bf16", "no"]) -> Callable[[], object]:
    from handstyle.diffusion import catalogue
    from handstyle.generation.generate import generate
    from handstyle.generation.request import GenerationRequest

    family = catalogue.load()
    requests = [
        GenerationRequest(
            prompt="a fox icon",
            seed=seed,
            width=family.resolution,
            height=family.resolution,
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            sampler="ddim",
            precision=precision,
            styles=(),
        )
        for seed in range(PICTURES)
    ]
    return lambda: list(generate(requests, family, batch_size=PICTURES))


def _pipelines(embedded: Path, precision: str) -> dict[str, Callable[[], object]]:
    """diffusers' pipeline in this precision: as it comes, and in channels-last order."""
    from diffusers import StableDiffusionPipeline

    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    ways: dict[str, Callable[[], object]] = {}
    for name, layout in (("as it comes", torch.contiguous_format), ("channels last", torch.channels_last)):
        pipeline = StableDiffusionPipeline.from_pretrained(
            embedded, torch_dtype=dtype, safety_checker=None, local_files_only=True
        )
        pipeline.set_progress_bar_config(disable=True)
        pipeline.unet.to(memory_format=layout)
        ways[name] = lambda pipeline=pipeline: pipeline(  # type: ignore[misc]
            ["a fox icon"] * PICTURES, num_inference_steps=STEPS, guidance_scale=GUIDANCE
        )
    return ways
