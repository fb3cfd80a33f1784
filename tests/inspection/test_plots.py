"""Do the plots say what the numbers say?"""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest
from markupsafe import Markup

from handstyle.inspection import plots
from handstyle.inspection.plots import Line, Scale, number, percent


def circles(plot: Markup, hand: str) -> list[tuple[float, float]]:
    """Where the dots of a hand stand, across and down."""
    found = ElementTree.fromstring(plot).iter("circle")
    return [(float(c.attrib["cx"][:-1]), float(c.attrib["cy"])) for c in found if hand in c.attrib["class"].split()]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0323456, "0.0323"), (12.3456, "12.3"), (123456.0, "123,456"), (0, "0"), (-0.5, "−0.500"), (1e-7, "0.000000100"),
     (-1e-12, "0.000000000"), (math.nan, "not a number")],
)  # fmt: skip
def test_numbers_have_the_digits_that_matter(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(14.04, "14%"), (9.96, "10%"), (2.34, "2.3%"), (5.0, "5%"), (-3.21, "−3.2%"), (-0.01, "0%")]
)
def test_per_cents_are_whole_from_ten_on(value: float, text: str) -> None:
    assert percent(value) == text


def test_ticks_are_round_and_inside() -> None:
    assert [text for _, text in Scale(0, 0.7).ticks()] == ["0", "0.2", "0.4", "0.6"]
    assert [text for _, text in Scale(0.01, 2, logarithmic=True).ticks()] == ["0.01", "0.1", "1"]


def test_a_smaller_error_stands_lower() -> None:
    base = Line("base", "base", ((0, 0.5), (1, 0.4)), marked=True)
    style = Line("style", "style", ((0, 0.4), (1, 0.2)), marked=True)
    plot = plots.lines([base, style], described="errors", x=("", "", ""))
    for (_, base_y), (_, style_y) in zip(circles(plot, "base"), circles(plot, "style"), strict=True):
        assert style_y > base_y


def test_every_distance_is_a_dot_and_the_nearest_stands_left() -> None:
    plot = plots.strip(
        [("real", "artist", [0.2, 0.5, 0.5]), ("outputs", "style", [0.1, 0.9])], described="distances", threshold=0.2
    )
    assert len(circles(plot, "artist")) == 3
    left, right = (x for x, _ in circles(plot, "style"))
    assert left < right


def test_dots_that_fall_together_are_stacked() -> None:
    plot = plots.strip([("real", "artist", [0.5] * 40)], described="distances", threshold=None)
    assert len(set(circles(plot, "artist"))) == 40


def test_an_interval_clear_of_zero_does_not_touch_the_line_of_zero() -> None:
    plot = plots.forest(12.0, 14.0, 16.0, ends=("worse", "better"), described="gain")
    marks = {line.attrib["class"]: line for line in ElementTree.fromstring(plot).iter("line")}
    zero, interval = (float(marks[kind].attrib["x1"][:-1]) for kind in ("zero", "interval style"))
    assert zero < interval


def test_losses_below_the_line_are_the_bases_bars() -> None:
    plot = plots.bars([5.0, -2.0, 3.0], described="shares", x=("", "", ""))
    assert [bar.attrib["class"] for bar in ElementTree.fromstring(plot).iter("rect")] == [
        "bar style",
        "bar base",
        "bar style",
    ]


def test_words_in_a_plot_are_words_and_not_markup() -> None:
    plot = plots.strip([("<b>", "style", [0.5])], described='"><script>', threshold=None)
    assert "<script" not in plot
    assert "<b>" not in plot
    ElementTree.fromstring(plot)


@pytest.mark.parametrize(
    "values", [[0.0], [0.5], [0.5, 0.5], [-1.0, 1.0], [1e-9, 1e9], [math.nan, 0.5], [math.inf, 1.0]]
)
def test_no_value_breaks_a_plot(values: list[float]) -> None:
    line = Line("one", "style", tuple((float(index), value) for index, value in enumerate(values)), marked=True)
    drawn = [
        plots.lines([line], described="", x=("", "", "")),
        plots.strip([("one", "style", values)], described="", threshold=None),
    ]
    assert not any(re.search(r'"(nan|inf)', plot) for plot in drawn)


def test_nothing_to_plot_is_no_plot() -> None:
    assert plots.lines([Line("none", "base", ())], described="", x=("", "", "")) == ""
    assert plots.strip([], described="", threshold=None) == ""
    assert plots.bars([], described="", x=("", "", "")) == ""


def test_a_gain_that_rises_stands_higher_and_its_range_lies_around_it() -> None:
    plot = plots.ribbon([(1, -2, -5, 1), (2, 3, 1, 6)], described="gain", x=("step 1", "", "step 2"))
    (_, first), (_, last) = circles(plot, "style")
    assert last < first, "up the page"
    (polygon,) = ElementTree.fromstring(plot).iter("polygon")
    heights = [float(pair.split(",")[1]) for pair in polygon.attrib["points"].split()]
    assert heights[0] < first < heights[-1] and heights[1] < last < heights[2]
