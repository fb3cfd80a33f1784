"""How near the truth is a style: does it predict real drawings, never trained on, better than the base?

No sampling and no taste: both models remove the same noise from the same drawings.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from handstyle.finetuning.gain import gain_of
from handstyle.inspection.report import HeldOutGain, NoiseLevel


def held_out_gain(
    base_errors: dict[str, Tensor],
    style_errors_LN: Tensor,
    *,
    timesteps: Sequence[int],
    further: bool,
    oracle_errors_LN: Tensor | None = None,
) -> HeldOutGain:
    """`base_errors` are by prompt template; the base gets the one that suits it best over all drawings."""
    tried = {template: float(errors_LN.mean()) for template, errors_LN in base_errors.items()}
    best = min(tried, key=lambda template: tried[template])
    base_LN = base_errors[best]
    oracle = None if oracle_errors_LN is None else oracle_errors_LN.double().numpy()
    gain = gain_of(base_LN.double().numpy(), style_errors_LN.double().numpy(), timesteps, oracle)
    return HeldOutGain(
        drawings="further drawings" if further else "works left out of training",
        number_of_drawings=gain.number_of_drawings,
        base_prompt=best,
        base_error=tried[best],
        style_error=float(style_errors_LN.mean()),
        gain=gain.gain,
        interval=gain.interval,
        by_noise_level=tuple(
            NoiseLevel(timestep=timestep, base=float(base), style=float(style))
            for timestep, base, style in zip(timesteps, base_LN.mean(1), style_errors_LN.mean(1), strict=True)
        ),
        bands=gain.bands,
        normalised=gain.normalised,
        base_prompts_tried=tried,
    )
