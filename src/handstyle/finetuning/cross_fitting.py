"""How are works left out in turn, so that a run can be told how long to go on?"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handstyle import digests
from handstyle.diffusion.family import ModelFamily
from handstyle.finetuning import stopping
from handstyle.finetuning.fold import SAMPLES, Fold, Measured
from handstyle.finetuning.gain import SEED, gain_of
from handstyle.finetuning.manifest import RunManifest
from handstyle.finetuning.material import Material, Report
from handstyle.finetuning.measured import CrossFitted, Towards
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.validation import Drawings, Yardstick, yardstick

RECORD = "stopping.json"
LEVELS = 8  # of noise
EVERY = 2  # samples are looked at at every second length
INSTEAD_OF_A_DECAY = 0.95  # moving average; most of what a constant rate loses beside a cosine (docs/benchmark.md)


def without_schedule(recipe: Recipe) -> Recipe:
    """At a constant rate every snapshot is what a run of that length would have ended with, so one run tells of all
    lengths; a moving average of the weights stands in for the decay (Hägele et al. 2024, "Scaling Laws and
    Compute-Optimal Training Beyond Fixed Training Durations"), also where the recipe keeps none."""
    falls, averages = recipe.lr_scheduler in ("linear", "cosine"), recipe.ema_decay > 0
    average = {"ema_decay": INSTEAD_OF_A_DECAY} if falls and not averages else {}
    return recipe.changed(lr_scheduler="constant_with_warmup", **average)


@dataclass(frozen=True)
class CrossFitting:
    """All folds of one run, in their folder. `manifest` is that of the longest run that is looked at."""

    folder: Path
    manifest: RunManifest
    family: ModelFamily
    material: Material
    captions: Sequence[str]
    templates: Sequence[str]  # in which the base may be asked
    alike: Mapping[str, str]  # work -> an earlier one that looks nearly like it
    still_permitted: Callable[[], object]  # asked before each fold
    save_every: int
    own_length: int  # of the recipe, in steps: kept where nothing speaks clearly for another
    furthest: int  # length that the search goes on to where works left out ask for it; at least the manifest's

    def go(self, report: Report) -> CrossFitted:
        """What was found before is not computed again."""
        if self.is_done:
            return CrossFitted.load(self.folder / RECORD)
        began, measure = time.perf_counter(), self._measure()
        points = stopping.points(self.manifest.steps)
        found = self._at(points, measure, report)
        while self._goes_on(found):
            points = stopping.further(points, self.furthest)
            found = self._at(points, measure, report)
        for number, fold in enumerate(self.folds):
            self._fold(number, fold, points).forget()
        found = found.model_copy(update={"seconds": round(time.perf_counter() - began, 1)})
        found.save(self.folder / RECORD)
        return found

    def _at(self, points: list[int], measure: Yardstick, report: Report) -> CrossFitted:
        """What these lengths say. All folds go to the last of them."""
        folds, measured = self.folds, []
        ends = np.cumsum([0, *(self._steps(points, fold)[-1] for fold in folds)]).tolist()
        for number, fold in enumerate(folds):
            self.still_permitted()

            def told(step: int, before: int = ends[number]) -> None:
                report(f"leaving works out in turn, up to {points[-1]} steps", before + step, ends[-1])

            may_go_on = points[-1] < self.furthest
            measured.append(self._fold(number, fold, points).go(self.save_every, told, may_go_on=may_go_on))
        return self._found(points, folds, measured, measure)

    def _goes_on(self, found: CrossFitted) -> bool:
        steps = [length.steps for length in found.lengths]
        is_cut_short = stopping.is_cut_short(steps, np.array([length.gain for length in found.lengths]))
        return is_cut_short and steps[-1] < self.furthest

    @property
    def folds(self) -> list[list[int]]:
        names = [work.name for work in self.material.works]
        return stopping.folds_of(names, self.alike, np.random.default_rng([SEED, self.manifest.recipe.seed]))

    @property
    def is_done(self) -> bool:
        path = self.folder / RECORD
        return path.is_file() and not self._goes_on(CrossFitted.load(path))

    @property
    def at_most(self) -> list[int]:
        """All lengths that may have to be looked at."""
        return stopping.all_points(self.manifest.steps, self.furthest)

    @property
    def number_of_steps(self) -> int:
        """Of all folds together, at most."""
        return sum(self._steps(self.at_most, fold)[-1] for fold in self.folds)

    def _measure(self) -> Yardstick:
        works = tuple(work.variants[0].mean_BCHW for work in self.material.works)
        precision = self.manifest.recipe.mixed_precision
        return yardstick(self.family, Drawings(tuple(self.captions), works), self.templates, precision, LEVELS)

    def _steps(self, points: Sequence[int], fold: Sequence[int]) -> list[int]:
        """The fold's step for each length; several lengths may share one in a short run."""
        return [stopping.fold_steps(point, len(self.material.works), len(fold)) for point in points]

    def _fold(self, number: int, left_out: Sequence[int], points: Sequence[int]) -> Fold:
        works, steps = self.material.works, self._steps(points, left_out)
        learnt = tuple(work for place, work in enumerate(works) if place not in left_out)
        looked = frozenset([*steps[EVERY - 1 :: EVERY], steps[0], steps[-1]])
        decisive = {"run": self.manifest.lineage, "works": self.material.digest, "left out": list(left_out)}
        environment = {"environment": self.manifest.environment, "levels": LEVELS, "sampled": EVERY}
        return Fold(
            folder=self.folder / f"fold-{number + 1}",
            lineage=digests.of_json(decisive | environment),
            family=self.family,
            material=replace(self.material, works=learnt, recipe=self.manifest.recipe),
            left_out=tuple(works[place] for place in left_out),
            everything=works,
            measured_at=sorted(set(steps)),
            sampled_at=looked,
            levels=LEVELS,
            plain=self.manifest.plain,
        )

    def _found(
        self, points: list[int], folds: list[list[int]], measured: list[list[Measured]], measure: Yardstick
    ) -> CrossFitted:
        works, order = self.material.works, [place for fold in folds for place in fold]
        base_LN = measure.base_errors_LN.double().numpy()[:, order]
        by_step = [{one.step: one for one in fold} for fold in measured]
        steps = [self._steps(points, fold) for fold in folds]
        errors_PLN = np.stack(
            [
                np.concatenate([np.array(fold[at[p]].errors) for fold, at in zip(by_step, steps, strict=True)], axis=1)
                for p in range(len(points))
            ]
        )
        lengths = stopping.lengths_of(points, base_LN, errors_PLN)
        chosen = stopping.choose(np.array([length.gain for length in lengths]))
        fold_N = np.repeat(np.arange(len(folds)), [len(fold) for fold in folds])
        honest_LN = stopping.honestly_chosen(base_LN, errors_PLN, fold_N)
        at_chosen = gain_of(base_LN, honest_LN, measure.timesteps)
        if not at_chosen.interval.is_above_zero:
            chosen = int(np.argmin([abs(point - self.own_length) for point in points]))
        at_end = chosen == len(points) - 1
        beyond = None if at_end else stopping.loses_beyond(base_LN, honest_LN, errors_PLN[-1])
        moved = stopping.towards(
            [_moved(fold, at[chosen], left) for fold, at, left in zip(measured, steps, folds, strict=True)]
        )
        nearer = tuple(Towards(work=place + 1, name=works[place].name, samples=n) for place, n in moved.items())
        return CrossFitted(
            collection=self.manifest.collection,
            folds=tuple(tuple(works[place].name for place in fold) for fold in folds),
            lengths=tuple(lengths),
            chosen=points[chosen],
            at_chosen=at_chosen,
            loses_beyond=beyond,
            towards=nearer,
            samples=sum(min(SAMPLES, len(fold)) for fold in folds),
            seconds=0,
            verdict=stopping.verdict(lengths, chosen, at_chosen, beyond, nearer),
        )


def _moved(
    fold: Sequence[Measured], chosen: int, left_out: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64], Sequence[int]]:
    """Distances of the fold's samples when they were last looked at up to the chosen step, and at the end."""
    looked = [one for one in fold if one.distances]
    then = [one for one in looked if one.step <= chosen] or looked[:1]
    return np.array(then[-1].distances), np.array(looked[-1].distances), left_out
