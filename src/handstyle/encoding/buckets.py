"""To which size is each picture cut, so that little of it is lost and many fit one batch?

Either all to one square, or each to the bucket of about the same area whose proportions are nearest (NovelAI 2022,
"aspect ratio bucketing"). Names and sizes of buckets are kohya's (sd-scripts, library/model_util.py). None is left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from handstyle.encoding.crops import Crop, Extent, crop_to


@dataclass(frozen=True)
class Buckets:
    """Sides in pixels. The area of each bucket is at most that of a square of `resolution`."""

    resolution: int
    smallest: int  # side of a bucket
    largest: int
    steps: int  # every side is a multiple of this
    no_upscale: bool = False  # no picture is enlarged, unless it is smaller than one step

    @cached_property
    def sizes(self) -> tuple[Extent, ...]:
        square = self.resolution // self.steps * self.steps
        smallest = self.smallest // self.steps * self.steps or self.steps
        found = {(square, square)}
        for width in range(smallest, self.largest + 1, self.steps):
            height = min(self.largest, self.resolution**2 // width) // self.steps * self.steps
            if height >= smallest:
                found |= {(width, height), (height, width)}
        return tuple(sorted(found))

    def of(self, width: int, height: int) -> Extent:
        """The bucket that keeps most of a picture; of those that keep as much, the largest."""
        fitting = self._without_upscaling(width, height) if self.no_upscale else self.sizes

        def kept(size: Extent) -> tuple[float, int, Extent]:
            one, other = width * size[1], height * size[0]
            return (min(one, other) / max(one, other), size[0] * size[1], size)

        return max(fitting, key=kept)

    def _without_upscaling(self, width: int, height: int) -> list[Extent]:
        """Sizes around that of the picture, shrunk to the area of a bucket where it is larger. The smallest and the
        largest side do not count, as with kohya."""
        shrunk = min(1.0, math.sqrt(self.resolution**2 / (width * height)))
        across, down = (self._around(side, shrunk) for side in (width, height))
        fits = [(x, y) for x in across for y in down if x * y <= self.resolution**2]
        longest = self.resolution**2 // self.steps // self.steps * self.steps  # of a bucket one step wide
        return fits or [(min(across[0], longest), min(down[0], longest))]

    def _around(self, side: int, shrunk: float) -> list[int]:
        """The steps below and above a side, none of them larger than the picture's own."""
        below = int(side * shrunk) // self.steps * self.steps
        return [below or self.steps] + [above for above in (below + self.steps,) if below and above <= side]


@dataclass(frozen=True)
class Framing:
    """How pictures are cut: to a square, or to their buckets; and mirrored as well."""

    resolution: int
    buckets: Buckets | None = None
    random_flip: bool = False

    def size(self, width: int, height: int) -> Extent:
        return self.buckets.of(width, height) if self.buckets else (self.resolution, self.resolution)

    def crops(self, width: int, height: int) -> list[Crop]:
        """As it is, and mirrored where that is asked for."""
        size = self.size(width, height)
        return [
            crop_to(width, height, size, mirrored=side) for side in ([False, True] if self.random_flip else [False])
        ]
