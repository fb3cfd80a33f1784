"""Does the verdict say what the numbers say, also when they are bad?"""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from handstyle.finetuning.measured import Band, Interval, Normalised
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


def gain(value: float, low: float, high: float, **bands: tuple[float, float, float]) -> HeldOutGain:
    """`bands` are by name, with gain, low and high."""
    return HeldOutGain(
        drawings="further drawings",
        number_of_drawings=64,
        base_prompt="{caption}",
        base_error=0.5,
        style_error=0.5 - value,
        gain=value,
        interval=Interval(low=low, high=high),
        by_noise_level=(),
        bands=tuple(
            Band(name=name.replace("_", " "), timesteps=(1,), base_error=0.5, gain=found[0],
                 interval=Interval(low=found[1], high=found[2]))
            for name, found in bands.items()
        ),
        base_prompts_tried={},
    )  # fmt: skip


def nearer(count: int, *, of: int = 64, ties: int = 0, admissible: bool = True) -> NearerToTruth:
    return NearerToTruth(
        distance="a distance",
        prompts=of,
        nearer=count,
        ties=ties,
        seeds=(1,),
        base_prompt="{caption}",
        competitors=(Competitor(name="a white picture", beats_base=0 if admissible else of // 2 + 1),),
        admissible=admissible,
        mean_distance_base=2.0,
        mean_distance_style=1.0,
    )


CLEAR, MAY_BE_CHANCE, WORSE = gain(0.01, 0.005, 0.02), gain(0.01, -0.001, 0.02), gain(-0.01, -0.02, -0.005)


def headline(found: HeldOutGain, of_pictures: NearerToTruth) -> str:
    return verdict(found, of_pictures, COPYING)[0]


def test_the_headline_says_what_both_measures_show() -> None:
    assert headline(CLEAR, nearer(45)) == (
        "By its denoising error this style is nearer to the artist than the base is. "
        "Its pictures are nearer to the real drawing than the base's for 45 of 64 prompts, more often than chance."
    )
    assert headline(MAY_BE_CHANCE, nearer(53)) == (
        "By its denoising error this style has not been shown to be nearer to the artist than the base is. "
        "Its pictures are nearer to the real drawing than the base's for 53 of 64 prompts, more often than chance."
    )


def test_neither_measure_speaks_for_the_other() -> None:
    assert headline(CLEAR, nearer(33)).endswith("for 33 of 64 prompts, which may be chance.")
    assert headline(CLEAR, nearer(11)).startswith("By its denoising error this style is nearer")
    assert headline(CLEAR, nearer(11)).endswith(
        "Its pictures are further from the real drawing than the base's for 53 of 64 prompts, more often than chance."
    )
    assert headline(WORSE, nearer(53)).startswith("By its denoising error this style is further from the artist")


@pytest.mark.parametrize("low", [0.0, -0.001])
def test_an_interval_that_touches_zero_shows_nothing(low: float) -> None:
    first, in_numbers, *_ = verdict(gain(0.01, low, 0.02), nearer(64), COPYING)
    assert "not been shown" in first
    assert "includes nothing at all" in in_numbers


def test_a_band_of_noise_that_says_something_else_is_named_and_of_how_many() -> None:
    found = gain(
        0.01, -0.001, 0.02, a_trace_of_noise=(-0.02, -0.03, -0.01), some_noise=(0.0, -0.01, 0.01),
        much_noise=(0.01, 0.0, 0.02), almost_all_noise=(0.03, 0.01, 0.05),
    )  # fmt: skip
    first, in_numbers, *_ = verdict(found, nearer(53), COPYING)
    assert "than the base is; under almost all noise it is nearer; under a trace of noise it is further. Its" in first
    assert in_numbers.endswith(
        "Of 4 bands of noise, each looked at by itself, 2 are clear of zero: a trace of noise, 4.00 % more (-6.00 to "
        "-2.00 %); almost all noise, 6.00 % less (2.00 to 10.00 %)."
    )


def test_a_band_that_says_the_same_as_all_noise_is_left_to_the_numbers() -> None:
    found = gain(0.01, 0.005, 0.02, much_noise=(0.01, 0.005, 0.02), almost_all_noise=(0.0, -0.01, 0.01))
    first, in_numbers, *_ = verdict(found, nearer(53), COPYING)
    assert "noise" not in first.replace("denoising", "")
    assert "Of 2 bands of noise, each looked at by itself, 1 is clear of zero: much noise" in in_numbers
    assert "bands of noise" not in verdict(MAY_BE_CHANCE, nearer(53), COPYING)[1]


@pytest.mark.parametrize(("count", "of", "is_clear"), [(41, 64, True), (40, 64, False), (8, 8, True), (7, 8, False)])
def test_more_often_than_chance_is_what_the_exact_sign_test_says(count: int, of: int, is_clear: bool) -> None:
    p = float(binomtest(count, of).pvalue)
    assert (p < 0.05) is is_clear
    for found in (nearer(count, of=of), nearer(of - count, of=of)):  # as strict with a style that is worse
        first, _, in_numbers, _ = verdict(MAY_BE_CHANCE, found, COPYING)
        assert ("more often than chance" in first) is is_clear
        assert ("which may be chance" in first) is not is_clear
        assert f"p = {p:.3f}" in in_numbers


def test_a_style_that_draws_as_the_base_does_is_not_said_to_be_worse() -> None:
    first, _, in_numbers, _ = verdict(MAY_BE_CHANCE, nearer(0, ties=64), COPYING)
    assert "for 0 of 64 prompts, which may be chance" in first
    assert "as near for 64" in in_numbers and "p = 1.000" in in_numbers


def test_pictures_that_are_clear_of_chance_may_still_be_too_few() -> None:
    assert headline(CLEAR, nearer(44)).endswith("more often than chance but fewer than the 45 asked for.")


def test_an_unfit_distance_shows_nothing() -> None:
    assert headline(CLEAR, nearer(64, admissible=False)).endswith(
        "Its pictures show nothing: something that draws nothing beats the base by their distance."
    )


def test_a_number_that_falls_short_is_told_with_what_it_should_be() -> None:
    sentences = verdict(CLEAR, nearer(32), COPYING)
    assert any("32 of 64" in sentence and "should be 45" in sentence for sentence in sentences)


def test_a_style_that_is_worse_is_said_to_err_more() -> None:
    _, in_numbers, *_ = verdict(WORSE, nearer(10), COPYING)
    assert "errs 2.00 % more" in in_numbers and "wrong side" in in_numbers


def test_without_further_drawings_the_report_says_what_it_cannot_tell() -> None:
    only, *_ = verdict(None, None, COPYING)
    assert "cannot be told" in only
    first, *_, last = cannot_tell(None, COPYING, further=False)
    assert "no drawing to measure on" in first and "pose and what is left out are not measured" in last
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
