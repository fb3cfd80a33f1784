"""How does a comparison of two runs become one page?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from handstyle.finetuning.measured import Interval
from handstyle.inspection import plots
from handstyle.inspection.comparison import Comparison, PairedGain
from handstyle.inspection.one_file import document, loaded
from handstyle.inspection.plots import percent
from handstyle.inspection.report import Shown

MOST_DRAWINGS = 12  # told apart in a table; those between which the runs differ most


def page(found: Comparison, pictures: Path) -> str:
    """One HTML document for those at home: it shows works that may not be shown in public.

    Raises RecordDamaged when pictures are missing from the folder, naming each.
    """
    images = loaded((shown.file for shown in _shown(found)), pictures, "handstyle compare")
    gain = found.gain
    return document(
        "compare.html.jinja",
        images,
        style="compare.css",
        script="compare.js",
        found=found,
        gain=gain,
        plot=_plot(gain) if gain else "",
        bands=_bands(gain) if gain else [],
        drawings=_drawings(gain) if gain else [],
        runs=[("before", found.before, found.steps_before), ("after", found.after, found.steps_after)],
    )


def _shown(found: Comparison) -> Iterator[Shown]:
    yield from (work.picture for work in found.works)
    for row in found.rows:
        yield row.base
        yield from (cell.picture for cell in row.cells)
        yield from [row.real] if row.real else []


@dataclass(frozen=True)
class Measured:
    """A share and its interval, in words."""

    share: str
    interval: str
    is_clear: bool


@dataclass(frozen=True)
class BandLine:
    name: str
    before: Measured
    after: Measured
    difference: Measured


def _measured(value: float, interval: Interval, whole: float) -> Measured:
    if not whole:
        return Measured("0%", "", False)
    low, high = 100 * interval.low / whole, 100 * interval.high / whole
    return Measured(percent(100 * value / whole), f"{percent(low)} to {percent(high)}", low > 0 or high < 0)


def _bands(gain: PairedGain) -> list[BandLine]:
    """All of the noise first, then band by band; each as a share of the base's error there."""
    hands = (gain.before, gain.after, gain.difference)
    lines = [BandLine("all of it", *(_measured(each.gain, each.interval, gain.base_error) for each in hands))]
    for before, after, difference in zip(*(each.bands for each in hands), strict=True):
        whole = before.base_error
        of_band = (_measured(band.gain, band.interval, whole) for band in (before, after, difference))
        lines.append(BandLine(before.name, *of_band))
    return lines


def _plot(gain: PairedGain) -> Markup:
    found = gain.difference
    share, low, high = (100 * gain.share(value) for value in (found.gain, found.interval.low, found.interval.high))
    described = f"The second run errs {percent(share)} less than the first, {percent(low)} to {percent(high)}."
    ends = ("← the first is better", "the second is better →")
    return plots.forest(low, share, high, ends=ends, described=described)


def _drawings(gain: PairedGain) -> list[dict[str, object]]:
    """Where the two differ most, the greatest improvement first."""
    ordered = sorted(gain.on_drawings, key=lambda one: -abs(one.after - one.before))[:MOST_DRAWINGS]
    return [
        {
            "caption": one.caption,
            "before": percent(100 * one.before),
            "after": percent(100 * one.after),
            "difference": percent(100 * (one.after - one.before)),
            "improved": one.after > one.before,
        }
        for one in sorted(ordered, key=lambda one: one.before - one.after)
    ]
