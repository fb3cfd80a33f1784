"""What is inspected, with which words, and how is its error measured?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from handstyle.collection.works import Collection
from handstyle.diffusion.family import ModelFamily
from handstyle.encoding.buckets import Framing
from handstyle.encoding.cache import Cache
from handstyle.finetuning.foreign_style import ForeignStyle
from handstyle.finetuning.framing import framing_of
from handstyle.finetuning.validation import Drawings, denoising_errors, filled, nearest_template
from handstyle.generation.generate import Worn
from handstyle.generation.signature import Marking
from handstyle.inspection import likeness
from handstyle.inspection.material import HeldOut, encoded


@dataclass(frozen=True)
class Subject:
    """What is inspected."""

    collection: Collection
    folder: Path
    family: ModelFamily
    worn: Worn
    run: Path
    cache: Cache
    mark: Marking  # what a picture goes through before it is written
    seeds: tuple[int, ...] = likeness.SEEDS
    most_drawings: int | None = None  # of the held-out ones; a trial of the machinery needs only a few
    vision: tuple[Path, ...] = ()  # folders of vision models that look at the pictures, too
    oracle: Worn | None = None  # trained on all of the artist but the held-out drawings: what could be gained at most

    @property
    def precision(self) -> str:
        return self.worn.style.precision

    @property
    def resolution(self) -> int:
        return self.worn.style.resolution

    @property
    def framing(self) -> Framing:
        """As the works were cut that it learnt from; squares where another tool made it."""
        style = self.worn.style
        if isinstance(style, ForeignStyle):
            return Framing(style.resolution)
        return framing_of(style.recipe.changed(resolution=style.resolution), self.family)


def style_template(subject: Subject) -> str:
    return subject.worn.style.template


def templates_for_base(subject: Subject) -> list[str]:
    works = HeldOut(subject.collection, subject.folder, subject.collection.training, False)
    return base_templates(
        subject.family,
        subject.worn.style.class_words,
        subject.precision,
        lambda: encoded(works, subject.family, subject.framing, subject.cache),
    )


def base_templates(family: ModelFamily, class_words: str, precision: str, works: Callable[[], Drawings]) -> list[str]:
    """The caption alone, with the class words, and with the style the base knows that is nearest to the works.

    It is chosen on the works themselves, so the held-out drawings have no say in it.
    """
    templates = ["{caption}", f"{{caption}}, {class_words}"]
    known = [f"{{caption}}, {style.phrase}" for style in family.card.known_styles]
    if known:
        templates.append(nearest_template(family, works(), known, precision))
    return list(dict.fromkeys(templates))


def errors_of(subject: Subject, drawings: Drawings, template: str, levels: int) -> torch.Tensor:
    return denoising_errors(subject.family, drawings, filled(template, drawings), subject.precision, levels)
