"""How are styles trained on halves of the works, or without one of them, to see what each work does to pictures?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handstyle.diffusion.family import ModelFamily
from handstyle.encoding.batches import Example
from handstyle.finetuning.material import Material, Report
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.inspection.exchangeability import units_of
from handstyle.inspection.fewer_works import FewerWorks
from handstyle.inspection.influence import Values, halves, parts_by_pair

SEEDS = 2  # how often all of it is done
PAIRS = 8  # of halves, each time


@dataclass(frozen=True)
class Trained:
    """What the trainings say, once for each seed."""

    by_pair: tuple[NDArray[np.float64], ...]  # pair x picture x work
    left_out: tuple[Values, ...]  # picture x work; empty where no work was left out alone
    trainings: int

    def by_pair_of(self, picture: int) -> NDArray[np.float64]:
        """Pair x work, of all seeds."""
        return np.concatenate([by_pair_PQN[:, picture] for by_pair_PQN in self.by_pair])

    @property
    def truths(self) -> list[Values]:
        return [by_pair_PQN.mean(axis=0) for by_pair_PQN in self.by_pair]


@dataclass(frozen=True)
class Coalitions:
    """All trainings, each in a folder of its own; what was measured is not computed again. Weights are deleted."""

    folder: Path
    style: TrainedStyle
    family: ModelFamily
    material: Material  # of the style's works
    pictures: Sequence[Example]
    alike: Mapping[str, str]
    pairs: int
    one_by_one: bool  # also without each work alone
    environment: Mapping[str, str]
    still_permitted: Callable[[], object]  # asked before each training

    @property
    def names(self) -> list[str]:
        return [work.name for work in self.material.works]

    def go(self, report: Report) -> Trained:
        units, works = units_of(self.names, self.alike), len(self.names)
        dealt = [
            [halves(units, np.random.default_rng([self.style.recipe.seed, seed, pair])) for pair in range(self.pairs)]
            for seed in range(SEEDS)
        ]
        plan = [
            (seed, f"pair-{pair + 1}-{half + 1}", tuple(kept))
            for seed, pairs in enumerate(dealt)
            for pair, both in enumerate(pairs)
            for half, kept in enumerate(both)
        ]
        if self.one_by_one:
            plan += [
                (seed, f"without-{place + 1}", tuple(sorted(set(range(works)) - set(unit))))
                for seed in range(SEEDS)
                for place, unit in enumerate(units)
            ]
        found = dict(zip([entry[:2] for entry in plan], self._all(plan, report), strict=True))
        by_pair = []
        for seed, pairs in enumerate(dealt):
            errors_PHQ = np.array(
                [[found[seed, f"pair-{p + 1}-{half + 1}"] for half in (0, 1)] for p in range(self.pairs)]
            )
            in_first_PN = np.array([[place in first for place in range(works)] for first, _ in pairs])
            by_pair.append(parts_by_pair(errors_PHQ, in_first_PN))
        return Trained(tuple(by_pair), tuple(self._left_out(found, units)), len(plan))

    def _left_out(
        self, found: Mapping[tuple[int, str], NDArray[np.float64]], units: Sequence[Sequence[int]]
    ) -> list[Values]:
        """What is erred more without a work; near-duplicates share what was measured without all of them."""
        if not self.one_by_one:
            return []
        values = []
        for seed in range(SEEDS):
            value_QN = np.empty((len(self.pictures), len(self.names)))
            for place, unit in enumerate(units):
                value_QN[:, unit] = found[seed, f"without-{place + 1}"][:, None]
            values.append(value_QN)
        return values

    def _all(self, plan: Sequence[tuple[int, str, tuple[int, ...]]], report: Report) -> list[NDArray[np.float64]]:
        fewer = FewerWorks(self.folder, self.style, self.family, self.material, self.pictures, self.environment)
        ends, found = np.cumsum([0, *(fewer.steps(kept) for _, _, kept in plan)]).tolist(), []
        for number, (seed, name, kept) in enumerate(plan):
            self.still_permitted()

            def told(step: int, before: int = ends[number]) -> None:
                report("training without some of the works", before + step, ends[-1])

            found.append(fewer.errors(f"seed-{seed + 1}-{name}", kept, told, self.style.recipe.seed + 1 + seed))
        return found
