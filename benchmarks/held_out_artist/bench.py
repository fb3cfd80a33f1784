"""How is one method run on one draw of one artist, and what does it say of drawings it never saw?"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from torch import Tensor

from benchmarks.held_out_artist.artists import Drawing, Split, opened, written
from benchmarks.held_out_artist.methods import ORACLE, SAME_FOR_ALL, Method
from benchmarks.held_out_artist.recipes import recipe_of
from benchmarks.held_out_artist.rows import Row
from handstyle import __version__, loading, planning, stages
from handstyle.collection.rights_plan import read_rights_toml
from handstyle.diffusion.family import ModelFamily
from handstyle.encoding.buckets import Framing
from handstyle.encoding.cache import Cache
from handstyle.finetuning.validation import NOISE_LEVELS, Drawings, Yardstick, denoising_errors, filled, yardstick
from handstyle.generation import wardrobe
from handstyle.generation.generate import Worn, attached, generate
from handstyle.generation.request import GenerationRequest
from handstyle.inspection import likeness
from handstyle.inspection.material import HeldOut, as_seen, encoded, further_drawings
from handstyle.inspection.subject import base_templates
from handstyle.workspace import Workspace

BATCH, SEED = 32, 1
DIGITS = 6  # behind the point, of what is kept drawing by drawing
On = Literal["tuning", "testing"]


@dataclass(frozen=True)
class Bench:
    """One artist's split, and where everything is written."""

    packages: Path
    split: Split
    on: On
    to: Path
    base: Path | None
    family: ModelFamily
    most: int | None = None  # of the drawings that are tested on; a trial of the machinery needs only a few
    by_the_base: dict[str, list[Image.Image]] = field(default_factory=dict)  # pictures by template: alike in all draws

    @cached_property
    def icons(self) -> dict[str, Any]:
        return opened(self.packages, self.split.artist)

    @property
    def folder(self) -> Path:
        return self.to / self.split.artist.name / f"{self.split.digest[:8]}-{self.family.resolution}"

    @property
    def to_test_on(self) -> tuple[Drawing, ...]:
        return (self.split.tuning if self.on == "tuning" else self.split.testing)[: self.most]

    @property
    def all_else(self) -> tuple[Drawing, ...]:
        """What the oracle learns from."""
        tuning = self.split.tuning if self.on == "testing" else ()
        return (*self.split.candidates, *self.split.others, *tuning)

    @property
    def tested(self) -> Path:
        return self._written(f"{self.on}-{len(self.to_test_on)}", self.to_test_on)

    def works(self, draw: int, method: Method, name: str) -> Path:
        if name == ORACLE:
            return self._written(f"oracle-for-{self.on}", self.all_else)
        one = SAME_FOR_ALL if method.captions == "the same for all" else ""
        folder = f"works-{draw}-{method.works}{'-one-caption' if one else ''}"
        return self._written(folder, self.split.works(draw, method.works), one)

    def _written(self, name: str, drawings: Sequence[Drawing], caption: str = "") -> Path:
        return written(self.split, drawings, self.icons, self.family.resolution, self.folder / name, caption)

    def row(self, draw: int, name: str, method: Method, recipe: str = "", **found: Any) -> Row:
        """`recipe` where it is not ours that trains."""
        artist, recipe = self.split.artist, recipe or recipe_of(self.family, method)
        return Row(artist=artist.name, related=artist.related, draw=draw, on=self.on, method=name,
                   settings=method.settings, recipe=recipe, works=method.works, drawings=len(self.to_test_on),
                   split=self.split.digest, base=self.family.digest, version=__version__, **found)  # fmt: skip


@dataclass(frozen=True)
class Measure:
    """The drawings that are tested on, as the base sees them, and what it errs on them itself."""

    family: ModelFamily
    drawings: Drawings
    templates: tuple[str, ...]  # without identifier, with the class words, nearest known style
    base: Yardstick
    precision: str
    real: tuple[Image.Image, ...]

    @classmethod
    def of(cls, bench: Bench, workspace: Workspace, precision: str, class_words: str) -> Measure:
        collection, folder = loading.current_collection(workspace)
        held = further_drawings(collection, bench.tested)
        family, cache = bench.family, Cache(workspace.cache)
        works = HeldOut(collection, folder, collection.training, False)
        side = family.resolution
        framing = Framing(side)
        templates = base_templates(family, class_words, precision, lambda: encoded(works, family, framing, cache))
        drawings = encoded(held, family, framing, cache)
        real = tuple(as_seen(work, held.folder, held.collection.background, side) for work in held.works)
        base = yardstick(family, drawings, templates, precision, NOISE_LEVELS)
        return cls(family, drawings, tuple(templates), base, precision, real)

    def errors(self, template: str, worn: Sequence[Worn] = (), levels: int = NOISE_LEVELS) -> tuple[float, ...]:
        words = filled(template, self.drawings)
        with attached(worn, self.family):
            return rounded(denoising_errors(self.family, self.drawings, words, self.precision, levels))

    def pictures(self, template: str, worn: Sequence[Worn] = ()) -> list[Image.Image]:
        card, side = self.family.card, self.family.resolution
        requests = [
            GenerationRequest(
                prompt=words, seed=1000 * SEED + number, width=side, height=side,
                num_inference_steps=card.num_inference_steps, guidance_scale=card.guidance_scale,
                guidance_rescale=card.guidance_rescale, precision="bf16" if self.precision == "bf16" else "no",
            )
            for number, words in enumerate(filled(template, self.drawings))
        ]  # fmt: skip
        with attached(worn, self.family):
            return [picture.image for picture in generate(requests, self.family, batch_size=BATCH)]

    def distances(self, pictures: Sequence[Image.Image | None]) -> tuple[float | None, ...]:
        pairs = zip(pictures, self.real, strict=True)
        return tuple(
            None if one is None else round(likeness.distance(likeness.strokes(one), likeness.strokes(truth)), DIGITS)
            for one, truth in pairs
        )

    @property
    def of_base(self) -> dict[str, Any]:
        return {"base_prompt": self.base.base_prompt, "base_errors": rounded(self.base.base_errors_LN)}


def rounded(errors_LN: Tensor) -> tuple[float, ...]:
    """Of each drawing, mean over the noise levels."""
    return tuple(round(error, DIGITS) for error in errors_LN.double().mean(dim=0).tolist())


def prepared(bench: Bench, draw: int, method: Method, name: str, key: str) -> Workspace:
    source = bench.works(draw, method, name)
    workspace = Workspace(bench.folder / "workspaces" / key[:16])
    stages.collect(workspace, source, read_rights_toml(source / "rights.toml"), validation=None)
    return workspace


def trained(bench: Bench, draw: int, name: str, method: Method, key: str) -> Row:
    """handstyle's own run of a method, from the works to what its style says of the drawings."""
    began, workspace = time.perf_counter(), prepared(bench, draw, method, name, key)
    plan = planning.plan(workspace, base=bench.base, settings=method.settings)
    made = stages.finetune(plan, stop=method.stop, save_every=10_000, sample_every=0)
    seconds = time.perf_counter() - began
    worn = wardrobe.worn(workspace, [made.run])[0]
    measure = Measure.of(bench, workspace, worn.trained.precision, worn.trained.class_words)
    template = worn.trained.template
    return bench.row(
        draw, name, method, steps=made.steps, seconds=round(seconds, 1), **measure.of_base,
        errors=measure.errors(template, [worn]),
        distances=measure.distances(measure.pictures(template, [worn])),
    )  # fmt: skip


def due(bench: Bench, draw: int, name: str, method: Method, known: set[str]) -> Iterator[Row]:
    """Trained, unless it is known."""
    key = bench.row(draw, name, method).key
    if key not in known:
        yield trained(bench, draw, name, method, key)
