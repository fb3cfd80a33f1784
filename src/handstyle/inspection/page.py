"""How does a report become one page that anybody can open?

Everything is inside the file: pictures, plots, stylesheet. It needs no script and asks nothing of a network.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from handstyle.errors import RecordDamaged
from handstyle.inspection import plots
from handstyle.inspection.plots import Line, number, percent
from handstyle.inspection.redaction import redacted
from handstyle.inspection.report import Closeness, HeldOutGain, InspectionReport, Neighbour, Shown, Surface

PAGES = Path(__file__).parent / "pages"
NOISE = ("← a trace of noise", "", "almost all noise →")
HEX = frozenset("0123456789abcdefABCDEF")
PNG = b"\x89PNG\r\n\x1a\n"
LARGEST_SHOWN_AS_PIXELS = 128  # wider pictures are smoothed by the browser, narrower ones keep hard pixels
LARGE, SMALL, NEAREST = 4, 12, 12  # comparisons and outputs that stand open; the others unfold


def page(report: InspectionReport, pictures: Path, *, public: bool) -> str:
    """One HTML document. A public one shows nothing of a work whose permission does not include showing.

    Raises RecordDamaged when pictures are missing from the folder, naming each.
    """
    if public:
        report = redacted(report)
    images = _load(report, pictures)
    environment = Environment(
        loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(number=number, percent=percent, swatches=_swatches)
    document = environment.get_template("report.html.jinja").render(
        report=report,
        public=public,
        stylesheet=Markup((PAGES / "report.css").read_text(encoding="utf-8")),
        image=images.__getitem__,
        gain=Gain.of(report.held_out_gain) if report.held_out_gain else None,
        large=report.comparisons[:LARGE],
        small=report.comparisons[LARGE : LARGE + SMALL],
        further=report.comparisons[LARGE + SMALL :],
        outputs=sorted(report.copying.outputs, key=lambda output: (output.chance or 0.0, output.distance)),
        nearest=NEAREST,
        place=lambda output: _place(output, report.copying.distances_of_real),
        is_near=report.copying.is_near,
        authors=sorted({work.author for work in report.works}),
        permissions=sorted({work.permission for work in report.works}),
        noise_plot=_noise_plot(report),
        noise_bars=_noise_bars(report),
        distance_plot=_distance_plot(report),
        loss_plot=_loss_plot(report),
        gain_plot=_gain_plot(report),
        stopping_plot=_stopping_plot(report),
        measures=_measures(report.surfaces),
        closeness={
            part: [Way.of(row) for row in report.closeness if row.part == part]
            for part in ("surface", "decisions", "vision models")
        },
    )
    return document + "\n"


@dataclass(frozen=True)
class Image:
    """A picture as it stands in the page."""

    source: str
    width: int
    height: int

    @property
    def is_small(self) -> bool:
        return max(self.width, self.height) <= LARGEST_SHOWN_AS_PIXELS


@dataclass(frozen=True)
class Gain:
    """A held-out gain in per cent of the base's error."""

    share: float
    low: float
    high: float
    plot: Markup

    @property
    def is_clear(self) -> bool:
        return self.low > 0 or self.high < 0

    @classmethod
    def of(cls, gain: HeldOutGain) -> Gain:
        values = (gain.gain, gain.interval.low, gain.interval.high)
        share, low, high = (100 * value / gain.base_error for value in values)
        described = f"The style errs {percent(share)} less than the base, interval {percent(low)} to {percent(high)}."
        ends = ("← the base is better", "the style is better →")
        plot = plots.forest(low, share, high, ends=ends, described=described)
        return cls(share, low, high, plot)


def _load(report: InspectionReport, folder: Path) -> dict[str, Image]:
    images, faults = {}, []
    collage = report.audit.collage.picture if report.audit and report.audit.collage else ""
    for name in sorted({collage, *(shown.file for shown in _shown(report))} - {""}):
        try:
            if name in {".", ".."} or {"/", "\\", ":"} & set(name):
                raise ValueError("is not the name of a picture beside the report")
            images[name] = as_image((folder / name).read_bytes())
        except OSError as error:
            faults.append(f"{name}: {error.strerror or error}")
        except ValueError as error:
            faults.append(f"{name} {error}")
    if faults:
        raise RecordDamaged(
            f"{folder} lacks {len(faults)} of the report's pictures",
            faults=faults,
            hint="Run `handstyle inspect` again.",
        )
    return images


def as_image(data: bytes) -> Image:
    # A PNG starts with its signature, then a length, "IHDR", and width and height as big-endian 32 bits.
    if not data.startswith(PNG) or len(data) < 24:
        raise ValueError("is not a PNG")
    width, height = struct.unpack(">II", data[16:24])
    return Image("data:image/png;base64," + base64.b64encode(data).decode(), width, height)


def _shown(report: InspectionReport) -> Iterator[Shown]:
    yield from (work.picture for work in report.works)
    for side in report.comparisons:
        yield from filter(None, (side.base, side.style, side.real))
    for output in report.copying.outputs:
        yield from (output.picture, output.work_picture)


def _place(output: Neighbour, real: tuple[float, ...]) -> str:
    """Where an output lies among the artist's other drawings: by all measures, or by the tiles alone, as it was."""
    if not real:
        return ""
    if output.chance is not None:
        as_near = round(output.chance * (len(real) + 1)) - 1
        return f"{output.measure}; {as_near or 'none'} of {len(real)} real drawings as near"
    further = sum(distance > output.distance for distance in real)
    return f"nearer than {'all' if further == len(real) else f'{further} of'} {len(real)} real drawings are"


def _noise_plot(report: InspectionReport) -> Markup:
    levels = report.held_out_gain.by_noise_level if report.held_out_gain else ()
    base = Line("base", "base", tuple((level.timestep, level.base) for level in levels), marked=True)
    style = Line("style", "style", tuple((level.timestep, level.style) for level in levels), marked=True)
    better = sum(level.style < level.base for level in levels)
    return plots.lines(
        [base, style],
        described=f"Error by noise level: the style errs less than the base at {better} of {len(levels)} levels.",
        x=NOISE,
        gap=True,
    )


def _noise_bars(report: InspectionReport) -> Markup:
    levels = report.held_out_gain.by_noise_level if report.held_out_gain else ()
    shares = [100 * (1 - level.style / level.base) for level in levels if level.base > 0]
    words = f", from {percent(min(shares))} to {percent(max(shares))}" if shares else ""
    return plots.bars(shares, described=f"How much less the style errs, level by level{words}.", x=NOISE)


def _distance_plot(report: InspectionReport) -> Markup:
    check = report.copying
    rows: list[tuple[str, plots.Hand, tuple[float, ...]]] = [
        ("The artist’s other drawings", "artist", check.distances_of_real),
        ("The style’s pictures", "style", check.distances_of_outputs),
    ]
    return plots.strip(
        [row for row in rows if row[2]],
        described=f"Distances to the nearest work: {check.words}",
        threshold=check.threshold,
    )


def _loss_plot(report: InspectionReport) -> Markup:
    train = tuple((float(point.step), point.train) for point in report.losses)
    held_out = tuple((float(point.step), point.held_out) for point in report.losses if point.held_out is not None)
    if not train:
        return Markup("")
    series = [Line("works", "base", train)]
    if held_out:
        series.append(Line("held out", "style", held_out, marked=True))
    last = max(point.step for point in report.losses)
    first = min(point.step for point in report.losses)
    return plots.lines(
        series,
        described=f"Loss over {last} steps, from {number(train[0][1])} to {number(train[-1][1])} on the works.",
        x=(f"step {first}", "", f"step {last}"),
    )


def _gain_plot(report: InspectionReport) -> Markup:
    points = [(point.step, point.gain, point.gain_interval) for point in report.losses]
    found = [
        (step, 100 * gain, 100 * ends[0], 100 * ends[1]) for step, gain, ends in points if gain is not None and ends
    ]
    if len(found) < 2:
        return Markup("")
    best = max(found, key=lambda point: point[1])
    return plots.ribbon(
        found,
        described=f"Gain on drawings that are not trained on, highest at step {best[0]} with {percent(best[1])}.",
        x=(f"step {found[0][0]}", "", f"step {found[-1][0]}"),
    )


def _stopping_plot(report: InspectionReport) -> Markup:
    found = report.stopping
    if found is None or len(found.lengths) < 2:
        return Markup("")
    points = [(one.steps, 100 * one.gain, 100 * one.interval.low, 100 * one.interval.high) for one in found.lengths]
    return plots.ribbon(
        points,
        described=f"Gain on works left out in turn, up to step {points[-1][0]}; step {found.chosen} was chosen.",
        x=(f"step {points[0][0]}", "", f"step {points[-1][0]}"),
        mark=(found.chosen, f"step {found.chosen}"),
    )


@dataclass(frozen=True)
class Measure:
    """One property of colour or stroke, of each hand."""

    name: str
    values: tuple[tuple[str, str], ...]  # hand, words
    plot: Markup


def _measures(surfaces: tuple[Surface, ...]) -> list[Measure]:
    fields = (
        ("Colours in a picture", "number_of_colours", ""),
        ("Empty background", "background_share", "%"),
        ("Outlined edges", "outline_share", "%"),
        ("Width of a stroke", "stroke_width", " px"),
        ("Soft shading", "gradient_share", "%"),
    )
    measures = []
    for name, field, unit in fields:
        values = [(surface.of, (100 if unit == "%" else 1) * float(getattr(surface, field))) for surface in surfaces]
        words = tuple((hand, percent(value) if unit == "%" else f"{value:.1f}{unit}") for hand, value in values)
        described = name + ": " + ", ".join(f"{hand} {text}" for hand, text in words)
        most = 1.05 * max((value for _, value in values), default=0)
        measures.append(Measure(name, words, plots.marks(values, most=most, described=described)))
    return measures


@dataclass(frozen=True)
class Way:
    """One measure's row: how far base and style are, and how much of the way was gone."""

    name: str
    plot: Markup
    base: str
    style: str
    end: str
    way: str

    @classmethod
    def of(cls, row: Closeness) -> Way:
        low, high = (row.share.interval.low, row.share.interval.high) if row.share else (0, 0)
        whole = [f"{value:z.0%}" for value in (row.share.share if row.share else 0, low, high)]
        way = f"{whole[0]} ({whole[1]} to {whole[2]})" if row.share else "the base is there already"
        values: list[tuple[plots.Hand, float]] = [
            ("base", row.base), ("style", row.style), ("artist", row.given_back),
        ]  # fmt: skip
        described = f"{row.measure}: base {row.base:.3g}, style {row.style:.3g}, end of the way {row.given_back:.3g}"
        most = 1.05 * max(value for _, value in values)
        return cls(
            name=row.measure.capitalize(),
            plot=plots.marks(values, most=most, described=described),
            base=f"{row.base:.3g}",
            style=f"{row.style:.3g}",
            end=f"{row.given_back:.3g}",
            way=way,
        )


def _swatches(surface: Surface) -> list[dict[str, Any]]:
    """The palette as shares of a bar that is full; no more than a hex code reaches the page."""
    whole = sum(colour.share for colour in surface.palette) or 1.0
    return [
        {"hex": "#" + "".join(filter(HEX.__contains__, colour.hex))[:6], "share": 100 * colour.share / whole}
        for colour in surface.palette
    ]
