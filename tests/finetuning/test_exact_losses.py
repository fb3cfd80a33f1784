"""Are twenty steps of learning what a computation by the equations says, loss by loss?

The other computation shares the network's class, the base's file, the data and the chance numbers, and no line of ours:
neither noising, target, weighting, prior preservation, low-rank updates, clipping nor AdamW.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from handstyle.diffusion import catalogue
from handstyle.diffusion.family import LatentDistribution
from handstyle.encoding.batches import Batch, Example
from handstyle.finetuning.loop import finetune
from handstyle.finetuning.material import mask_use
from handstyle.finetuning.objective import Objective, draw
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.running import Material
from handstyle.finetuning.trainable import trainable

STEPS = 20
UNMASKED = 0.25
RATE, DECAY, BETA_1, BETA_2, EPSILON, LONGEST = 1e-3, 1e-2, 0.9, 0.999, 1e-8, 1.0


def losses_by_the_equations(
    base: Path, start: dict[str, Tensor], batches: list[Batch], chance: list[tuple[Tensor, Tensor, Tensor]],
    *, scale: float | None, gamma: float | None, prior: float, masks: dict[str, Tensor],
    debiased: bool = False, huber: tuple[str, float] | None = None, from_base: bool = False,
) -> list[float]:  # fmt: skip
    """`start` are the weights that learn: `W`, or `A` and `B` with W + scale B A (Hu et al. 2021, eq. 3)."""
    network, told = network_of(base)
    flow, v = "alphas" not in told, told.get("v", False)
    weights = {name: w.clone().requires_grad_(True) for name, w in start.items()}
    mean, square = ({name: torch.zeros_like(w) for name, w in start.items()} for _ in range(2))
    losses = []
    for step, (batch, (x0_BCHW, noise_BCHW, t_B)) in enumerate(zip(batches, chance, strict=True)):
        effective = dict(network.named_parameters())
        for name, w in weights.items():
            if scale is None:
                effective[name] = w
            elif name.endswith("lora_A.weight"):
                module = name.removesuffix(".lora_A.weight")
                b = weights[f"{module}.lora_B.weight"]
                product = b.flatten(1) @ w.flatten(1)
                old = effective[f"{module}.weight"]
                effective[f"{module}.weight"] = old + scale * product.reshape(old.shape)
        if flow:  # Esser et al. 2024, eq. 13: a straight line, and its direction
            s_B = t_B.double() / 1000
            s_B111 = s_B.float()[:, None, None, None]
            x_t, target = (1 - s_B111) * x0_BCHW + s_B111 * noise_BCHW, noise_BCHW - x0_BCHW
            snr_B, per_snr_B = ((1 - s_B) / s_B) ** 2, s_B**2  # an error of x0 is s times one of the direction
        else:
            a_B = told["alphas"][t_B]
            a_B111 = a_B.float()[:, None, None, None]
            x_t = a_B111.sqrt() * x0_BCHW + (1 - a_B111).sqrt() * noise_BCHW  # Ho et al. 2020, eq. 4
            target = a_B111.sqrt() * noise_BCHW - (1 - a_B111).sqrt() * x0_BCHW if v else noise_BCHW
            snr_B = a_B / (1 - a_B)
            per_snr_B = 1 / (snr_B + 1 if v else snr_B)
        out = said_by(network, effective, x_t, t_B, batch)
        if from_base:  # of the class images: what the base says, with nothing added to its weights
            n = batch.number_of_works
            said = said_by(network, dict(network.named_parameters()), x_t, t_B, batch)
            target = torch.cat([target[:n], said[n:].detach()])
        weight_B = torch.ones(len(t_B), dtype=torch.float64)
        if gamma is not None:  # Hang et al. 2023, section 3.4
            weight_B = snr_B.clamp(max=gamma) * per_snr_B
        if debiased:  # Yu et al. 2023: 1 / sqrt(snr) of the noise's error, which v's and the direction's are a part of
            share_B = (1 - s_B) ** 2 if flow else a_B if v else torch.ones_like(a_B)
            weight_B = share_B / snr_B.clamp(max=1000).sqrt().clamp(min=1e-6)
        squares = (out - target) ** 2
        if huber is not None:  # Charbonnier's, with a bend that moves from 1 towards c (Khrapov et al. 2024)
            schedule, c = huber
            at_B = {"constant": torch.full_like(snr_B, c), "exponential": c ** (t_B.double() / 1000),
                    "snr": (1 - c) / (1 + snr_B.clamp(min=1e-12) ** -0.5) ** 2 + c}[schedule].float()  # fmt: skip
            at = at_B[:, None, None, None]
            squares = 2 * at * (torch.hypot(out - target, at.expand_as(out)) - at)
        for row, name in enumerate(batch.names):
            if name in masks:  # what counts least counts UNMASKED, and all places together as much as without a mask
                m = torch.where(masks[name] < UNMASKED, torch.full_like(masks[name], UNMASKED), masks[name])
                squares = torch.stack([s * m * m.numel() / m.sum() if r == row else s for r, s in enumerate(squares)])
        error_B = squares.mean(dim=(1, 2, 3)) * weight_B.float()
        n = batch.number_of_works
        loss = error_B[:n].mean() + (prior * error_B[n:].mean() if len(error_B) > n else 0)  # Ruiz et al. 2023, eq. 2
        losses.append(loss.item())
        slopes = dict(zip(weights, torch.autograd.grad(loss, list(weights.values())), strict=True))
        length = torch.stack([(g**2).sum() for g in slopes.values()]).sum().sqrt()
        with torch.no_grad():  # Loshchilov and Hutter 2019, algorithm 2
            for name, w in weights.items():
                g = slopes[name] * min(1.0, LONGEST / (float(length) + 1e-6))
                mean[name] = BETA_1 * mean[name] + (1 - BETA_1) * g
                square[name] = BETA_2 * square[name] + (1 - BETA_2) * g**2
                first, second = mean[name] / (1 - BETA_1 ** (step + 1)), square[name] / (1 - BETA_2 ** (step + 1))
                w -= RATE * (first / (second.sqrt() + EPSILON) + DECAY * w)
    return losses


def network_of(base: Path) -> tuple[Any, dict[str, Any]]:
    """The network in fp32, and what is known of its noise."""
    import diffusers

    part = "transformer" if (base / "transformer").is_dir() else "unet"
    library = getattr(diffusers, json.loads((base / part / "config.json").read_text())["_class_name"])
    network = library.from_pretrained(base / part).requires_grad_(False)
    if part == "transformer":
        return network, {}
    scheduler = diffusers.DDPMScheduler.from_pretrained(base / "scheduler")
    v = scheduler.config.prediction_type == "v_prediction"
    return network, {"alphas": scheduler.alphas_cumprod.double(), "v": v}


def said_by(network: Any, weights: dict[str, Tensor], x_t: Tensor, t_B: Tensor, batch: Batch) -> Tensor:
    """As each pipeline calls its network."""
    rows, config = batch.conditioning_BLD, network.config
    name = type(network).__name__
    if name == "FluxTransformer2DModel":
        b, c, h, w = x_t.shape
        tokens = x_t.reshape(b, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(b, h * w // 4, 4 * c)
        ids = torch.tensor([[0, y, x] for y in range(h // 2) for x in range(w // 2)]).float()
        given = {"guidance": torch.ones(b), "pooled_projections": rows[:, -1, : config.pooled_projection_dim],
                 "encoder_hidden_states": rows[:, :-1], "txt_ids": torch.zeros(rows.shape[1] - 1, 3), "img_ids": ids,
                 "timestep": t_B / 1000}  # fmt: skip
        out = functional_call(network, weights, (tokens,), given).sample
        return out.reshape(b, h // 2, w // 2, c, 2, 2).permute(0, 3, 1, 4, 2, 5).reshape(b, c, h, w)
    if name == "SD3Transformer2DModel":
        given = {"timestep": t_B, "encoder_hidden_states": rows[:, :-1],
                 "pooled_projections": rows[:, -1, : config.pooled_projection_dim]}  # fmt: skip
        return functional_call(network, weights, (x_t,), given).sample
    given = {"encoder_hidden_states": rows}
    if config.addition_embed_type == "text_time":  # Podell et al. 2023, section 2.2
        high, wide = (2 * side for side in x_t.shape[2:])
        sizes = torch.tensor([[*size, high, wide] for size in batch.sizes_B4.tolist()]).float()
        summary = rows[:, -1, : config.projection_class_embeddings_input_dim - 48]
        given = {"encoder_hidden_states": rows[:, :-1],
                 "added_cond_kwargs": {"text_embeds": summary, "time_ids": sizes}}  # fmt: skip
    return functional_call(network, weights, (x_t, t_B), given).sample


def material_for(family: Any, recipe: Recipe, masks: dict[str, Tensor]) -> Material:
    """Five works and three class images of chance, each with a size of its own; the second and the fourth in another
    bucket, where there are buckets, and a class image with them."""
    use = mask_use(recipe)
    another = {"bee", "dog", "class 1"} if recipe.enable_bucket else set()

    def example(name: str, seed: int) -> Example:
        chance = torch.Generator().manual_seed(seed)
        shape = (4, 6, 10) if name in another else (4, 8, 8)
        latents = LatentDistribution(torch.randn(shape, generator=chance), torch.rand(shape, generator=chance))
        with torch.no_grad():
            words = family.encode_texts([f"{name}, hndst drawing"])[0]
        weights = (use.weights(masks[name]),) if use and name in masks else ()
        return Example(name, (latents,), name, words, (16 + seed, 16, seed // 2, 0), weights=weights)

    works = tuple(example(name, n) for n, name in enumerate(["ant", "bee", "cow", "dog", "elk"]))
    prior = tuple(example(f"class {n}", 10 + n) for n in range(3 if recipe.with_prior_preservation else 0))
    with torch.no_grad():
        return Material(recipe, works, prior, "", family.encode_texts([""])[0])


def compared(base: Path, **settings: Any) -> None:
    family = catalogue.load(base)
    recipe = Recipe(
        rank=2, lora_alpha=6, max_train=f"{STEPS} steps", train_batch_size=2, mixed_precision="no", learning_rate=RATE,
        lr_scheduler="constant", lr_warmup_steps=0, adam_weight_decay=DECAY, max_grad_norm=LONGEST, caption_dropout=0.3,
        **settings,
    )  # fmt: skip
    masks = {name: torch.rand(1, 8, 8) for name in ("ant", "cow", "elk")} if recipe.masked_loss else {}
    material = material_for(family, recipe, masks)
    batches = [material.batch_at(step) for step in range(STEPS)]
    chance = [draw(batch, family, recipe.seed, step, Objective.of(recipe)) for step, batch in enumerate(batches)]
    with trainable(family, recipe) as learning:
        start = {name.partition(".")[2]: w for name, w in learning.weights().items()}
        ours = [step.loss for step in finetune(family, material.batch_at, learning, recipe, STEPS, None)]
    theirs = losses_by_the_equations(
        base, start, batches, chance, gamma=recipe.snr_gamma, prior=recipe.prior_loss_weight,
        scale=recipe.lora_alpha / recipe.rank if recipe.method == "lora" else None, masks=masks,
        debiased=recipe.debiased_estimation_loss, from_base=recipe.prior_target == "base",
        huber=(recipe.huber_schedule, recipe.huber_c) if recipe.loss_type == "huber" else None,
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
