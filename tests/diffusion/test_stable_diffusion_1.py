"""Does our reading of a base agree with diffusers' own?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from handstyle.diffusion import catalogue
from handstyle.errors import UsageMistake


@pytest.fixture(scope="module")
def pipeline(family: Any) -> Any:
    from diffusers import StableDiffusionPipeline

    return StableDiffusionPipeline.from_pretrained(family.folder, local_files_only=True)


def latents(side: int = 8) -> torch.Tensor:
    return torch.randn(3, 4, side, side, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_it_predicts_what_the_pipelines_network_predicts(family: Any, pipeline: Any) -> None:
    text, t = family.encode_texts(["a", "b", "c"]), torch.tensor([0, 500, 999])
    torch.testing.assert_close(
        family.predict(latents(), t, text), pipeline.unet(latents(), t, text).sample, rtol=0, atol=1e-5
    )


@torch.no_grad()
def test_texts_are_encoded_as_the_pipeline_encodes_them(family: Any, pipeline: Any) -> None:
    for text in ("a red boat", "", "Zoë, à la carte; 12 \U0001f98a", "word " * 60):
        theirs, _ = pipeline.encode_prompt(text, "cpu", 1, False)
        torch.testing.assert_close(family.encode_texts([text]), theirs, rtol=0, atol=1e-6)


@torch.no_grad()
def test_skipped_layers_are_those_that_the_pipeline_skips(family: Any, pipeline: Any) -> None:
    whole, digest = family.encode_texts(["a red boat"]), family.text_digest()
    # transformers 5 has the norm where diffusers does not look for it
    object.__setattr__(pipeline.text_encoder, "text_model", pipeline.text_encoder)
    try:
        for clip_skip in (1, 2):
            family.skip_layers(clip_skip)
            theirs, _ = pipeline.encode_prompt("a red boat", "cpu", 1, False, clip_skip=clip_skip)
            torch.testing.assert_close(family.encode_texts(["a red boat"]), theirs, rtol=0, atol=1e-6)
            assert not torch.allclose(theirs, whole, atol=1e-3)
            assert family.text_digest() != digest, "or the cache would hand out the others"
        with pytest.raises(UsageMistake, match="3 layers of the text encoders of this base cannot be skipped"):
            family.skip_layers(3)
    finally:
        family.skip_layers(0)
    assert family.text_digest() == digest


@torch.no_grad()
def test_pixels_and_latents_are_scaled_as_the_pipeline_scales_them(family: Any, pipeline: Any) -> None:
    pixels = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    encoded, scale = family.encode_pixels(pixels), pipeline.vae.config.scaling_factor
    theirs = pipeline.vae.encode(pixels).latent_dist
    noise = torch.randn(theirs.mean.shape, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(encoded.sample(noise), (theirs.mean + theirs.std * noise) * scale)
    torch.testing.assert_close(
        family.decode_latents(encoded.mean_BCHW),
        pipeline.vae.decode(theirs.mean).sample.clamp(-1, 1),
        atol=1e-5,
        rtol=0,
    )
    assert encoded.mean_BCHW.shape[1:] == family.latent_shape(16, 16)


def test_its_sizes_follow_from_its_configuration(family: Any) -> None:
    assert (family.resolution, family.pixels_per_latent, family.pixel_multiple) == (16, 2, 4)
    assert family.latent_shape(width=32, height=16) == (4, 8, 16)


def test_the_end_of_a_long_text_is_told(family: Any) -> None:
    room = family.tokenizer.model_max_length - 2
    assert family.words_cut_off("cat " * room) == ""
    assert family.words_cut_off("cat " * room + "dog boat") == "dog boat"


def test_bf16_is_for_the_computation_and_fp32_for_the_weights(family: Any) -> None:
    with torch.no_grad(), family.autocast("bf16"):
        assert family.predict(latents(), torch.tensor([1, 2, 3]), family.encode_texts("abc")).dtype == torch.bfloat16
    assert {parameter.dtype for parameter in family.denoiser.parameters()} == {torch.float32}
    with torch.no_grad(), family.autocast("no"):
        assert family.predict(latents(), torch.tensor([1, 2, 3]), family.encode_texts("abc")).dtype == torch.float32


# The base that is shipped


@pytest.fixture(scope="module", params=[torch.float32, torch.bfloat16], ids=str)
def embedded_pipeline(request: pytest.FixtureRequest) -> Iterator[Any]:
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(catalogue.EMBEDDED, torch_dtype=request.param)
    pipeline.set_progress_bar_config(disable=True)
    yield pipeline


@pytest.mark.slow
def test_diffusers_loads_the_embedded_base_unmodified_and_draws(embedded_pipeline: Any) -> None:
    side = catalogue.load().resolution
    picture = embedded_pipeline("a red boat", num_inference_steps=2, generator=torch.Generator().manual_seed(0)).images[
        0
    ]
    assert picture.size == (side, side)
    assert len(picture.getcolors(side * side) or ()) > 10, "it is not a page of one colour"


@pytest.mark.slow
@torch.no_grad()
def test_the_embedded_base_predicts_as_the_pipelines_network(embedded_pipeline: Any) -> None:
    ours = catalogue.load()
    assert {parameter.dtype for parameter in ours.denoiser.parameters()} == {torch.float32}
    shape, text, t = (
        ours.latent_shape(ours.resolution, ours.resolution),
        ours.encode_texts(["a boat"]),
        torch.tensor([500]),
    )
    noise = torch.randn(1, *shape, generator=torch.Generator().manual_seed(0))
    dtype = embedded_pipeline.unet.dtype
    theirs = embedded_pipeline.unet(noise.to(dtype), t, text.to(dtype)).sample.float()
    ours_predicted = ours.predict(noise, t, text)
    # bf16 keeps eight bits of a number.
    torch.testing.assert_close(ours_predicted, theirs, rtol=0, atol=1e-4 if dtype == torch.float32 else 0.1)


def test_the_embedded_base_says_what_it_is() -> None:
    from handstyle.diffusion.pipeline_folder import read_card

    card = read_card(catalogue.EMBEDDED)
    assert card.name and card.licence != "unknown" and card.works != "unknown"
