"""Is what a network sees shown only where it is right about real drawings, and does it then follow the pictures?"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from PIL import Image, ImageDraw

from handstyle.inspection.extractor import Extractor, seen
from handstyle.inspection.feature_likeness import (
    HAND_RIGHT,
    LEAST_DRAWINGS,
    OTHERS_TAKEN,
    THING_RIGHT,
    feature_likeness,
    why_no_hand,
    why_no_thing,
)
from handstyle.inspection.hands import ToldApart, known_from
from handstyle.inspection.report import Closeness, FeatureLikeness
from handstyle.inspection.shipped_extractors import Proof, Shipped

GOOD = Proof(thing_right=0.8, asked=300, among=64, known_right=0.9, artists={})
CAPTIONS = tuple(f"thing {number}" for number in range(24))


def drawing(number: int, colour: str, outline: str | None = None, side: int = 64) -> Image.Image:
    """Where and how large depends on the number alone, so each number is another thing."""
    chance = torch.Generator().manual_seed(number)
    left, top, wide, high = torch.randint(8, 28, (4,), generator=chance).tolist()
    image = Image.new("RGB", (64, 64), "white")
    ImageDraw.Draw(image).rectangle((left, top, left + wide, top + high), fill=colour, outline=outline, width=3)
    return image.resize((side, side))


def artist(start: int = 0, number: int = 24) -> list[Image.Image]:
    return [drawing(start + n, "orange", "black") for n in range(number)]


@pytest.fixture(scope="module")
def eye() -> Shipped:
    """A network drawn by chance, which can tell flat colours apart, and two hands that draw in flat colours."""
    torch.manual_seed(0)
    network = Extractor("residual").eval()
    pictures = [drawing(n, colour) for colour in ("blue", "green") for n in range(40)]
    manner, of = seen(network, pictures).manner_ND, torch.tensor([0] * 40 + [1] * 40)
    known = known_from(
        ("blue style", "green style"), manner, of, [f"thing {n}" for n in range(40)] * 2, range(0, 80, 4)
    )
    return Shipped("residual", network, known, GOOD)


def looked(
    eye: Shipped, base: list[Image.Image], style: list[Image.Image], truth: list[Image.Image] | None = None
) -> tuple[FeatureLikeness, dict[str, Closeness]]:
    truth = truth or artist()
    works = artist(100, 16)
    found, rows = feature_likeness(
        [[image, image] for image in base],
        [[image] for image in style],
        truth,
        truth,
        works,
        CAPTIONS[: len(truth)],
        eye,
    )
    return found, {row.measure: row for row in rows}


def test_a_style_that_draws_the_truth_is_given_to_the_artist_and_finds_every_drawing(eye: Shipped) -> None:
    blue = [drawing(n + 7, "blue") for n in range(24)]
    found, rows = looked(eye, blue, artist())
    of = {row.of: row for row in found.pictures}
    assert found.hand_not_shown == found.thing_not_shown == ""
    assert found.hand_right >= HAND_RIGHT and found.others_taken <= OTHERS_TAKEN
    assert of["style"].given_to_the_artist == of["artist"].given_to_the_artist == found.hand_right
    assert (of["style"].real_drawing_first, of["style"].mean_place) == (1, 1)
    assert of["base"].given_to_the_artist == 0 and of["base"].most_often_else == "blue style"
    assert of["base"].number == 48 and of["base"].mean_place is not None and of["base"].mean_place > 1
    for row in rows.values():
        assert row.style == pytest.approx(0, abs=1e-5) and row.share is not None
        assert row.share.share == pytest.approx(1, abs=1e-4)
    assert {row.part for row in rows.values()} == {"surface", "decisions"}


def test_a_style_that_is_the_base_has_gone_nowhere(eye: Shipped) -> None:
    blue = [drawing(n + 7, "blue") for n in range(24)]
    _, rows = looked(eye, blue, blue)
    assert all(row.share is not None and row.share.share == pytest.approx(0, abs=1e-5) for row in rows.values())


def test_a_hand_that_cannot_be_told_from_a_known_one_is_not_shown(eye: Shipped) -> None:
    truth, works = ([drawing(n, "blue") for n in numbers] for numbers in (range(24), range(100, 116)))
    rows = [[image] for image in truth]
    found, further = feature_likeness(rows, rows, truth, truth, works, CAPTIONS, eye)
    assert found.hand_right < HAND_RIGHT or found.others_taken > OTHERS_TAKEN
    assert "%" in found.hand_not_shown
    assert all(row.given_to_the_artist is None and row.most_often_else == "" for row in found.pictures)
    assert not any(row.part == "surface" for row in further)
    assert all(row.real_drawing_first is not None for row in found.pictures), "the thing is shown all the same"


def test_what_was_not_right_enough_before_it_was_shipped_is_not_shown(eye: Shipped) -> None:
    poor = replace(eye, proof=GOOD.model_copy(update={"thing_right": 0.698}))
    found, rows = looked(poor, artist(), artist())
    assert "69.8%" in found.thing_not_shown and "what is drawn, to a trained network" not in rows
    assert all(row.mean_place is None and row.real_drawing_first is None for row in found.pictures)


def test_few_drawings_and_small_ones_do_not_tell_a_hand(eye: Shipped) -> None:
    few = artist(number=LEAST_DRAWINGS - 1)
    found, _ = looked(eye, few, few, few)
    assert f"of {LEAST_DRAWINGS - 1} real drawings" in found.hand_not_shown
    small = [image.resize((32, 32)) for image in artist()]
    found, rows = looked(eye, small, small, small)
    assert "32 pixels" in found.hand_not_shown and found.pictures == () and rows == {}


def test_each_threshold_holds_where_it_was_set() -> None:
    assert why_no_hand(ToldApart(HAND_RIGHT, OTHERS_TAKEN), LEAST_DRAWINGS) == ""
    assert why_no_hand(ToldApart(HAND_RIGHT - 0.001, 0), 64) and why_no_hand(ToldApart(1, OTHERS_TAKEN + 0.001), 64)
    assert (HAND_RIGHT, THING_RIGHT) == (0.90, 0.70), "asked for before anything was measured"
    assert why_no_thing(GOOD.model_copy(update={"thing_right": THING_RIGHT})) == ""
