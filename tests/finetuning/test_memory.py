"""Is the memory of a run said before it is taken?"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.conftest import copy_six_works

from handstyle.diffusion import latent_diffusion
from handstyle.diffusion.catalogue import EMBEDDED
from handstyle.diffusion.hardware import Hardware
from handstyle.diffusion.held_bytes import Held, without_numbers
from handstyle.errors import HandstyleError
from handstyle.finetuning import defaults, memory
from handstyle.finetuning.memory import Demand, Level, Looks
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trainable import trainable

NONE = Looks(0, 0)
FULL = {"method": "full", "train_batch_size": 2}


@pytest.fixture
def demand(family: Any, recipe: Callable[..., Recipe], material: Any) -> Callable[..., Demand]:
    def of(looks: Looks = NONE, **settings: Any) -> Demand:
        chosen = recipe(**settings)
        with trainable(family, chosen) as learning:
            found = memory.demand(family, learning, material(chosen).batch_at(0), chosen, looks)
        assert found is not None
        return found

    return of


def test_beside_a_step_stands_what_the_optimiser_keeps(
    family: Any, recipe: Callable[..., Recipe], demand: Callable[..., Demand]
) -> None:
    with trainable(family, recipe(**FULL)) as learning:
        numbers = learning.number_of_parameters
    plain, averaged = demand(**FULL), demand(**FULL, ema_decay=0.9)
    assert 8 * numbers <= plain.step - plain.trial < 8.2 * numbers, "AdamW: two averages in fp32"
    assert averaged.step - plain.step == 4 * numbers
    assert demand(**FULL, optimizer="adafactor").step < plain.step


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ({"train_batch_size": 4}, {"train_batch_size": 2}),
        ({"train_batch_size": 4}, {"train_batch_size": 4, "gradient_checkpointing": True}),
        (FULL, {**FULL, "optimizer_in_backward": True}),
        ({"optimizer": "prodigy", "learning_rate": 1}, {}),
        ({"train_text_encoder": True, "text_encoder_lr": 1e-3}, {}),
        ({"rank": 16, "lora_alpha": 16}, {}),
    ],
    ids=["a larger batch", "checkpointing", "updates on the way back", "prodigy", "the text encoder", "a higher rank"],
)
def test_what_takes_more_is_said_to_take_more(
    more: dict[str, Any], less: dict[str, Any], demand: Callable[..., Demand]
) -> None:
    assert demand(**more).step > demand(**less).step


def test_pictures_are_decoded_in_pieces_of_so_many_pixels(family: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def takes(pictures: int) -> int:
        with without_numbers() as copied, Held() as held:
            copied(family).decode_latents(torch.zeros(pictures, *family.latent_shape(64, 64)))
            return held.most()

    pixels = 4 * 3 * 64 * 64  # bytes of a picture; in the decoder it has many more channels
    together = takes(4)
    monkeypatch.setattr(latent_diffusion, "PIXELS_AT_ONCE", 64 * 64)
    assert takes(8) - takes(1) <= 4 * 7 * pixels
    assert together > takes(4)


def test_a_picture_is_decoded_the_same_in_any_piece(family: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    latents_BCHW = torch.randn(5, *family.latent_shape(64, 64), generator=torch.Generator().manual_seed(0))
    together = family.decode_latents(latents_BCHW)
    monkeypatch.setattr(latent_diffusion, "PIXELS_AT_ONCE", 2 * 64 * 64)
    torch.testing.assert_close(family.decode_latents(latents_BCHW), together, atol=1e-4, rtol=0)


@pytest.mark.parametrize("algo", ["dora", "loha", "lokr", "oft"])
def test_every_adapter_can_be_counted(algo: str, demand: Callable[..., Demand]) -> None:
    assert demand(algo=algo).step > 0


def test_drawings_that_are_measured_and_samples_count_by_their_number(demand: Callable[..., Demand]) -> None:
    none, few, many = demand(), demand(Looks(2, 1)), demand(Looks(32, 1))
    assert none.looking < few.looking < many.looking == demand(Looks(500, 1)).looking, "32 of this size at once"
    assert few.step == many.step
    assert demand(Looks(0, 4)).looking > demand(Looks(0, 1)).looking


def test_counting_changes_nothing(family: Any, recipe: Callable[..., Recipe], material: Any) -> None:
    chosen = recipe(method="full", ema_decay=0.9)
    with trainable(family, chosen) as learning:
        before = learning.weights()
        memory.demand(family, learning, material(chosen).batch_at(0), chosen, Looks(2, 1))
        assert all(bool((before[name] == own).all()) for name, own in learning.parameters.items())
        assert all(own.grad is None for own in learning.parameters.values())


def test_a_run_that_would_not_fit_is_refused_before_it_is_tried(
    family: Any, recipe: Callable[..., Recipe], material: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = Hardware("cpu", "some processor", 1, 1 << 20, fast_bf16=False)
    monkeypatch.setattr(memory, "hardware", lambda: small)
    for trial in ("trial_step", "trial_look"):
        monkeypatch.setattr(memory, trial, lambda family, *rest: _only_counted(family))
    chosen = recipe(method="full")
    with trainable(family, chosen) as learning, pytest.raises(HandstyleError, match=r"the machine has 0\.0 GB") as told:
        defaults.expect(family, learning, material(chosen).batch_at(0), chosen, 5, looks=Looks(2, 1))
    assert "gradient_checkpointing = true" in told.value.hint and "optimizer_in_backward" in told.value.hint


def _only_counted(family: Any) -> None:
    assert type(next(family.denoiser.parameters()).data).__name__ == "FakeTensor", "a step was tried"


def test_what_a_trial_takes_beside_its_tensors_is_taken_again() -> None:
    level, counted = Level(held=1000, freed=50, peak=1200), Demand(trial=400, step=700, looking=300)
    assert level.with_trial(counted, resident=1500) == {
        "beginning": 1200,
        "step": 1000 + 700 + 100,
        "samples and measuring": 1000 + 300 + 100,
    }
    much_freed = Level(held=1000, freed=900, peak=1200)
    unseen = much_freed.with_trial(counted, resident=1905)["step"]
    assert unseen == 1000 + 700 + 60, "a trial that fits into what was freed before shows nothing"


def test_expectations_say_the_parts(family: Any, recipe: Callable[..., Recipe], material: Any) -> None:
    chosen = recipe()
    with trainable(family, chosen) as learning:
        expected = defaults.expect(family, learning, material(chosen).batch_at(0), chosen, 5, looks=Looks(2, 1))
    assert expected.memory == max(expected.parts.values())
    assert "beginning " in str(expected) and "step " in str(expected)


# Whole runs, with their samples. Of both numbers what the interpreter and its libraries take is left out.

BEST = 0.15
OWN = (
    "import handstyle.stages, handstyle.loading, handstyle.finetuning.loop, torch, peft\n"
    "from diffusers import AutoencoderKL, UNet2DConditionModel\n"
    "from transformers import AutoTokenizer, CLIPTextModel, CLIPTokenizer\n"
    "import psutil; print(psutil.Process().memory_info().rss)"
)
RUNS: dict[str, tuple[str, list[str]]] = {
    "low-rank, a larger denoiser": ("larger", ["resolution=256", "train_batch_size=2", "rank=16", "lora_alpha=16"]),
    "low-rank, a larger denoiser in 8 bits": (
        "larger",
        ["resolution=256", "train_batch_size=2", "rank=16", "lora_alpha=16", "base_model_precision=int8"],
    ),
    "low-rank, a larger autoencoder": ("wider", ["resolution=256", "train_batch_size=1"]),
    "full, the embedded base": ("embedded", ["method=full", "train_batch_size=8"]),
    "low-rank with checkpointing, larger pictures": (
        "embedded",
        ["resolution=128", "train_batch_size=4", "gradient_checkpointing=true"],
    ),
}


def handstyle(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "handstyle", *arguments, "--json"], stdout=subprocess.PIPE, text=True, check=False
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == 0, answer
    return answer


def made_by_chance(folder: Path, autoencoder: Any, block_out_channels: tuple[int, int, int]) -> Path:
    """A base in the shape of Stable Diffusion 1, for pictures of 256 pixels."""
    from diffusers import DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    channels = autoencoder.config.latent_channels
    StableDiffusionPipeline(
        unet=UNet2DConditionModel(
            sample_size=32,
            in_channels=channels,
            out_channels=channels,
            layers_per_block=1,
            block_out_channels=block_out_channels,
            down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=256,
        ),
        vae=autoencoder,
        text_encoder=CLIPTextModel.from_pretrained(EMBEDDED / "text_encoder"),
        tokenizer=CLIPTokenizer.from_pretrained(EMBEDDED / "tokenizer"),
        scheduler=DDIMScheduler.from_pretrained(EMBEDDED / "scheduler"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    (folder / "handstyle.toml").write_text("num_inference_steps = 2\n")
    return folder


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Arguments. One holds most in a step, of some sixty million numbers; one while it decodes, as a picture of 256
    pixels has 64 channels and more in there."""
    from diffusers import AutoencoderKL

    torch.manual_seed(0)
    place = tmp_path_factory.mktemp("bases")
    wide = AutoencoderKL(
        block_out_channels=(64, 128, 256, 256),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=4,
    )
    larger = made_by_chance(place / "larger", AutoencoderKL.from_pretrained(EMBEDDED / "vae"), (128, 256, 384))
    wider = made_by_chance(place / "wider", wide, (64, 128, 192))
    return {"embedded": [], "larger": ["--base", str(larger)], "wider": ["--base", str(wider)]}


@pytest.fixture(scope="module")
def own_size() -> int:
    """Of the interpreter with the libraries, before a base is loaded; bytes."""
    return int(subprocess.run([sys.executable, "-c", OWN], stdout=subprocess.PIPE, text=True, check=True).stdout)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    works, place = copy_six_works(tmp_path_factory.mktemp("desk") / "works"), tmp_path_factory.mktemp("desk")
    handstyle("collect", str(works), "--rights", str(works / "rights.toml"), "--workspace", str(place))
    return ["--workspace", str(place)]


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_the_dry_run_predicts_the_peak_of_the_run_within_fifteen_per_cent(
    name: str, bases: dict[str, list[str]], desk: list[str], own_size: int
) -> None:
    kind, settings = RUNS[name]
    if "base_model_precision=int8" in settings:
        pytest.importorskip("bitsandbytes")
    chosen = [part for one in (*settings, "max_train=3 steps") for part in ("--set", one)]
    asked = ["finetune", *bases[kind], *chosen, "--stop", "max_train"]
    predicted = handstyle(*asked, *desk, "--dry-run")["peak_memory_bytes"]
    measured = handstyle(*asked, *desk)["peak_memory_bytes"]
    share = (predicted - measured) / (measured - own_size)
    said, took, own = (size / 1e6 for size in (predicted, measured, own_size))
    print(f"{name}: {said:.0f} MB said, {took:.0f} MB taken, of it {own:.0f} MB without a base: {share:+.1%}")
    assert abs(share) <= BEST
