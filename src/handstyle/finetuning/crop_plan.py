"""Which part of each work is trained on, at which size, and is every work shown?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from handstyle.collection.works import Collection, Work
from handstyle.finetuning.recipe import Recipe
from handstyle.records import Record

if TYPE_CHECKING:
    from handstyle.diffusion.family import ModelFamily

MOST_LINES = 100  # that a person is shown


class PlannedCrop(Record):
    """Sizes are width and height in pixels; `box` is left, top, right, bottom in the work's own."""

    name: str
    of: tuple[int, int]
    box: tuple[int, int, int, int]
    bucket: tuple[int, int]
    share_kept: float
    shown: int  # times in the whole run

    def __str__(self) -> str:
        left, top, right, bottom = self.box
        return (
            f"{self.name}: {self.share_kept:.1%} of its {self.of[0]}x{self.of[1]} is seen, from {left},{top} to "
            f"{right},{bottom}, at {self.bucket[0]}x{self.bucket[1]}"
        )


class CropPlan(Record):
    """Every work that is trained on, and none twice."""

    crops: tuple[PlannedCrop, ...]

    @property
    def never_shown(self) -> tuple[str, ...]:
        return tuple(crop.name for crop in self.crops if not crop.shown)

    def lines(self) -> Iterator[str]:
        """How large works are seen, and each of which a part is not."""
        buckets = Counter(crop.bucket for crop in self.crops)
        sizes = ", ".join(f"{number} at {width}x{height}" for (width, height), number in sorted(buckets.items()))
        least, most = (bound(crop.shown for crop in self.crops) for bound in (min, max))
        times = f"{least}" if least == most else f"{least} to {most}"
        used = len(self.crops) - len(self.never_shown)
        yield f"{used} of {len(self.crops)} works are used, each shown {times} times: {sizes}"
        cut = [crop for crop in self.crops if crop.share_kept < 1]
        yield from map(str, cut[:MOST_LINES])
        if len(cut) > MOST_LINES:
            yield f"… and {len(cut) - MOST_LINES} more of which a part is cut off; --json names them"
        yield from self.warnings()

    def warnings(self) -> Iterator[str]:
        unseen = self.never_shown
        if unseen:
            yield f"{len(unseen)} of {len(self.crops)} works are not shown in so short a run, first: {unseen[0]}"


def crop_plan(collection: Collection, family: ModelFamily, recipe: Recipe, steps: int) -> CropPlan:
    """As the batches of a run of so many steps will have it."""
    from handstyle.encoding.batches import turn_at
    from handstyle.finetuning.framing import framing_of

    framing, works = framing_of(recipe, family), collection.training
    crops = {work.name: framing.crops(work.width, work.height)[0] for work in works}
    buckets: dict[tuple[int, ...], list[Work]] = {}
    for work in works:
        buckets.setdefault(family.latent_shape(*crops[work.name].size), []).extend([work] * work.repeats)
    buckets = dict(sorted(buckets.items()))
    numbers, shown = {shape: len(bucket) for shape, bucket in buckets.items()}, Counter[str]()
    for step in range(steps * recipe.gradient_accumulation_steps):
        turn = turn_at(step, numbers, recipe.seed)
        shown.update(buckets[turn.shape][place].name for place in turn.places("works", recipe.train_batch_size))
    return CropPlan(
        crops=tuple(
            PlannedCrop(
                name=work.name,
                of=(work.width, work.height),
                box=crops[work.name].box,
                bucket=crops[work.name].size,
                share_kept=crops[work.name].share_of(work.width, work.height),
                shown=shown[work.name],
            )
            for work in works
        )
    )
