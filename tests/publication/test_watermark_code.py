"""Does the code mend what it promises, and refuse what it cannot read?"""

from __future__ import annotations

import numpy as np
import pytest

from handstyle.publication.watermark_code import SIGNS, THRESHOLD, read, signs_of

PAYLOAD = b"\x01\x80\xff\x00\x7e\x2a"


def test_every_byte_value_comes_back() -> None:
    for value in range(0, 256, 5):
        payload = bytes([value, 255 - value, 0, value ^ 0x5A, 1, 128])
        found = read(signs_of(payload))
        assert found is not None and found.payload == payload and found.bits_mended == 0
        assert found.score == pytest.approx(np.sqrt(SIGNS))


def test_a_quarter_of_the_signs_may_be_wrong() -> None:
    chance = np.random.default_rng(1)
    for _ in range(50):
        signs = signs_of(PAYLOAD) * np.where(chance.random(SIGNS) < 0.25, -1, 1)
        found = read(signs)
        assert found is not None and found.payload == PAYLOAD


def test_whole_bytes_are_mended() -> None:
    """Three of twelve, wherever they stand: RS(12, 6)."""
    values = signs_of(PAYLOAD).reshape(-1)
    chance = np.random.default_rng(2)
    noisy = values + chance.normal(0, 1.6, SIGNS)
    found = read(noisy)
    assert found is not None and found.payload == PAYLOAD


@pytest.mark.parametrize("spread", [1e-9, 1.0, 1e9])
def test_noise_of_any_strength_is_no_mark(spread: float) -> None:
    chance = np.random.default_rng(3)
    assert all(read(chance.normal(0, spread, SIGNS)) is None for _ in range(300))


def test_values_that_are_no_numbers_are_no_mark() -> None:
    assert read(np.zeros(SIGNS)) is None
    assert read(np.full(SIGNS, np.nan)) is None


def test_what_counts_lies_far_beyond_what_chance_reaches() -> None:
    """The bound the module states: 2^48 payloads, each below exp(-T^2 / 2)."""
    assert 2**48 * np.exp(-(THRESHOLD**2) / 2) < 4e-10
