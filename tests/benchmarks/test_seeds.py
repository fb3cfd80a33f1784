"""Is what varies with the seed told from what varies with the prompt?"""

from __future__ import annotations

import re

import numpy as np
from benchmarks.seeds import lines


def test_what_varies_with_prompts_alone_needs_one_seed() -> None:
    found = lines(np.repeat(np.array([[-1.0], [2.0], [3.0]]), 4, axis=1))
    assert "between seeds 0.00e+00" in found[0]
    assert all("interval 1.00 times as wide; nearer for 2 to 2 of 3 prompts" in line for line in found[1:])


def test_what_varies_with_seeds_alone_is_narrowed_by_the_root_of_their_number() -> None:
    nearer_PS = np.random.default_rng(0).normal(size=(4000, 4))
    widths = [float(found.group(1)) for line in lines(nearer_PS) if (found := re.search(r"interval ([\d.]+)", line))]
    np.testing.assert_allclose(widths, [2, 2**0.5, (4 / 3) ** 0.5, 1], atol=0.03)
