"""Does a sampler that begins with a picture walk as diffusers' own pipelines do, and what does walking again change?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from handstyle.diffusion import painting, sampling
from handstyle.diffusion.painting import Begun, Chance
from handstyle.errors import UsageMistake

PROMPT, STEPS, SEED = "a red boat", 7, 3
SAMPLERS = sorted(sampling.SAMPLERS)
BASES = [("family", "tiny_base"), ("epsilon_family", "epsilon_base"), ("xl_family", "xl_base")]


def picture(family: Any) -> Tensor:
    return torch.randn(1, *family.latent_shape(16, 16), generator=torch.Generator().manual_seed(8))


def left_half() -> Tensor:
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., :4] = 1
    return mask


def walked(
    family: Any, sampler: str, begun: Begun | None, *, chance: Chance | None = None, scale: float = 3.0
) -> Tensor:
    noise = Chance([SEED], family.latent_shape(16, 16)).noise()
    *_, last = sampling.denoise(
        family, noise, family.encode_texts([PROMPT]), family.encode_texts([""]), sampler=sampler, steps=STEPS,
        guidance_scale=scale, guidance_rescale=0, precision="no", begun=begun, chance=chance,
    )  # fmt: skip
    return last.latents_BCHW


def by_diffusers(family: Any, folder: Path, sampler: str, begun: Begun) -> Tensor:
    """The pipeline's own way from a picture to latents."""
    from diffusers import AutoPipelineForImage2Image, AutoPipelineForInpainting

    library: Any = AutoPipelineForImage2Image if begun.mask_11HW is None else AutoPipelineForInpainting
    unsafe = {} if "sd3" in str(folder) else {"safety_checker": None, "requires_safety_checker": False}
    pipeline = library.from_pretrained(folder, **unsafe)
    flows = family.noise.prediction == "flow"
    pipeline.scheduler = sampling.solver(sampler, family.scheduler_config(), flows=flows)
    pipeline.set_progress_bar_config(disable=True)
    common = {"prompt": PROMPT, "strength": begun.strength, "num_inference_steps": STEPS, "guidance_scale": 3.0,
              "output_type": "latent", "generator": torch.Generator().manual_seed(SEED)}  # fmt: skip
    if begun.mask_11HW is None:
        return pipeline(image=begun.latents_1CHW, **common).images
    # It draws from its generator while it encodes a picture; here the latents are given.
    pipeline._encode_vae_image = lambda image, generator: begun.latents_1CHW
    pixels = begun.mask_11HW.repeat_interleave(2, 2).repeat_interleave(2, 3)
    found: Tensor = pipeline(image=torch.zeros(1, 3, 16, 16), mask_image=pixels, height=16, width=16, **common).images
    return found


@pytest.mark.parametrize("masked", [False, True], ids=["img2img", "inpainting"])
@pytest.mark.parametrize("strength", [0.6, 1.0])
@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize(("base", "folder"), BASES)
def test_it_ends_where_diffusers_ends(
    base: str, folder: str, sampler: str, strength: float, masked: bool, request: pytest.FixtureRequest
) -> None:
    family = request.getfixturevalue(base)
    begun = Begun(picture(family), strength, left_half() if masked else None)
    found = walked(family, sampler, begun)
    expected = by_diffusers(family, request.getfixturevalue(folder), sampler, begun)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("strength", [3 / 7, 1.0])
def test_a_base_that_flows_varies_as_diffusers_does(strength: float, sd3_family: Any, sd3_base: Path) -> None:
    """Shares of whole steps: of others its pipelines for flow walk one more. Its inpainting takes 16 channels, of which
    the small base has 4."""
    begun = Begun(picture(sd3_family), strength)
    found = walked(sd3_family, "euler", begun)
    expected = by_diffusers(sd3_family, sd3_base, "euler", begun)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("resamples", [1, 3])
def test_what_is_not_painted_comes_back_to_the_bit(family: Any, sampler: str, resamples: int) -> None:
    if sampler == "unipc" and resamples > 1:
        return
    begun = Begun(picture(family), 1.0, left_half(), resamples)
    found = walked(family, sampler, begun, chance=Chance([SEED], family.latent_shape(16, 16)))
    assert torch.equal(found[..., 4:], begun.latents_1CHW[..., 4:])
    assert not torch.isclose(found[..., :4], begun.latents_1CHW[..., :4]).any(dim=-1).all()


@pytest.mark.parametrize("sampler", ["ddim", "dpm++", "euler"])
def test_noise_is_given_back_in_the_measure_in_which_it_was_taken(family: Any, sampler: str) -> None:
    """Down one step with the true noise predicted, and up again: signal and noise are what they were."""
    scheduler = sampling.solver(sampler, family.scheduler_config())
    scheduler.set_timesteps(STEPS)
    scheduler.set_begin_index(2) if hasattr(scheduler, "set_begin_index") else None
    steps, count = scheduler.timesteps, 400_000
    here = painting.levels(scheduler, steps[2:3])
    before, one = painting.remembered(scheduler), torch.zeros(1, 1, 1, 1)
    scheduler.scale_model_input(one, steps[2])
    scheduler.step(one, steps[2], one)
    there = painting.levels(scheduler, steps[3:4])
    assert float(there[1] / there[0]) < float(here[1] / here[0])
    chance = torch.Generator().manual_seed(0)
    noises = torch.randn(2, count, generator=chance)
    lower = there[0].flatten() * 5 + there[1].flatten() * noises[0]
    again = painting.noised_again(lower, noises[1], (here[0].flatten(), here[1].flatten()),
                                  (there[0].flatten(), there[1].flatten()))  # fmt: skip
    assert again.mean() == pytest.approx(5 * float(here[0]), abs=0.02 * float(here[1]) + 1e-3)
    assert again.std() == pytest.approx(float(here[1]), rel=0.01)
    painting.set_back(scheduler, before)
    assert scheduler.step_index is None if hasattr(scheduler, "step_index") else True


def test_walking_again_uses_new_noise_and_each_picture_its_own(family: Any) -> None:
    shape = family.latent_shape(16, 16)
    begun = Begun(picture(family), 1.0, left_half(), 3)
    alone = walked(family, "ddim", begun, chance=Chance([SEED], shape))
    assert torch.equal(alone, walked(family, "ddim", begun, chance=Chance([SEED], shape)))
    assert not torch.equal(alone, walked(family, "ddim", begun, chance=Chance([SEED + 1], shape)))
    assert not torch.equal(alone, walked(family, "ddim", Begun(picture(family), 1.0, left_half())))


def test_so_little_strength_that_no_step_is_left_is_refused(family: Any) -> None:
    with pytest.raises(UsageMistake, match=r"0\.1 leaves none of 7 steps"):
        walked(family, "ddim", Begun(picture(family), 0.1))


def test_a_solver_that_corrects_itself_walks_no_step_again(family: Any) -> None:
    with pytest.raises(UsageMistake, match="unipc corrects"):
        walked(family, "unipc", Begun(picture(family), 1.0, left_half(), 2))


def test_without_a_picture_everything_is_as_it_was(family: Any) -> None:
    """The samplers' own tests compare with diffusers; here only that the new way leaves the old one alone."""
    noise = sampling.starting_noise([SEED], family.latent_shape(16, 16))
    assert torch.equal(noise, Chance([SEED], family.latent_shape(16, 16)).noise())
    assert torch.equal(
        walked(family, "dpm++", None), walked(family, "dpm++", None, chance=Chance([9], noise.shape[1:]))
    )
