"""Does our reading of Stable Diffusion 3 and FLUX.1 agree with diffusers' own?"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.conftest import save_tiny_flux, save_tiny_sd3
from torch import Tensor

from handstyle.diffusion import catalogue, sampling
from handstyle.errors import BaseUnusable, UsageMistake
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trainable import trainable
from handstyle.generation import generate
from handstyle.generation.request import GenerationRequest

MADE: dict[str, Callable[[Path], Path]] = {
    "sd3": save_tiny_sd3,
    "sd3 without T5": lambda folder: save_tiny_sd3(folder, t5=False),
    "sd3.5": lambda folder: save_tiny_sd3(folder, of_35=True),
    "flux dev": save_tiny_flux,
    "flux schnell": lambda folder: save_tiny_flux(folder, guided=False),
}
SIDE = 16  # pixels


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}

    def of(name: str) -> Path:
        if name not in made:
            made[name] = MADE[name](tmp_path_factory.mktemp("flow") / "base")
        return made[name]

    return of


@pytest.fixture(params=MADE)
def base(request: pytest.FixtureRequest, bases: Callable[[str], Path]) -> Path:
    return bases(request.param)


@pytest.fixture
def family(base: Path) -> Any:
    return catalogue.load(base)


def loaded(base: Path) -> Any:
    """What a folder does not hold must be named."""
    from diffusers import DiffusionPipeline

    names = json.loads((base / "model_index.json").read_text(encoding="utf-8"))
    without = {name: None for name, library in names.items() if library == [None, None] and name.endswith("_3")}
    return DiffusionPipeline.from_pretrained(base, local_files_only=True, **without)


@pytest.fixture
def pipeline(base: Path) -> Any:
    found = loaded(base)
    found.set_progress_bar_config(disable=True)
    return found


def encoded_by(pipeline: Any, text: str) -> tuple[Tensor, Tensor]:
    """Rows and summary, as the pipeline gives them to its transformer."""
    if "Flux" in type(pipeline).__name__:
        rows, summary, _ = pipeline.encode_prompt(text, text)
        return rows, summary
    rows, _, summary, _ = pipeline.encode_prompt(text, text, text, do_classifier_free_guidance=False)
    return rows, summary


@torch.no_grad()
def test_texts_are_encoded_as_the_pipeline_encodes_them(family: Any, pipeline: Any) -> None:
    for text in ("a red boat", "", "Zoë, à la carte; 12", "word " * 60):
        rows, summary = encoded_by(pipeline, text)
        ours = family.encode_texts([text])
        torch.testing.assert_close(ours[:, :-1], rows, rtol=0, atol=1e-6)
        torch.testing.assert_close(ours[:, -1, : summary.shape[-1]], summary, rtol=0, atol=1e-6)
        assert not ours[:, -1, summary.shape[-1] :].any()


@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_it_draws_the_picture_the_pipeline_draws(family: Any, pipeline: Any, guidance: float) -> None:
    noise = sampling.starting_noise([7], family.latent_shape(SIDE, SIDE))
    given = noise
    if "Flux" in type(pipeline).__name__:
        given = pipeline._pack_latents(noise, *noise.shape)
    theirs = pipeline("a red boat", height=SIDE, width=SIDE, num_inference_steps=3, guidance_scale=guidance,
                      latents=given, output_type="np").images[0]  # fmt: skip
    assert theirs.std() > 0.01, "a page of one colour would prove nothing"
    request = GenerationRequest(prompt="a red boat", seed=7, width=SIDE, height=SIDE, num_inference_steps=3,
                                guidance_scale=guidance, sampler="euler")  # fmt: skip
    (picture,) = generate.generate([request], family)
    levels = torch.from_numpy(np.array(picture.image)).float()
    assert (levels - torch.from_numpy(theirs * 255).round()).abs().max() <= 1


@pytest.mark.parametrize("sampler", ["dpm++", "unipc"])
def test_other_solvers_walk_the_same_way_in_smaller_steps(family: Any, sampler: str) -> None:
    with torch.no_grad():
        text = family.encode_texts(["a red boat"])
    noise = sampling.starting_noise([7], family.latent_shape(SIDE, SIDE))

    def end(sampler: str, steps: int) -> Tensor:
        walk = sampling.denoise(family, noise, text, text, sampler=sampler, steps=steps, guidance_scale=1.0,
                                guidance_rescale=0.0, precision="no")  # fmt: skip
        return list(walk)[-1].latents_BCHW

    far = (end("euler", 3) - end("euler", 60)).abs().mean()
    assert (end(sampler, 60) - end("euler", 60)).abs().mean() < far / 2


def test_a_sampler_that_knows_no_flow_is_refused(family: Any) -> None:
    with pytest.raises(UsageMistake, match="no sampler `ddim` for a base that predicts flow") as mistake:
        sampling.solver("ddim", family.scheduler_config(), flows=True)
    assert "dpm++, euler, unipc" in mistake.value.hint


def test_denoiser_and_clips_can_learn_and_are_put_back(family: Any) -> None:
    assert not any(type(network).__name__.startswith("T5") for network in family.networks.values())
    before = {part: {n: p.clone() for n, p in network.named_parameters()} for part, network in family.networks.items()}
    for method in ("lora", "full"):
        with trainable(family, Recipe(method=method, rank=2, train_text_encoder=True)) as learning:
            parts = {name.partition(".")[0] for name in learning.parameters}
            assert parts == set(family.networks) and "transformer" in parts
            learning.put({name: parameter + 1 for name, parameter in learning.weights().items()})
        for part, network in family.networks.items():
            assert all(torch.equal(p, before[part][n]) for n, p in network.named_parameters()), (method, part)


def test_attention_and_feed_forward_are_all_that_diffusers_own_trainers_name(family: Any) -> None:
    """The default layers of examples/dreambooth/train_dreambooth_lora_sd3.py and _flux.py, and no others."""
    found = family.low_rank_targets(["attention", "feed-forward", "convolution"])
    endings = ("to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out",
               "ff.net.0.proj", "ff.net.2", "ff_context.net.0.proj", "ff_context.net.2")  # fmt: skip
    named = {
        name for name, layer in family.denoiser.named_modules() if isinstance(layer, torch.nn.Linear)
        and name.endswith(endings)
    }  # fmt: skip
    single = {f"single_transformer_blocks.0.proj_{end}" for end in ("mlp", "out")} if family.kind == "flux" else set()
    assert set(found) == named | single


def test_a_base_in_parts_is_the_same_base(base: Path, family: Any, tmp_path: Path) -> None:
    loaded(base).save_pretrained(tmp_path / "parts", max_shard_size="40KB")
    assert len(list((tmp_path / "parts" / "transformer").glob("*.safetensors"))) > 1
    in_parts = catalogue.load(tmp_path / "parts")
    assert in_parts.digest == family.digest
    in_parts.restore()
    (tmp_path / "parts" / "transformer").glob("*.safetensors").__next__().unlink()
    with pytest.raises(BaseUnusable, match="is missing"):
        catalogue.load(tmp_path / "parts")


def test_t5_keeps_the_type_it_was_saved_in(bases: Callable[[str], Path], tmp_path: Path) -> None:
    from transformers import T5EncoderModel

    base = Path(shutil.copytree(bases("flux dev"), tmp_path / "base"))
    encoder = T5EncoderModel.from_pretrained(base / "text_encoder_2", local_files_only=True)
    encoder.to(torch.float16).save_pretrained(base / "text_encoder_2")
    family = catalogue.load(base)
    kinds = {name: next(network.parameters()).dtype for name, network in family.text_encoders.items()}
    assert kinds == {"text_encoder": torch.float32, "text_encoder_2": torch.bfloat16}
    with torch.no_grad():
        assert family.encode_texts(["a red boat"]).dtype == torch.float32


def test_what_does_not_fit_the_window_is_told(bases: Callable[[str], Path]) -> None:
    family = catalogue.load(bases("sd3"))
    assert family.words_cut_off("red boat") == ""
    assert family.words_cut_off("red " * 254 + "boat cat").strip() == "cat"


def test_guidance_is_heard_by_the_base_that_was_taught_to(bases: Callable[[str], Path]) -> None:
    latents, t = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([500.0])
    for name, hears in (("flux dev", True), ("flux schnell", False)):
        family = catalogue.load(bases(name))
        with torch.no_grad():
            text = family.encode_texts(["a red boat"])
            weak, strong = (family.predict(latents, t, text, guidance=strength) for strength in (1.0, 9.0))
            assert torch.equal(family.predict(latents, t, text), weak)
        assert torch.equal(weak, strong) is not hears


def test_another_way_of_mixing_in_noise_is_refused(base: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(base, tmp_path / "copy"))
    told = json.loads((copy / "scheduler" / "scheduler_config.json").read_text(encoding="utf-8"))
    (copy / "scheduler" / "scheduler_config.json").write_text(json.dumps({**told, "_class_name": "DDIMScheduler"}))
    with pytest.raises(BaseUnusable, match="DDIMScheduler"):
        catalogue.load(copy)
