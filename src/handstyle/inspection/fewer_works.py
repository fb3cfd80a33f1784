"""What does a style err on pictures, once it has learnt from some of its works alone?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handstyle import digests
from handstyle.diffusion.family import ModelFamily
from handstyle.encoding.batches import Example
from handstyle.finetuning.fold import Fold
from handstyle.finetuning.material import Material
from handstyle.finetuning.stopping import fold_steps
from handstyle.finetuning.trained_style import TrainedStyle

LEVELS = 8  # of noise
SAVE_EVERY = 50  # steps: what was stopped goes on from there


@dataclass(frozen=True)
class FewerWorks:
    """Trainings of one style, each in a folder of its own; what was measured is not computed again, and weights are
    deleted."""

    folder: Path
    style: TrainedStyle
    family: ModelFamily
    material: Material  # of all of the style's works
    asked: Sequence[Example]  # pictures on which it is measured
    environment: Mapping[str, str]

    def steps(self, kept: Sequence[int]) -> int:
        works = len(self.material.works)
        return fold_steps(self.style.steps, works, works - len(kept))

    def errors(
        self, name: str, kept: Sequence[int], told: Callable[[int], None], seed: int | None = None
    ) -> NDArray[np.float64]:
        """On each picture, mean over the noise levels. `kept` are places of works; `seed` in place of the recipe's."""
        recipe = self.material.recipe if seed is None else self.material.recipe.changed(seed=seed)
        decisive = {
            "style": self.style.tensors,
            "works": self.material.digest,
            "asked": replace(self.material, works=tuple(self.asked), class_images=()).digest,
            "words": [picture.text for picture in self.asked],
            "kept": list(kept),
            "seed": recipe.seed,
            "environment": dict(self.environment),
        }
        steps = self.steps(kept)
        fold = Fold(
            folder=self.folder / name,
            lineage=digests.of_json(decisive),
            family=self.family,
            material=replace(self.material, recipe=recipe, works=tuple(self.material.works[n] for n in kept)),
            left_out=self.asked,
            everything=self.material.works,
            measured_at=[steps],
            sampled_at=frozenset(),
            levels=LEVELS,
            plain=self.style.plain,
        )
        (measured,) = fold.go(SAVE_EVERY, told)
        return np.asarray(np.array(measured.errors).mean(axis=0))
