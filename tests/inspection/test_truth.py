"""Does a share of the way to the real drawing say how much of it was gone?"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from handstyle.finetuning.gain import bootstrap_share
from handstyle.inspection.likeness import Seen
from handstyle.inspection.truth import closeness


def drawing(left: int, colour: str) -> Image.Image:
    image = Image.new("RGB", (64, 64), "white")
    ImageDraw.Draw(image).rectangle((left, 16, left + 23, 47), fill=colour)
    return image


TRUTH = [drawing(left, "red") for left in (4, 12, 20, 28)]


def found(style: list[Image.Image], base: list[Image.Image]) -> dict[str, tuple[float, float | None]]:
    rows = closeness([[image] for image in base], [[image] for image in style], TRUTH, TRUTH, Seen())
    return {row.measure: (row.style, row.share.share if row.share else None) for row in rows}


def test_a_style_that_draws_the_truth_has_gone_all_the_way_where_there_was_one() -> None:
    base = [drawing(36, "blue") for _ in TRUTH]
    shares = found(TRUTH, base)
    assert shares["colour"] == (0, 1) and shares["composition"] == (0, 1)
    assert shares["pose"][1] is None and shares["silhouette"][1] is None, "there the base was right already"


def test_colour_and_place_are_told_apart() -> None:
    base = [drawing(36, "blue") for _ in TRUTH]
    recoloured = found([drawing(36, "red") for _ in TRUTH], base)
    assert recoloured["colour"][1] == pytest.approx(1) and recoloured["composition"][1] == pytest.approx(0)
    moved = found([drawing(left, "blue") for left in (4, 12, 20, 28)], base)
    assert moved["colour"][1] == pytest.approx(0) and moved["composition"][1] == pytest.approx(1)


def test_a_style_that_is_no_better_has_gone_nowhere_and_a_worse_one_back() -> None:
    base = [drawing(34, "blue") for _ in TRUTH]
    assert found(base, base)["composition"][1] == 0
    share = found([drawing(40, "blue") for _ in TRUTH], base)["composition"][1]
    assert share is not None and share < 0


def test_a_share_is_of_means_and_its_interval_holds_it() -> None:
    chance = np.random.default_rng(0)
    whole = 1 + chance.random(40)
    share = bootstrap_share(whole / 4, whole)
    assert share.share == pytest.approx(0.25) and share.interval.low == pytest.approx(0.25)
    noisy = bootstrap_share(whole / 4 + chance.normal(size=40) / 10, whole)
    assert noisy.interval.low < noisy.share < noisy.interval.high
