"""How are groups of works left out of trainings in turn, so that the harm they do can be measured?"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from handstyle import digests
from handstyle.diffusion.family import ModelFamily
from handstyle.encoding.batches import Example
from handstyle.finetuning.fold import Fold
from handstyle.finetuning.gain import SEED
from handstyle.finetuning.material import Material, Report
from handstyle.finetuning.stopping import fold_steps, folds_of
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.inspection.harm import Errors, Group, Harm, by_work, groups_of, judged

ROUNDS = 2
LEVELS = 8  # of noise
SAVE_EVERY = 50  # steps: what was stopped goes on from there


@dataclass(frozen=True)
class LeavingOut:
    """All trainings, each in a folder of its own; what was measured is not computed again."""

    folder: Path
    style: TrainedStyle
    family: ModelFamily
    material: Material  # of the style's works
    drawings: Sequence[Example]  # that it did not learn from
    alike: Mapping[str, str]
    rounds: int
    environment: Mapping[str, str]
    still_permitted: Callable[[], object]  # asked before each training

    def go(self, report: Report) -> Harm:
        began, names = time.perf_counter(), [work.name for work in self.material.works]
        dealt = [folds_of(names, self.alike, np.random.default_rng([SEED, number])) for number in range(self.rounds)]
        ends = np.cumsum([0, *(self._steps(fold) for folds in dealt for fold in folds)]).tolist()
        groups: list[Group] = []
        done = 0
        for number, folds in enumerate(dealt, 1):
            errors = []
            for place, fold in enumerate(folds):
                self.still_permitted()

                def told(step: int, before: int = ends[done]) -> None:
                    report("leaving works out in turn", before + step, ends[-1])

                errors.append(self._errors(f"round-{number}-{place + 1}", fold, told))
                done += 1
            without = [[names[work] for work in fold] for fold in folds]
            groups += groups_of(number, without, np.stack(errors))
        groups = judged(groups)
        return Harm(
            collection=self.style.collection,
            style=self.style.tensors,
            drawings=len(self.drawings),
            rounds=self.rounds,
            steps=self.style.steps,
            groups=tuple(groups),
            works=tuple(by_work(groups)),
            seconds=round(time.perf_counter() - began, 1),
        )

    def _steps(self, fold: Sequence[int]) -> int:
        return fold_steps(self.style.steps, len(self.material.works), len(fold))

    def _errors(self, name: str, left_out: Sequence[int], told: Callable[[int], None]) -> Errors:
        """Of a style that learnt from all works but these, on each drawing."""
        steps = self._steps(left_out)
        learnt = tuple(work for place, work in enumerate(self.material.works) if place not in left_out)
        decisive = {
            "style": self.style.tensors,
            "works": self.material.digest,
            "drawings": replace(self.material, works=tuple(self.drawings)).digest,
            "left out": list(left_out),
            "environment": dict(self.environment),
        }
        fold = Fold(
            folder=self.folder / name,
            lineage=digests.of_json(decisive),
            family=self.family,
            material=replace(self.material, works=learnt),
            left_out=self.drawings,
            everything=self.material.works,
            measured_at=[steps],
            sampled_at=frozenset(),
            levels=LEVELS,
            plain=self.style.plain,
        )
        (measured,) = fold.go(SAVE_EVERY, told)
        return np.asarray(np.array(measured.errors).mean(axis=0))
