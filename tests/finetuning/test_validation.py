"""Is the error on unseen drawings the same number however it is computed?"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from handstyle.finetuning import validation
from handstyle.finetuning.validation import Drawings, denoising_errors, nearest_template, noise_levels, yardstick


def drawings(number: int = 6) -> Drawings:
    latents = torch.randn(number, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    return Drawings(tuple(f"drawing {n}" for n in range(number)), tuple(latents))


def test_noise_levels_are_the_middles_of_equal_parts() -> None:
    assert noise_levels(1000) == [int(31.25 + 62.5 * n) for n in range(16)]
    assert noise_levels(1000, 4) == [125, 375, 625, 875]


@pytest.mark.slow
def test_errors_do_not_depend_on_the_batch(family: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = drawings()
    whole = denoising_errors(family, shown, shown.captions, "no")
    assert whole.shape == (16, 6) and (whole > 0).all()
    for size in (1, 4):
        monkeypatch.setattr(validation, "BATCH", size)
        torch.testing.assert_close(denoising_errors(family, shown, shown.captions, "no"), whole, rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_an_error_is_the_mean_square_of_what_is_missed(family: Any) -> None:
    shown = drawings(2)
    errors = denoising_errors(family, shown, shown.captions, "no", levels=3)
    for row, timestep in enumerate(noise_levels(1000, 3)):
        chance = validation.generator(validation.NOISE_SEED, "held out", timestep)
        noise, a = torch.randn(torch.stack(shown.latents).shape, generator=chance), family.noise.signal_T[timestep]
        x_t = a.sqrt() * torch.stack(shown.latents) + (1 - a).sqrt() * noise
        v = a.sqrt() * noise - (1 - a).sqrt() * torch.stack(shown.latents)
        missed = family.predict(x_t, torch.tensor([timestep] * 2), family.encode_texts(shown.captions)) - v
        torch.testing.assert_close(errors[row], (missed**2).flatten(1).mean(1), rtol=1e-5, atol=1e-6)


def test_every_model_meets_the_same_noise(family: Any) -> None:
    shown = drawings()
    torch.manual_seed(1)
    one = denoising_errors(family, shown, shown.captions, "no")
    torch.manual_seed(2)
    assert torch.equal(one, denoising_errors(family, shown, shown.captions, "no"))
    assert not torch.allclose(one, denoising_errors(family, shown, ["something else"] * 6, "no"))


def test_the_yardstick_gives_the_base_its_best_words_and_no_dropout(family: Any) -> None:
    shown, templates = drawings(), ["{caption}", "{caption} by night", "red"]
    found = yardstick(family, shown, templates, "no")
    tried = {
        template: denoising_errors(family, shown, [template.replace("{caption}", c) for c in shown.captions], "no", 4)
        for template in templates
    }
    assert float(found.base_errors_LN.mean()) == min(float(errors.mean()) for errors in tried.values())
    assert found.base_prompt == nearest_template(family, shown, templates, "no")
    same = found.gain(found.base_errors_LN)
    assert (same.gain, same.interval.low, same.interval.high) == (0, 0, 0) and len(same.bands) == 4
    family.denoiser.train()
    try:
        assert yardstick(family, shown, templates, "no").base_prompt == found.base_prompt
        assert family.denoiser.training
    finally:
        family.denoiser.eval()


def test_larger_drawings_are_measured_in_smaller_parts() -> None:
    rows = [validation.rows_at_once(torch.zeros(40, 4, side, side)) for side in (8, 16, 32, 64, 128)]
    assert rows == [32, 32, 8, 2, 1]
