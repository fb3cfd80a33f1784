"""How do the numbers of a report look, as pictures that need no script?

Across the page a plot is measured in per cent and down the page in pixels, so it fills whatever width it is given
while its words stay the size of the text around it. Colours belong to the stylesheet.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup, escape

Hand = Literal["artist", "style", "base"]
Point = tuple[float, float]

GUTTER = 9  # per cent of the width, left of what is drawn, where the ticks have their words


@dataclass(frozen=True)
class Line:
    name: str
    hand: Hand
    points: tuple[Point, ...]
    marked: bool = False  # a dot at each point: measured now and then, not at every step


@dataclass(frozen=True)
class Scale:
    """From a value to a share between 0 and 1."""

    low: float
    high: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        if self.logarithmic:
            value, low, high = math.log(max(value, low)), math.log(low), math.log(high)
        return (value - low) / (high - low) if high > low else 0.5

    def ticks(self, about: int = 4) -> list[tuple[float, str]]:
        """Round values and their words."""
        if self.logarithmic:
            powers = range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
            return [(10.0**power, f"{10.0**power:.{max(0, -power)}f}") for power in powers]
        step = _round_step((self.high - self.low) / about)
        if not step:
            return [(self.low, number(self.low, 2))]
        places = max(0, -math.floor(math.log10(step) + 1e-9))
        indices = range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)
        return [(step * index, f"{step * index:.{places}f}" if index else "0") for index in indices]


def number(value: float, digits: int = 3) -> str:
    """Significant digits, never an exponent, with a true minus."""
    if not math.isfinite(value):
        return "not a number"
    if value == 0:
        return "0"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{abs(value):,.{min(places, 9)}f}"
    return ("−" if value < 0 and float(text.replace(",", "")) else "") + text


def percent(value: float) -> str:
    """Whole per cents from ten on, tenths below."""
    text = f"{abs(value):.0f}" if abs(value) >= 9.95 else f"{abs(value):.1f}".removesuffix(".0")
    return ("−" if value < 0 and float(text) else "") + text + "%"


def lines(series: Sequence[Line], *, described: str, x: tuple[str, str, str], gap: bool = False) -> Markup:
    """Curves over a shared axis whose left end, middle and right end are named by `x`; `gap` shades between two."""
    top, height = 22, 220
    points = [point for line in series for point in line.points if math.isfinite(point[1])]
    if not points:
        return Markup("")
    across = Scale(min(px for px, _ in points), max(px for px, _ in points))
    down = _down([py for _, py in points])

    def place(point: Point) -> tuple[float, float]:
        return GUTTER + (100 - GUTTER) * across(point[0]), top + (height - top) * (1 - down(point[1]))

    body = [_tick(top + (height - top) * (1 - down(tick)), text) for tick, text in down.ticks()]
    placed = [(line, [place(point) for point in line.points if math.isfinite(point[1])]) for line in series]
    curves = []
    if gap and len(placed) == 2:
        curves.append(f'<polygon class="gap" points="{_path(placed[0][1] + placed[1][1][::-1])}"/>')
    curves += [f'<polyline class="curve {line.hand}" points="{_path(path)}"/>' for line, path in placed]
    body.append(
        f'<svg width="100%" height="{height}" viewBox="0 0 100 {height}" preserveAspectRatio="none">'
        f"{''.join(curves)}</svg>"
    )
    body += [_dot(px, py, line.hand, 3) for line, path in placed if line.marked for px, py in path]
    return _figure([*body, *_ends(height + 20, x)], height + 28, described)


def ribbon(
    points: Sequence[tuple[float, float, float, float]],
    *,
    described: str,
    x: tuple[str, str, str],
    mark: tuple[float, str] | None = None,
) -> Markup:
    """A curve of per cents with its interval: points are place, value, low and high. A line stands at nothing, and
    another, with its words, where `mark` says."""
    top, height = 22, 180
    across = Scale(points[0][0], points[-1][0])
    down = Scale(min(0.0, *(low for _, _, low, _ in points)), max(0.0, *(high for *_, high in points), 1e-9))

    def place(px: float, py: float) -> Point:
        return GUTTER + (100 - GUTTER) * across(px), top + (height - top) * (1 - down(py))

    edge = [place(px, high) for px, _, _, high in points] + [place(px, low) for px, _, low, _ in reversed(points)]
    curve = [place(px, value) for px, value, _, _ in points]
    zero = place(points[0][0], 0.0)[1]
    body = [_tick(place(0, tick)[1], f"{text}%") for tick, text in down.ticks(3)]
    body.append(
        f'<svg width="100%" height="{height}" viewBox="0 0 100 {height}" preserveAspectRatio="none">'
        f'<polygon class="gap" points="{_path(edge)}"/>'
        f'<polyline class="curve base" points="{_path([(GUTTER, zero), (100, zero)])}"/>'
        f'<polyline class="curve style" points="{_path(curve)}"/></svg>'
    )
    body += [_dot(px, py, "style", 3) for px, py in curve]
    if mark:
        at = place(mark[0], 0)[0]
        anchor = "end" if at > 80 else "start" if at < 20 else "middle"
        body.append(f'<line class="threshold" x1="{at:.2f}%" x2="{at:.2f}%" y1="{top - 6}" y2="{height}"/>')
        body.append(f'<text x="{at:.2f}%" y="{top - 10}" text-anchor="{anchor}">{escape(mark[1])}</text>')
    return _figure([*body, *_ends(height + 20, x)], height + 28, described)


def bars(values: Sequence[float], *, described: str, x: tuple[str, str, str]) -> Markup:
    """Per cents above and below a line, from left to right."""
    if not values:
        return Markup("")
    down, height = Scale(min(0.0, *values), max(0.0, *values, 1e-9)), 110
    zero = 22 + (height - 22) * (1 - down(0.0))
    body = [_tick(22 + (height - 22) * (1 - down(tick)), f"{text}%") for tick, text in down.ticks(2)]
    for index, value in enumerate(values):
        tip = 22 + (height - 22) * (1 - down(value))
        room = (100 - GUTTER) / len(values)
        left, width = GUTTER + room * (index + 0.15), 0.7 * room
        body.append(
            f'<rect class="bar {"style" if value >= 0 else "base"}" x="{left:.2f}%" width="{width:.2f}%" '
            f'y="{min(tip, zero):.1f}" height="{abs(tip - zero):.1f}"/>'
        )
    return _figure([*body, *_ends(height + 20, x)], height + 28, described)


def strip(rows: Sequence[tuple[str, Hand, Sequence[float]]], *, described: str, threshold: float | None) -> Markup:
    """One dot per value, stacked where they fall together, the rows above one another on a shared scale."""
    values = [value for _, _, row in rows for value in row if math.isfinite(value)]
    if not values:
        return Markup("")
    across = Scale(0.0, max([*values, threshold or 0.0]) * 1.03)
    columns, bottom = 72, 0
    body: list[str] = []
    for name, hand, row in rows:
        stacks: dict[int, int] = {}
        for column in (round(across(value) * columns) for value in row if math.isfinite(value)):
            stacks[column] = stacks.get(column, 0) + 1
        tallest = max(stacks.values(), default=1)
        step = min(8.0, 96 / tallest)
        floor = bottom + 34 + tallest * step
        body.append(_words(0, bottom + 16, name, "start", "name"))
        body.append(f'<line class="axis" x1="0" x2="100%" y1="{floor:.1f}" y2="{floor:.1f}"/>')
        for column, count in sorted(stacks.items()):
            body += [_dot(100 * column / columns, floor - 5 - step * level, hand, 3.2) for level in range(count)]
        bottom = math.ceil(floor) + 10
    for tick, text in across.ticks(6):
        body.append(_words(100 * across(tick), bottom + 18, text, "start" if tick == 0 else "middle"))
    if threshold is not None:
        at = 100 * across(threshold)
        body.append(f'<line class="threshold" x1="{at:.2f}%" x2="{at:.2f}%" y1="24" y2="{bottom - 10}"/>')
    body.append(_words(100, bottom + 36, "further from any work →", "end"))
    return _figure(body, bottom + 44, described)


def forest(low: float, middle: float, high: float, *, ends: tuple[str, str], described: str) -> Markup:
    """An estimate and its interval beside zero; all three in per cent."""
    reach = 1.25 * max(abs(low), abs(high), 1e-9)
    across = Scale(min(-0.3 * reach, 1.25 * low), max(0.3 * reach, 1.25 * high))
    zero, left, centre, right = (100 * across(value) for value in (0.0, low, middle, high))
    body = [
        '<line class="axis" x1="0" x2="100%" y1="44" y2="44"/>',
        f'<line class="zero" x1="{zero:.2f}%" x2="{zero:.2f}%" y1="20" y2="68"/>',
        f'<line class="interval style" x1="{left:.2f}%" x2="{right:.2f}%" y1="44" y2="44"/>',
        *(f'<line class="whisker style" x1="{at:.2f}%" x2="{at:.2f}%" y1="37" y2="51"/>' for at in (left, right)),
        _dot(centre, 44, "style", 7),
        _words(centre, 26, percent(middle), "middle", "name"),
        _words(zero, 86, "0", "middle"),
        _words(0, 106, ends[0], "start"),
        _words(100, 106, ends[1], "end"),
    ]
    return _figure(body, 112, described)


def marks(values: Iterable[tuple[Hand, float]], *, most: float, described: str) -> Markup:
    """Where the hands stand on one measure that starts at zero."""
    across = Scale(0.0, most or 1.0)
    body = ['<line class="axis" x1="0" x2="100%" y1="10" y2="10"/>']
    body += [_dot(100 * across(value), 10, hand, 5) for hand, value in values]
    return _figure(body, 20, described)


def _figure(body: Iterable[str], height: float, described: str) -> Markup:
    opening = Markup('<svg class="plot" role="img" aria-label="{}" width="100%" height="{}">').format(described, height)
    return opening + Markup("".join(body)) + Markup("</svg>")


def _path(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{px:.2f},{py:.1f}" for px, py in points)


def _dot(px: float, py: float, hand: Hand, radius: float) -> str:
    return f'<circle class="dot {hand}" cx="{px:.2f}%" cy="{py:.1f}" r="{radius}"/>'


def _tick(py: float, text: str) -> str:
    return f'<line class="grid" x1="0" x2="100%" y1="{py:.1f}" y2="{py:.1f}"/>' + _words(0, py - 5, text, "start")


def _words(px: float, py: float, text: str, anchor: str, kind: str = "tick") -> str:
    line = Markup('<text class="{}" x="{}%" y="{}" text-anchor="{}">{}</text>')
    return str(line.format(kind, f"{px:.2f}", f"{py:.1f}", anchor, text))


def _ends(py: float, words: tuple[str, str, str]) -> list[str]:
    places = zip((GUTTER, 50, 100), ("start", "middle", "end"), words, strict=True)
    return [_words(position, py, text, anchor) for position, anchor, text in places if text]


def _down(values: Sequence[float]) -> Scale:
    """Logarithmic where values span more than a factor of thirty; from zero unless that would squeeze them."""
    least, most = min(values), max(values)
    if least > 0 and most / least > 30:
        return Scale(10 ** math.floor(math.log10(least)), most, True)
    return Scale(least - 0.15 * (most - least) if least > 0.3 * most else min(0.0, least), most)


def _round_step(rough: float) -> float:
    if rough <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(rough))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= rough * 0.999), 10 * power)
