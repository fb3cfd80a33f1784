"""Is a base no better than itself, and given its best words?"""

from __future__ import annotations

import pytest
import torch

from handstyle.inspection.fidelity import held_out_gain


def test_a_base_gains_nothing_over_itself() -> None:
    errors = torch.rand(16, 20, generator=torch.Generator().manual_seed(0))
    gain = held_out_gain({"{caption}": errors}, errors.clone(), timesteps=range(16), further=True)
    assert gain.gain == 0
    assert (gain.interval.low, gain.interval.high) == (0, 0)


def test_the_base_gets_the_prompt_that_suits_it_best() -> None:
    errors = torch.rand(2, 5, generator=torch.Generator().manual_seed(0))
    tried = {"poor": errors + 0.2, "best": errors, "fair": errors + 0.1}
    gain = held_out_gain(tried, errors - 0.05, timesteps=[250, 750], further=False)
    assert gain.base_prompt == "best"
    assert gain.gain == pytest.approx(0.05, abs=1e-6)
    assert gain.gain == pytest.approx(gain.base_error - gain.style_error, abs=1e-6)
    assert gain.interval.low == pytest.approx(0.05, abs=1e-6), "the same gain on every drawing is beyond doubt"
    assert set(gain.base_prompts_tried) == set(tried)
    assert gain.drawings == "works left out of training" and gain.number_of_drawings == 5


def test_each_noise_level_counts_alike() -> None:
    base = torch.tensor([[1.0, 3.0], [10.0, 30.0]])
    style = torch.tensor([[0.0, 0.0], [10.0, 40.0]])
    gain = held_out_gain({"{caption}": base}, style, timesteps=[100, 900], further=True)
    assert gain.gain == pytest.approx(-1.5)  # ((1 + 0) / 2 + (3 - 10) / 2) / 2
    assert [(level.timestep, level.base, level.style) for level in gain.by_noise_level] == [(100, 2, 0), (900, 20, 25)]


def test_bands_and_the_share_of_what_can_be_gained_are_told() -> None:
    base = torch.full((16, 9), 0.5)
    gain = held_out_gain(
        {"{caption}": base}, base - 0.1, timesteps=range(16), further=True, oracle_errors_LN=base - 0.4
    )
    assert [len(band.timesteps) for band in gain.bands] == [4, 4, 4, 4]
    assert gain.normalised is not None and gain.normalised.share == pytest.approx(0.25)
    assert held_out_gain({"{caption}": base}, base - 0.1, timesteps=range(16), further=True).normalised is None
