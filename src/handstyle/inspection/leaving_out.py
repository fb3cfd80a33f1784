"""How are groups of works left out of trainings in turn, so that the harm they do can be measured?"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from handstyle.diffusion.family import ModelFamily
from handstyle.encoding.batches import Example
from handstyle.finetuning.gain import SEED
from handstyle.finetuning.material import Material, Report
from handstyle.finetuning.stopping import folds_of
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.inspection.fewer_works import FewerWorks
from handstyle.inspection.harm import Group, Harm, by_work, groups_of, judged

ROUNDS = 2


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
        fewer = FewerWorks(self.folder, self.style, self.family, self.material, self.drawings, self.environment)

        def without(fold: Sequence[int]) -> list[int]:
            return [place for place in range(len(names)) if place not in fold]

        ends = np.cumsum([0, *(fewer.steps(without(fold)) for folds in dealt for fold in folds)]).tolist()
        groups: list[Group] = []
        done = 0
        for number, folds in enumerate(dealt, 1):
            errors = []
            for place, fold in enumerate(folds):
                self.still_permitted()

                def told(step: int, before: int = ends[done]) -> None:
                    report("leaving works out in turn", before + step, ends[-1])

                errors.append(fewer.errors(f"round-{number}-{place + 1}", without(fold), told))
                done += 1
            left_out = [[names[work] for work in fold] for fold in folds]
            groups += groups_of(number, left_out, np.stack(errors))
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
