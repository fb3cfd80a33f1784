"""Does a sampler that begins with a picture walk as diffusers' own pipelines do, and what does walking again change?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.conftest import save_tiny_flux
from torch import Tensor

from handstyle.diffusion import catalogue, painting, sampling
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
    flows = family.noise.prediction == "flow"
    unsafe = {} if flows else {"safety_checker": None, "requires_safety_checker": False}
    pipeline = library.from_pretrained(folder, **unsafe)
    pipeline.scheduler = sampling.solver(sampler, family.scheduler_config(), flows=flows)
    pipeline.set_progress_bar_config(disable=True)
    common = {"prompt": PROMPT, "strength": begun.strength, "num_inference_steps": STEPS, "guidance_scale": 3.0,
              "output_type": "latent", "generator": torch.Generator().manual_seed(SEED)}  # fmt: skip
    if begun.mask_11HW is None and not flows:
        return pipeline(image=begun.latents_1CHW, **common).images
    # It draws from its generator while it encodes a picture; here the latents are given.
    pipeline._encode_vae_image = lambda image, generator: begun.latents_1CHW
    common |= {"image": begun.latents_1CHW, "height": 16, "width": 16}
    if begun.mask_11HW is not None:
        common["image"] = torch.zeros(1, 3, 16, 16)
        common["mask_image"] = begun.mask_11HW.repeat_interleave(2, 2).repeat_interleave(2, 3)
    found: Tensor = pipeline(**common).images
    return pipeline._unpack_latents(found, 16, 16, 2) if found.ndim == 3 else found  # FLUX.1 leaves its tokens


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


@pytest.fixture(scope="module")
def sd3_of_16_channels(sd3_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With as many as the true ones have, and as diffusers' inpainting asks for."""
    from diffusers import StableDiffusion3Pipeline

    folder = tmp_path_factory.mktemp("sd3 of 16 channels")
    pipeline = StableDiffusion3Pipeline.from_pretrained(sd3_base)
    torch.manual_seed(0)
    for part, settings in {
        "transformer": {"in_channels": 16, "out_channels": 16}, "vae": {"latent_channels": 16}
    }.items():  # fmt: skip
        old = getattr(pipeline, part)
        pipeline.register_modules(**{part: type(old).from_config({**old.config, **settings})})
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def quick_flux_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one that is not told how strongly to guide, and does not shift by size."""
    return save_tiny_flux(tmp_path_factory.mktemp("flux") / "schnell", guided=False)


@pytest.mark.parametrize("masked", [False, True], ids=["img2img", "inpainting"])
@pytest.mark.parametrize("strength", [3 / 7, 1.0])
@pytest.mark.parametrize("base", ["sd3_of_16_channels", "flux_base", "quick_flux_base"])
def test_so_do_bases_that_flow(base: str, strength: float, masked: bool, request: pytest.FixtureRequest) -> None:
    """Shares of whole steps: of others these pipelines walk one more. They know the one solver."""
    folder = request.getfixturevalue(base)
    family = catalogue.load(folder)
    begun = Begun(picture(family), strength, left_half() if masked else None)
    found = walked(family, "euler", begun)
    expected = by_diffusers(family, folder, "euler", begun)
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
