"""How does one fold run: some works to learn from, the others to be measured on?

What it measured is written down step by step, so a fold that was stopped goes on to the same numbers. Once it is done
its weights are deleted: nobody is to draw with them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from handstyle.diffusion import sampling
from handstyle.diffusion.family import ModelFamily
from handstyle.encoding.batches import Example
from handstyle.errors import RecordDamaged, WriteFailed
from handstyle.finetuning.loop import finetune
from handstyle.finetuning.material import Material
from handstyle.finetuning.snapshots import Snapshots, State
from handstyle.finetuning.trainable import as_kept, at_rest, trainable
from handstyle.finetuning.validation import Drawings, denoising_errors
from handstyle.records import Record, write

SAMPLES = 4  # at most, each time; of left-out works, in their words


class Measured(Record):
    """After one step: errors on the left-out works, level x work; distances of samples to all works, sample x work."""

    step: int
    errors: tuple[tuple[float, ...], ...]
    distances: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class Fold:
    folder: Path
    lineage: str  # of everything that decides the numbers
    family: ModelFamily
    material: Material  # to learn from
    left_out: Sequence[Example]
    everything: Sequence[Example]  # learnt from and left out, in the collection's order
    measured_at: Sequence[int]  # steps; the last is the end
    sampled_at: frozenset[int]
    levels: int
    plain: bool

    def go(self, save_every: int, report: Callable[[int], object], *, may_go_on: bool = False) -> list[Measured]:
        """Its weights are kept at the end only where it `may_go_on` to further steps, until `forget`."""
        last = self.measured_at[-1]
        found = [one for one in self._found() if one.step <= last]
        if [one.step for one in found] == list(self.measured_at):
            self._end(may_go_on)
            return found
        recipe, snapshots = self.material.recipe, Snapshots(self.folder / "snapshots", self.lineage, keep=2)
        with trainable(self.family, recipe) as learning:
            state = self._state(snapshots, found)
            found = [one for one in found if state and one.step <= state.step]
            self._write(found)
            steps = finetune(self.family, self.material.batch_at, learning, recipe, last, state, plain=self.plain)
            for step in steps:
                if step.index in self.measured_at:
                    with as_kept(learning, step.state().ema), at_rest(self.family):
                        found.append(self._measure(step.index))
                    self._add(found[-1])
                if (step.index % save_every == 0 and step.index < last) or (step.index == last and may_go_on):
                    snapshots.save(step.state())  # after what was measured there, so that nothing is missed
                report(step.index)
        self._end(may_go_on)
        return found

    def forget(self) -> None:
        """Its weights, as nobody is to draw with them."""
        shutil.rmtree(self.folder / "snapshots", ignore_errors=True)

    def _end(self, may_go_on: bool) -> None:
        if not may_go_on:
            self.forget()

    def _state(self, snapshots: Snapshots, found: Sequence[Measured]) -> State | None:
        """The newest snapshot before which nothing of what was measured is missing."""
        state = snapshots.newest() if snapshots.paths() else None
        due = [step for step in self.measured_at if state and step <= state.step]
        return state if [one.step for one in found][: len(due)] == due else None

    @torch.no_grad()
    def _measure(self, step: int) -> Measured:
        precision = self.material.recipe.mixed_precision
        prompts = [work.text for work in self.left_out]
        drawings = Drawings(tuple(prompts), tuple(work.variants[0].mean_BCHW for work in self.left_out))
        errors_LN = denoising_errors(self.family, drawings, prompts, precision, self.levels)
        distances_SN = self._distances(prompts[:SAMPLES], precision) if step in self.sampled_at else torch.zeros(0, 0)
        return Measured(step=step, errors=_rows(errors_LN), distances=_rows(distances_SN))

    def _distances(self, prompts: Sequence[str], precision: str) -> Tensor:
        """Root mean square difference of latents between samples and works, each work in its nearest variant."""
        family, card = self.family, self.family.card
        works = [torch.stack([variant.mean_BCHW for variant in work.variants]) for work in self.everything]
        walk = sampling.denoise(
            family,
            sampling.starting_noise(range(len(prompts)), tuple(works[0].shape[1:])),  # type: ignore[arg-type]
            family.encode_texts(prompts),
            family.encode_texts([""] * len(prompts)),
            sampler="dpm++",
            steps=card.num_inference_steps,
            guidance_scale=card.guidance_scale,
            guidance_rescale=card.guidance_rescale,
            precision=precision,
        )
        *_, last = walk
        return torch.stack(
            [
                torch.stack(
                    [(_as_large(work, sample) - sample).square().mean(dim=(1, 2, 3)).sqrt().min() for work in works]
                )
                for sample in last.latents_BCHW
            ]
        )

    # What was measured, on disk

    @property
    def _path(self) -> Path:
        return self.folder / "measured.jsonl"

    def _found(self) -> list[Measured]:
        """The whole lines of this very fold; a torn last line, left by a crash, is passed over."""
        found: list[Measured] = []
        if not self._path.is_file():
            return found
        lineage, *lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
        for text in lines if lineage == self.lineage else ():
            try:
                found.append(Measured.read(json.loads(text), where=str(self._path)))
            except (ValueError, RecursionError, RecordDamaged):
                break
        return found

    def _write(self, found: Sequence[Measured]) -> None:
        write(self._path, "".join([f"{self.lineage}\n", *map(_line, found)]).encode())

    def _add(self, measured: Measured) -> None:
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(_line(measured))
        except OSError as error:
            raise WriteFailed(
                f"{self._path} could not be written: {error.strerror}",
                hint="Free some space, then continue with --resume: snapshots are whole.",
            ) from error


def _as_large(work_VCHW: Tensor, sample_CHW: Tensor) -> Tensor:
    """A work from another bucket is looked at in the size of the sample."""
    size = sample_CHW.shape[1:]
    if work_VCHW.shape[2:] == size:
        return work_VCHW
    return torch.nn.functional.interpolate(work_VCHW, size=tuple(size), mode="area")


def _line(measured: Measured) -> str:
    return json.dumps(measured.as_json()) + "\n"


def _rows(tensor: Tensor) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in tensor.double().tolist())
