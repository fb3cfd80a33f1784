"""How does a run keep its state, and leave a trained style behind?"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from handstyle import digests
from handstyle.collection.works import Collection
from handstyle.diffusion import quantised_layers
from handstyle.diffusion.checkpoints import write_tensors
from handstyle.diffusion.family import ModelFamily
from handstyle.diffusion.hardware import environment, peak_memory
from handstyle.errors import SnapshotDamaged, StageMissing
from handstyle.finetuning import optimizers
from handstyle.finetuning.continuation import unfinished_beside
from handstyle.finetuning.loop import finetune
from handstyle.finetuning.manifest import RunManifest
from handstyle.finetuning.material import Material, Report
from handstyle.finetuning.measured import Gain
from handstyle.finetuning.observers import Log
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.snapshots import Snapshots, State
from handstyle.finetuning.trackers import ReportTo, Tracker, tracker, values_of
from handstyle.finetuning.trainable import Trainable, as_kept, at_rest
from handstyle.finetuning.trained_style import RECORD, WEIGHTS, BaseIdentity, TrainedStyle
from handstyle.finetuning.validation import Yardstick, denoising_errors
from handstyle.records import Record

CARRIED_OVER = (  # from what was asked into what came of it
    *("base", "collection", "class_images", "recipe", "resolution", "environment", "continued", "plain", "extends"),
    *("replaces", "origin"),
)


class Cost(Record):
    """What a run took, resumed parts included."""

    seconds: float
    pictures_per_second: float
    peak_memory_bytes: int


def manifest(
    collection: Collection, family: ModelFamily, recipe: Recipe, material: Material, extends: str = "",
    replaces: str = "", origin: str = "",
) -> RunManifest:  # fmt: skip
    card = family.card
    return RunManifest(
        collection=collection.digest,
        works=len(collection.training),
        base=BaseIdentity(
            name=card.name, family=family.kind, sha256=family.digest, licence=card.licence, source=card.source
        ),
        recipe=recipe,
        class_images=material.class_images_digest,
        resolution=recipe.resolution or family.resolution,
        steps=recipe.max_train.in_steps(collection.pictures_in_an_epoch, recipe.train_batch_size),
        environment={
            **environment(),
            **optimizers.environment(recipe),
            **quantised_layers.environment(recipe.base_model_precision),
            "encoded works": material.digest[:16],
        },
        plain=family.plain,
        extends=extends,
        replaces=replaces,
        origin=origin,
    )


def is_finished(folder: Path) -> bool:
    return (folder / "style" / RECORD).is_file() and (folder / "style" / WEIGHTS).is_file()


def starting_state(
    folder: Path,
    manifest: RunManifest,
    parent: Path | None,
    *,
    resume: bool,
    tell: Callable[[str], object] = lambda words: None,
) -> State | None:
    """None for a fresh start. `tell` hears of a damaged snapshot that is passed over.

    Raises SnapshotDamaged when an unfinished run is here and `resume` was not asked for.
    """
    own = Snapshots(folder / "snapshots", manifest.lineage)
    if own.paths():
        if not resume:
            raise SnapshotDamaged(
                f"{folder} holds an unfinished run of the same recipe, at step "
                f"{int(own.paths()[-1].stem.split('-')[1])}",
                hint="Continue it with --resume, or move the folder away to start over.",
            )
        return own.newest(tell)
    if parent is not None:
        before = RunManifest.load(parent / "run.json")
        state = Snapshots(parent / "snapshots", before.lineage).newest(tell)
        if state is None:
            raise SnapshotDamaged(
                f"{parent} has no snapshot left to continue from", hint="Start a new run of so many steps instead."
            )
        return state
    if resume and not (folder / "run.json").is_file():
        others = unfinished_beside(folder, manifest)
        raise StageMissing(
            "there is no unfinished run of this recipe to resume",
            faults=others,
            hint="Ask with --set for what it has, or leave --resume out." if others else "Leave --resume out.",
        )
    return None


@dataclass(frozen=True)
class Running:
    """One run in its folder. `paint` draws samples of the weights as they stand."""

    folder: Path
    manifest: RunManifest
    family: ModelFamily
    learning: Trainable
    material: Material
    paint: Callable[[int], object]
    held_out: Yardstick | None  # to validate on
    involvement: str = ""
    report_to: ReportTo | None = None

    @property
    def snapshots(self) -> Snapshots:
        return Snapshots(self.folder / "snapshots", self.manifest.lineage)

    def go(self, state: State | None, *, save_every: int, sample_every: int, report: Report) -> TrainedStyle:
        """Trains to the end and leaves `style/` and `cost.json` behind."""
        self.manifest.save(self.folder / "run.json")
        with tracker(self.report_to, self.folder, self.manifest.recipe) as beside:
            last = self._learn(state, beside, save_every, sample_every, report)
        return self._finish(last)

    def _learn(
        self, state: State | None, beside: Tracker | None, save_every: int, sample_every: int, report: Report
    ) -> State:
        log = Log(self.folder / "steps.jsonl", state.step if state else 0)
        before = self._cost_before()
        pictures, began, last = 0, time.perf_counter(), state
        if state is None and sample_every:
            self.paint(0)
        steps = finetune(
            self.family,
            self.material.batch_at,
            self.learning,
            self.manifest.recipe,
            self.manifest.steps,
            state,
            plain=self.manifest.plain,
        )
        seconds_stepping = 0.0
        for step in steps:
            pictures, seconds_stepping = pictures + step.pictures, seconds_stepping + step.seconds
            at_end, gain = step.index == step.of, None
            saves = at_end or step.index % save_every == 0
            looks = sample_every > 0 and (at_end or step.index % sample_every == 0)
            if looks or saves:
                last = step.state()
            if looks and last:
                gain = self._look(last)
            line = log.add(step, gain)
            if beside is not None:
                beside.log(values_of(line), step=step.index)
            if saves and last:
                self.snapshots.save(last)
                self._save_cost(before + time.perf_counter() - began, pictures, seconds_stepping)
            report("finetuning", step.index, step.of)
        if last is None:
            raise StageMissing("the run has no step to end with", hint="Set max_train to one step or more.")
        return last

    def _look(self, state: State) -> Gain | None:
        """Samples and the gain on drawings not trained on, both with the weights that would be kept."""
        with as_kept(self.learning, state.ema):
            self.paint(state.step)
            return self._validation()

    def _validation(self) -> Gain | None:
        if self.held_out is None:
            return None
        recipe, drawings = self.manifest.recipe, self.held_out.drawings
        prompts = [recipe.words(caption) for caption in drawings.captions]
        with at_rest(self.family):
            levels = len(self.held_out.timesteps)
            errors_LN = denoising_errors(self.family, drawings, prompts, recipe.mixed_precision, levels)
        return self.held_out.gain(errors_LN)

    def _cost_before(self) -> float:
        path = self.folder / "cost.json"
        return Cost.load(path).seconds if path.is_file() else 0.0

    def _save_cost(self, seconds: float, pictures: int, seconds_stepping: float) -> None:
        Cost(
            seconds=round(seconds, 2),
            pictures_per_second=round(pictures / seconds_stepping, 2) if seconds_stepping else 0.0,
            peak_memory_bytes=peak_memory(),
        ).save(self.folder / "cost.json")

    def _finish(self, state: State) -> TrainedStyle:
        manifest, place = self.manifest, self.folder / "style"
        path = write_tensors(place / WEIGHTS, state.finished_weights(), {"format": "pt"})
        style = TrainedStyle(
            name=f"style-{manifest.lineage[:8]}",
            number_of_works=manifest.works,
            steps=state.step,
            tensors=digests.of_tensor_file(path),
            involvement=self.involvement,
            **{name: getattr(manifest, name) for name in CARRIED_OVER},
        )
        style.save(place / RECORD)
        return style
