"""How is a twin of a style trained on half of its works, and what of it is kept until the audit is over?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from handstyle import digests
from handstyle.finetuning import origin
from handstyle.finetuning.loop import finetune
from handstyle.finetuning.material import Material
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.snapshots import Snapshots, State
from handstyle.finetuning.trainable import trainable
from handstyle.inspection.drawing import Report
from handstyle.inspection.subject import Subject

SAVE_EVERY = 50  # steps


@dataclass(frozen=True)
class Twin:
    """Weights at one step of a training, on the disk: of a full finetuning several would not fit into the memory."""

    step: int
    kept: Snapshots
    path: Path

    @property
    def weights(self) -> dict[str, Tensor]:
        return self.kept.load(self.path).finished_weights()


@dataclass(frozen=True)
class Twins:
    subject: Subject
    material: Material
    folder: Path  # what was stopped goes on from there
    report: Report

    def trained(self, recipe: Recipe, held: Sequence[int], steps: int, shares: Sequence[float] = ()) -> list[Twin]:
        """At the end, and at shares of the way, the latest first."""
        works = tuple(work for place, work in enumerate(self.material.works) if place not in held)
        material = replace(self.material, works=works, recipe=recipe)
        wanted = {max(1, round(share * steps)) for share in shares} | {steps}
        lineage = digests.of_json(
            {"style": self.subject.worn.style.tensors, "works": material.digest, "recipe": recipe.as_json(),
             "steps": steps, "wanted": sorted(wanted), "kept": "finished weights"}
        )  # fmt: skip
        kept = Snapshots(self.folder / lineage[:16], lineage, keep=len(wanted))
        going = Snapshots(self.folder / lineage[:16] / "going", lineage, keep=1)
        if len(kept.paths()) < len(wanted):
            state = going.newest() if going.paths() else None
            began = origin.of_run(self.subject.run, self.subject.worn.trained.origin)
            with trainable(self.subject.family, recipe, began) as learning:
                for step in finetune(self.subject.family, material.batch_at, learning, recipe, steps, state):
                    if step.index in wanted:
                        # To draw with, not to go on from: moments would double or triple what lies on the disk.
                        kept.save(State(step.index, step.state().finished_weights(), {}, {}, {}))
                    if step.index % SAVE_EVERY == 0 and step.index < steps:
                        going.save(step.state())
                    self.report("training a twin on half of the works", step.index, step.of)
            for path in going.paths():
                path.unlink(missing_ok=True)
        return [Twin(int(path.stem.removeprefix("step-")), kept, path) for path in kept.paths()][::-1]
