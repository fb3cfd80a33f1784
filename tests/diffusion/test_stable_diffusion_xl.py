"""Does our reading of a base of Stable Diffusion XL agree with diffusers' own?"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from handstyle.diffusion import catalogue, sampling
from handstyle.errors import BaseUnusable
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trainable import trainable
from handstyle.generation import generate
from handstyle.generation.request import GenerationRequest


@pytest.fixture(scope="module")
def pipeline(xl_family: Any) -> Any:
    from diffusers import StableDiffusionXLPipeline

    found = StableDiffusionXLPipeline.from_pretrained(xl_family.folder, local_files_only=True)
    found.set_progress_bar_config(disable=True)
    return found


def latents(rows: int = 2) -> Tensor:
    return torch.randn(rows, 4, 8, 8, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_texts_are_encoded_as_the_pipeline_encodes_them(xl_family: Any, pipeline: Any) -> None:
    for text in ("a red boat", "Zoë, à la carte; 12", "word " * 60):
        tokens, _, summary, _ = pipeline.encode_prompt(text, do_classifier_free_guidance=False)
        ours = xl_family.encode_texts([text])
        torch.testing.assert_close(ours[:, :-1], tokens, rtol=0, atol=1e-6)
        torch.testing.assert_close(ours[:, -1, :20], summary, rtol=0, atol=1e-6)
        assert not ours[:, -1, 20:].any()


@torch.no_grad()
def test_skipped_layers_are_those_that_the_pipeline_skips(xl_family: Any, pipeline: Any) -> None:
    tokens, _, summary, _ = pipeline.encode_prompt("a red boat", do_classifier_free_guidance=False, clip_skip=1)
    xl_family.skip_layers(1)
    try:
        ours = xl_family.encode_texts(["a red boat"])
    finally:
        xl_family.skip_layers(0)
    torch.testing.assert_close(ours[:, :-1], tokens, rtol=0, atol=1e-6)
    torch.testing.assert_close(ours[:, -1, :20], summary, rtol=0, atol=1e-6)
    assert not torch.allclose(xl_family.encode_texts(["a red boat"])[:, :-1], tokens, atol=1e-3)


@torch.no_grad()
def test_no_words_are_zeros_as_the_base_was_trained(xl_family: Any, pipeline: Any) -> None:
    _, without, _, no_summary = pipeline.encode_prompt("a", do_classifier_free_guidance=True)
    assert not without.any() and not no_summary.any()
    assert not xl_family.encode_texts(["", "a"])[0].any() and xl_family.encode_texts(["", "a"])[1].any()


def test_a_base_that_was_trained_with_an_encoded_empty_text_gets_it(xl_base: Path, tmp_path: Path) -> None:
    base = Path(shutil.copytree(xl_base, tmp_path / "base"))
    index = base / "model_index.json"
    index.write_text(
        index.read_text().replace('"force_zeros_for_empty_prompt": true', '"force_zeros_for_empty_prompt": false')
    )
    with torch.no_grad():
        assert catalogue.load(base).encode_texts([""]).any()


@torch.no_grad()
def test_it_predicts_what_the_pipelines_network_predicts(xl_family: Any, pipeline: Any) -> None:
    text, t = xl_family.encode_texts(["a boat", "a cat"]), torch.tensor([20, 900])
    sizes = torch.tensor([[300, 200, 5, 0], [16, 16, 0, 0]])
    given = {
        "text_embeds": text[:, -1, :20],
        "time_ids": torch.tensor([[300, 200, 5, 0, 16, 16], [16, 16, 0, 0, 16, 16]]).float(),
    }
    theirs = pipeline.unet(latents(), t, text[:, :-1], added_cond_kwargs=given).sample
    torch.testing.assert_close(xl_family.predict(latents(), t, text, sizes), theirs, rtol=0, atol=1e-5)


@torch.no_grad()
def test_the_size_of_a_picture_and_its_crop_are_heard(xl_family: Any) -> None:
    text, t = xl_family.encode_texts(["a boat"] * 2), torch.tensor([20, 900])
    whole = torch.tensor([[16, 16, 0, 0]] * 2)
    assert torch.equal(xl_family.predict(latents(), t, text), xl_family.predict(latents(), t, text, whole))
    cut = torch.tensor([[16, 16, 0, 8]] * 2)
    assert not torch.equal(xl_family.predict(latents(), t, text), xl_family.predict(latents(), t, text, cut))


@pytest.mark.parametrize("guidance", [1.0, 5.0])
def test_it_draws_the_picture_the_pipeline_draws(xl_family: Any, pipeline: Any, guidance: float) -> None:
    from diffusers import DDIMScheduler

    pipeline.scheduler = DDIMScheduler.from_config(xl_family.scheduler_config())
    noise = sampling.starting_noise([7], (4, 8, 8))
    theirs = pipeline("a red boat", height=16, width=16, num_inference_steps=3, guidance_scale=guidance,
                      latents=noise, output_type="np").images[0]  # fmt: skip
    request = GenerationRequest(prompt="a red boat", seed=7, width=16, height=16, num_inference_steps=3,
                                guidance_scale=guidance, sampler="ddim")  # fmt: skip
    (picture,) = generate.generate([request], xl_family)
    levels = torch.from_numpy(np.array(picture.image)).float()
    assert (levels - torch.from_numpy(theirs * 255).round()).abs().max() <= 1


def test_the_autoencoder_computes_in_fp32_whatever_else_does_not(xl_family: Any) -> None:
    pixels = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    exact = xl_family.encode_pixels(pixels)
    with xl_family.autocast("bf16"):
        assert torch.equal(xl_family.encode_pixels(pixels).mean_BCHW, exact.mean_BCHW)
        rounded = xl_family.decode_latents(exact.mean_BCHW)
    assert torch.equal(rounded, xl_family.decode_latents(exact.mean_BCHW))


def test_both_text_encoders_can_learn_and_are_put_back(xl_family: Any) -> None:
    before = {
        part: {n: p.clone() for n, p in network.named_parameters()} for part, network in xl_family.networks.items()
    }
    for method in ("lora", "full"):
        with trainable(xl_family, Recipe(method=method, rank=2, train_text_encoder=True)) as learning:
            parts = {name.partition(".")[0] for name in learning.parameters}
            assert parts == {"unet", "text_encoder", "text_encoder_2"}
            assert all(name.startswith("unet.") for name in learning.denoiser)
            learning.put({name: parameter + 1 for name, parameter in learning.weights().items()})
        for part, network in xl_family.networks.items():
            assert all(torch.equal(p, before[part][n]) for n, p in network.named_parameters()), (method, part)


@pytest.mark.parametrize("part", ["text_encoder_2", "unet"])
def test_all_that_is_missing_is_named(xl_base: Path, tmp_path: Path, part: str) -> None:
    base = Path(shutil.copytree(xl_base, tmp_path / "base"))
    shutil.rmtree(base / part)
    with pytest.raises(BaseUnusable, match=f"{part}/config.json is missing"):
        catalogue.load(base)


def test_half_precision_alone_is_read_too(xl_base: Path, tmp_path: Path) -> None:
    base = Path(shutil.copytree(xl_base, tmp_path / "base"))
    for path in base.glob("*/*.safetensors"):
        path.rename(path.with_name(f"{path.stem}.fp16.safetensors"))
    assert catalogue.load(base).digest == catalogue.load(xl_base).digest, "the name of a file is not what is in it"


def test_another_way_of_mixing_in_noise_is_refused(xl_base: Path, tmp_path: Path) -> None:
    base = Path(shutil.copytree(xl_base, tmp_path / "base"))
    scheduler = base / "scheduler" / "scheduler_config.json"
    scheduler.write_text(scheduler.read_text().replace("EulerDiscreteScheduler", "EDMDPMSolverMultistepScheduler"))
    with pytest.raises(BaseUnusable, match="EDMDPMSolverMultistepScheduler"):
        catalogue.load(base)
