"""Does the verdict say what the numbers say, also when they are bad?"""

from __future__ import annotations

import pytest

from handstyle.finetuning.measured import Interval, Normalised
from handstyle.inspection.report import Competitor, CopyCheck, HeldOutGain, NearerToTruth
from handstyle.inspection.verdict import cannot_tell, verdict

COPYING = CopyCheck(
    outputs=(),
    distances_of_outputs=(),
    distances_of_real=(),
    quantile=0.05,
    threshold=None,
    unusually_near=None,
    words="Nothing was compared.",
)


def gain(value: float, low: float, high: float) -> HeldOutGain:
    return HeldOutGain(
        drawings="further drawings",
        number_of_drawings=64,
        base_prompt="{caption}",
        base_error=0.5,
        style_error=0.5 - value,
        gain=value,
        interval=Interval(low=low, high=high),
        by_noise_level=(),
        base_prompts_tried={},
    )


def nearer(count: int, *, admissible: bool = True) -> NearerToTruth:
    return NearerToTruth(
        distance="a distance",
        prompts=64,
        nearer=count,
        seeds=(1,),
        base_prompt="{caption}",
        competitors=(Competitor(name="a white picture", beats_base=0 if admissible else 40),),
        admissible=admissible,
        mean_distance_base=2.0,
        mean_distance_style=1.0,
    )


def test_a_style_that_holds_in_both_ways_is_said_to_be_nearer_to_the_artist() -> None:
    headline, *_ = verdict(gain(0.01, 0.005, 0.02), nearer(45), COPYING)
    assert headline == "This style draws nearer to the artist than the base does."


@pytest.mark.parametrize("low", [0.0, -0.001])
def test_an_interval_that_touches_zero_shows_nothing(low: float) -> None:
    headline, in_numbers, *_ = verdict(gain(0.01, low, 0.02), nearer(64), COPYING)
    assert "not been shown" in headline
    assert "includes nothing at all" in in_numbers


@pytest.mark.parametrize("found", [nearer(44), nearer(64, admissible=False)])
def test_too_few_prompts_or_an_unfit_distance_takes_the_headline_back(found: NearerToTruth) -> None:
    headline, *_ = verdict(gain(0.01, 0.005, 0.02), found, COPYING)
    assert "often enough" in headline


def test_a_number_that_falls_short_is_told_with_what_it_should_be() -> None:
    sentences = verdict(gain(0.01, 0.005, 0.02), nearer(32), COPYING)
    assert any("32 of 64" in sentence and "should be 45" in sentence for sentence in sentences)


def test_a_style_that_is_worse_is_said_to_err_more() -> None:
    _, in_numbers, *_ = verdict(gain(-0.01, -0.02, -0.005), nearer(10), COPYING)
    assert "errs 2.00 % more" in in_numbers and "wrong side" in in_numbers


def test_without_further_drawings_the_report_says_what_it_cannot_tell() -> None:
    headline, *_ = verdict(None, None, COPYING)
    assert "cannot be told" in headline
    first, *_, last = cannot_tell(None, COPYING, further=False)
    assert "no drawing was left out" in first and "pose and what is left out are not measured" in last
    *_, last = cannot_tell(gain(0.02, 0.01, 0.03), COPYING, further=True)
    assert "not what they mean" in last and "not measured" not in last, "with real drawings they are measured"


def test_too_few_drawings_to_say_what_is_near_are_a_limit_that_is_told() -> None:
    eight = COPYING.model_copy(update={"distances_of_real": (1.0,) * 8})
    (told,) = [limit for limit in cannot_tell(None, eight, further=True) if "unusually near" in limit]
    assert "takes at least 19 other drawings" in told and told.endswith("there are 8.")
    counted = eight.model_copy(update={"unusually_near": 0})
    assert not any("unusually near" in limit for limit in cannot_tell(None, counted, further=True))


def test_the_share_of_what_could_be_gained_stands_beside_the_gain() -> None:
    share = Normalised(share=0.634, interval=Interval(low=0.5, high=0.75), oracle_gain=0.03)
    measured = gain(0.02, 0.01, 0.03)
    told = verdict(measured.model_copy(update={"normalised": share}), None, COPYING)
    assert "63 % (50 to 75 %) of what a model gains that saw all of the artist but these drawings" in told[1]
    assert "saw all" not in " ".join(verdict(measured, None, COPYING))
