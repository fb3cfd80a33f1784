"""Are twenty steps of learning what a computation by the equations says, loss by loss?

The other computation is that of `equations.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.finetuning.equations import DECAY, LONGEST, RATE, UNMASKED, losses_by_the_equations
from tests.finetuning.word_equations import Word
from torch import Tensor

from handstyle.diffusion import catalogue
from handstyle.diffusion.family import LatentDistribution
from handstyle.encoding.batches import Example
from handstyle.finetuning.loop import finetune
from handstyle.finetuning.material import mask_use
from handstyle.finetuning.objective import Objective, draw
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.running import Material
from handstyle.finetuning.suiting import suit
from handstyle.finetuning.trainable import trainable

STEPS = 20


def material_for(family: Any, recipe: Recipe, masks: dict[str, Tensor]) -> Material:
    """Five works and three class images of chance, each with a size of its own; the second and the fourth in another
    bucket, where there are buckets, and a class image with them."""
    use = mask_use(recipe)
    another = {"bee", "dog", "class 1"} if recipe.enable_bucket else set()

    def example(name: str, seed: int) -> Example:
        chance = torch.Generator().manual_seed(seed)
        shape = (4, 6, 10) if name in another else (4, 8, 8)
        latents = LatentDistribution(torch.randn(shape, generator=chance), torch.rand(shape, generator=chance))
        text = f"{name}, hndst drawing"
        with torch.no_grad():
            words = family.encode_texts([text])[0]
        weights = (use.weights(masks[name]),) if use and name in masks else ()
        return Example(name, (latents,), text, words, (16 + seed, 16, seed // 2, 0), weights=weights)

    works = tuple(example(name, n) for n, name in enumerate(["ant", "bee", "cow", "dog", "elk"]))
    prior = tuple(example(f"class {n}", 10 + n) for n in range(3 if recipe.with_prior_preservation else 0))
    with torch.no_grad():
        return Material(recipe, works, prior, "", family.encode_texts([""])[0])


def named(name: str) -> str:
    """As the denoiser's own parameters are; the vectors of a word with the text encoder they belong to."""
    return name if name.endswith(".emb_params") else name.partition(".")[2]


def compared(base: Path, **settings: Any) -> None:
    family = catalogue.load(base)
    recipe = Recipe(
        rank=2, lora_alpha=6, max_train=f"{STEPS} steps", train_batch_size=2, mixed_precision="no", learning_rate=RATE,
        lr_scheduler="constant", lr_warmup_steps=0, adam_weight_decay=DECAY, max_grad_norm=LONGEST, caption_dropout=0.3,
        **settings,
    )  # fmt: skip
    masks = {name: torch.rand(1, 8, 8) for name in ("ant", "cow", "elk")} if recipe.masked_loss else {}
    suit(family, recipe)
    material = material_for(family, recipe, masks)
    batches = [material.batch_at(step) for step in range(STEPS)]
    chance = [draw(batch, family, recipe.seed, step, Objective.of(recipe)) for step, batch in enumerate(batches)]
    with trainable(family, recipe) as learning:
        start = {named(name): w for name, w in learning.weights().items()}
        ours = [step.loss for step in finetune(family, material.batch_at, learning, recipe, STEPS, None)]
    word = Word(base, recipe.identifier, recipe.token_lr, recipe.train_text_encoder_ti_frac * STEPS)
    theirs = losses_by_the_equations(
        base, start, batches, chance, gamma=recipe.snr_gamma, prior=recipe.prior_loss_weight,
        scale=recipe.lora_alpha / recipe.rank if recipe.method == "lora" else None, masks=masks,
        debiased=recipe.debiased_estimation_loss, from_base=recipe.prior_target == "base",
        huber=(recipe.huber_schedule, recipe.huber_c) if recipe.loss_type == "huber" else None,
        algo=recipe.algo, word=word if recipe.teaches_a_word else None, ends_in_noise=recipe.rescale_betas_zero_snr,
    )  # fmt: skip
    assert ours == pytest.approx(theirs, rel=1e-5, abs=1e-5)
    assert max(theirs) - min(theirs) > 0.01, "losses that stand still would show nothing"


BASES = ["tiny_base", "epsilon_base", "xl_base", "sd3_base", "flux_base"]  # v; epsilon; with sizes; flow


@pytest.mark.parametrize("prior", [False, True], ids=["works alone", "prior"])
@pytest.mark.parametrize("gamma", [None, 5.0], ids=["plain", "min-SNR"])
@pytest.mark.parametrize("base", BASES)
def test_low_rank_losses_over_twenty_steps_are_those_of_the_equations(
    base: str, gamma: float | None, prior: bool, request: pytest.FixtureRequest
) -> None:
    settings = {"with_prior_preservation": True, "prior_loss_weight": 0.7} if prior else {}
    compared(request.getfixturevalue(base), snr_gamma=gamma, **settings)


@pytest.mark.parametrize("base", BASES)
def test_so_are_those_of_a_full_finetuning(base: str, request: pytest.FixtureRequest) -> None:
    compared(request.getfixturevalue(base), method="full", snr_gamma=5.0, with_prior_preservation=True)


MASKED = {"masked_loss": True, "unmasked_weight": UNMASKED, "normalize_masked_area_loss": True}


@pytest.mark.parametrize("base", BASES)
def test_so_are_those_with_masks(base: str, request: pytest.FixtureRequest) -> None:
    compared(request.getfixturevalue(base), snr_gamma=5.0, with_prior_preservation=True, **MASKED)


@pytest.mark.parametrize("base", BASES)
def test_so_are_those_of_works_in_buckets(base: str, request: pytest.FixtureRequest) -> None:
    compared(request.getfixturevalue(base), snr_gamma=5.0, with_prior_preservation=True, enable_bucket=True)


@pytest.mark.parametrize("base", BASES)
def test_so_are_those_of_a_debiased_loss(base: str, request: pytest.FixtureRequest) -> None:
    compared(request.getfixturevalue(base), snr_gamma=None, debiased_estimation_loss=True, with_prior_preservation=True)


@pytest.mark.parametrize("base", BASES)
def test_so_are_those_that_keep_to_what_the_base_says(base: str, request: pytest.FixtureRequest) -> None:
    compared(request.getfixturevalue(base), snr_gamma=5.0, with_prior_preservation=True, prior_target="base")


@pytest.mark.parametrize("base", BASES)
def test_so_are_those_where_a_style_is_decided(base: str, request: pytest.FixtureRequest) -> None:
    compared(request.getfixturevalue(base), snr_gamma=None, style_friendly_sampling=True, log_snr_mean=-3.0)


@pytest.mark.parametrize("schedule", ["snr", "exponential", "constant"])
@pytest.mark.parametrize("base", BASES)
def test_so_are_those_of_a_huber_loss(base: str, schedule: str, request: pytest.FixtureRequest) -> None:
    settings = {"loss_type": "huber", "huber_schedule": schedule, "huber_c": 0.2, "noise_offset": 0.1}
    compared(request.getfixturevalue(base), snr_gamma=None, with_prior_preservation=True, **settings)


@pytest.mark.parametrize("algo", ["dora", "loha", "lokr", "oft"])
@pytest.mark.parametrize("base", [BASES[0], *(pytest.param(base, marks=pytest.mark.slow) for base in BASES[1:])])
def test_so_are_those_of_other_adapters(base: str, algo: str, request: pytest.FixtureRequest) -> None:
    compared(request.getfixturevalue(base), snr_gamma=5.0, algo=algo)


@pytest.mark.parametrize("settings", [{"algo": "textual-inversion", "num_vectors": 2}, {
    "train_text_encoder_ti": True, "train_text_encoder_ti_frac": 0.5, "with_prior_preservation": True}],
    ids=["alone", "pivotal"])  # fmt: skip
@pytest.mark.parametrize("base", ["tiny_base", pytest.param("epsilon_base", marks=pytest.mark.slow), "xl_base"])
def test_so_are_those_of_a_new_word(base: str, settings: dict[str, Any], request: pytest.FixtureRequest) -> None:
    compared(request.getfixturevalue(base), snr_gamma=5.0, token_lr=0.1, **settings)


@pytest.mark.parametrize("gamma", [None, 5.0], ids=["plain", "min-SNR"])
def test_so_are_those_down_to_nothing_but_noise(v_base: Path, gamma: float | None) -> None:
    compared(v_base, snr_gamma=gamma, rescale_betas_zero_snr=True, with_prior_preservation=True)


@pytest.mark.parametrize(
    "slip",
    [
        lambda given: {**given, "gamma": 4.0},
        lambda given: {**given, "prior": 1.0},
        lambda given: {**given, "scale": 1.0},
        lambda given: {**given, "masks": {}},
        lambda given: {**given, "from_base": True},
    ],
    ids=[
        "another gamma",
        "another weight of the prior",
        "alpha as large as the rank",
        "without masks",
        "another target of the prior",
    ],
)
def test_a_slip_in_one_number_would_be_seen(
    epsilon_base: Path, slip: Callable[[dict[str, Any]], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = losses_by_the_equations
    monkeypatch.setitem(globals(), "losses_by_the_equations", lambda *given, **named: exact(*given, **slip(named)))
    with pytest.raises(AssertionError):
        compared(epsilon_base, snr_gamma=5.0, with_prior_preservation=True, prior_loss_weight=0.7, **MASKED)


WORD = {"train_text_encoder_ti": True, "train_text_encoder_ti_frac": 0.5, "token_lr": 0.1}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "slip"),
    [
        ({"algo": "dora"}, {"scale": 1.0}),
        ({"algo": "loha"}, {"scale": 1.0}),
        ({"algo": "lokr", "lokr_factor": 2}, {"scale": 1.0}),
        ({"algo": "oft"}, {"half the angle": True}),  # which of both ways it turns is no matter: Q learns its sign
        (WORD, {"rate": 0.08}),
        (WORD, {"until": STEPS}),
        (WORD, {"pull": 0.0}),
        (WORD, {"called": "drawing"}),
        ({"rescale_betas_zero_snr": True}, {"ends_in_noise": False}),
    ],
    ids=str,
)
def test_so_would_one_in_an_adapter_or_a_word_or_the_end_of_the_noise(
    v_base: Path, settings: dict[str, Any], slip: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = losses_by_the_equations

    def slipped(*given: Any, **named: Any) -> list[float]:
        for key in slip.keys() & vars(named["word"]).keys() if named["word"] else ():
            setattr(named["word"], key, slip[key])
        if "half the angle" in slip:
            monkeypatch.setattr(torch.linalg, "inv", lambda matrix: torch.eye(matrix.shape[-1]))
        return exact(*given, **{**named, **{key: slip[key] for key in slip.keys() & named.keys()}})

    compared(v_base, snr_gamma=5.0, **settings)
    monkeypatch.setitem(globals(), "losses_by_the_equations", slipped)
    with pytest.raises(AssertionError):
        compared(v_base, snr_gamma=5.0, **settings)
