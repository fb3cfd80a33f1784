"""Which losses follow from the equations, step by step?

Plain lines that share the network's class, the base's file, the data and the chance numbers with ours, and no line:
neither noising, target, weighting, prior preservation, adapters, new words, clipping nor AdamW.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tests.finetuning.adapter_equations import changed
from tests.finetuning.word_equations import Word
from torch import Tensor
from torch.func import functional_call

from handstyle.encoding.batches import Batch

UNMASKED = 0.25
RATE, DECAY, BETA_1, BETA_2, EPSILON, LONGEST = 1e-3, 1e-2, 0.9, 0.999, 1e-8, 1.0


def losses_by_the_equations(
    base: Path, start: dict[str, Tensor], batches: list[Batch], chance: list[tuple[Tensor, Tensor, Tensor]],
    *, scale: float | None, gamma: float | None, prior: float, masks: dict[str, Tensor],
    debiased: bool = False, huber: tuple[str, float] | None = None, from_base: bool = False,
    algo: str = "lora", word: Word | None = None, ends_in_noise: bool = False,
) -> list[float]:  # fmt: skip
    """`start` are the weights that learn: `W` where there is no `scale`, or what an adapter changes it by."""
    network, told = network_of(base)
    if ends_in_noise:  # Lin et al. 2024, algorithm 1
        root_T = told["alphas"].sqrt()
        told["alphas"] = ((root_T - root_T[-1]) * root_T[0] / (root_T[0] - root_T[-1])) ** 2
    flow, v = "alphas" not in told, told.get("v", False)
    weights = {name: w.clone().requires_grad_(True) for name, w in start.items()}
    mean, square = ({name: torch.zeros_like(w) for name, w in start.items()} for _ in range(2))
    losses = []
    for step, (batch, (x0_BCHW, noise_BCHW, t_B)) in enumerate(zip(batches, chance, strict=True)):
        own = dict(network.named_parameters())
        effective = {**own, **(weights if scale is None else changed(own, weights, algo, scale))}
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
        rows_BLD = word.read(batch.texts, weights) if word else batch.conditioning_BLD
        out = said_by(network, effective, x_t, t_B, batch, rows_BLD)
        if from_base:  # of the class images: what the base says, with nothing added to its weights
            n = batch.number_of_works
            said = said_by(network, own, x_t, t_B, batch, batch.conditioning_BLD)
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
                rate = word.rate_at(step) if word and word.is_its(name) else RATE
                w -= rate * (first / (second.sqrt() + EPSILON) + DECAY * w)
            if word:
                word.draw_back(weights, step)
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


def said_by(network: Any, weights: dict[str, Tensor], x_t: Tensor, t_B: Tensor, batch: Batch, rows: Tensor) -> Tensor:
    """As each pipeline calls its network."""
    config = network.config
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
