"""Do the samplers walk as diffusers' own pipeline does?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from handstyle.diffusion import sampling
from handstyle.errors import UsageMistake

PROMPTS = ["a red boat", "a cat, flat icon"]
NEGATIVE = "blurred"
STEPS = 5


def drawn(family: Any, prompts: list[str], seeds: list[int], **settings: Any) -> torch.Tensor:
    with torch.no_grad():
        text, without = family.encode_texts(prompts), family.encode_texts([NEGATIVE] * len(prompts))
    chosen = {"sampler": "dpm++", "steps": STEPS, "guidance_scale": 3.0, "guidance_rescale": 0.0, "precision": "no"}
    noise = sampling.starting_noise(seeds, family.latent_shape(16, 16))
    steps = list(sampling.denoise(family, noise, text, without, **{**chosen, **settings}))
    assert [(step.index, step.of) for step in steps] == [(n + 1, chosen["steps"]) for n in range(len(steps))]
    return steps[-1].latents_BCHW


@pytest.fixture(scope="module")
def pipelines() -> Callable[[Path, str], Any]:
    import diffusers

    def load(folder: Path, sampler: str) -> Any:
        pipeline = diffusers.StableDiffusionPipeline.from_pretrained(folder, safety_checker=None, local_files_only=True)
        pipeline.set_progress_bar_config(disable=True)
        scheduler, settings = {
            "dpm++": (diffusers.DPMSolverMultistepScheduler, {"algorithm_type": "dpmsolver++"}),
            "ddim": (diffusers.DDIMScheduler, {}),
            "euler": (diffusers.EulerDiscreteScheduler, {}),
            "unipc": (diffusers.UniPCMultistepScheduler, {}),
        }[sampler]
        pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **settings)
        return pipeline

    return load


@pytest.mark.parametrize(
    ("guidance", "rescale"), [(1.0, 0.0), pytest.param(3.0, 0.0, marks=pytest.mark.slow), (3.0, 0.7)]
)
@pytest.mark.parametrize("sampler", sampling.SAMPLERS)
@pytest.mark.parametrize("base", ["v", pytest.param("epsilon", marks=pytest.mark.slow)])
def test_a_walk_is_the_one_of_diffusers_pipeline(
    base: str, sampler: str, guidance: float, rescale: float, pipelines: Any, family: Any, epsilon_family: Any
) -> None:
    ours = family if base == "v" else epsilon_family
    theirs = pipelines(ours.folder, sampler)(
        prompt=PROMPTS,
        negative_prompt=[NEGATIVE] * 2,
        latents=sampling.starting_noise([1, 2], ours.latent_shape(16, 16)),
        num_inference_steps=STEPS,
        guidance_scale=guidance,
        guidance_rescale=rescale,
        height=16,
        width=16,
        output_type="pt",
    ).images
    latents = drawn(ours, PROMPTS, [1, 2], sampler=sampler, guidance_scale=guidance, guidance_rescale=rescale)
    pixels = (ours.decode_latents(latents) + 1) / 2
    assert theirs.std() > 0.01, "a page of one colour would prove nothing"
    torch.testing.assert_close(pixels, theirs, rtol=0, atol=1e-5)


def test_guidance_is_rescaled_as_in_diffusers() -> None:
    from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg

    guided, text = torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(sampling.rescaled(guided, text, 0.7), rescale_noise_cfg(guided, text, 0.7))


@pytest.mark.parametrize("sampler", sampling.SAMPLERS)
def test_the_same_seed_gives_the_same_latents(sampler: str, family: Any) -> None:
    first, again = (drawn(family, PROMPTS, [1, 2], sampler=sampler) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, drawn(family, PROMPTS, [1, 3], sampler=sampler))


def test_the_noise_of_a_picture_is_that_of_its_seed_alone() -> None:
    shape = (4, 8, 8)
    together = sampling.starting_noise([1, 2, 3], shape)
    assert torch.equal(together[2], sampling.starting_noise([3], shape)[0])


def test_an_unknown_sampler_is_refused_with_those_there_are(family: Any) -> None:
    with pytest.raises(UsageMistake, match="there is no sampler `plms`") as mistake:
        sampling.solver("plms", family.scheduler_config())
    assert "dpm++, ddim, euler, unipc" in mistake.value.hint
