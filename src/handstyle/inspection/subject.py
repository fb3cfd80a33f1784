"""What is inspected, with which words, and how is its error measured?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from handstyle.collection.works import Collection
from handstyle.diffusion.family import ModelFamily
from handstyle.encoding.cache import Cache
from handstyle.finetuning.validation import Drawings, denoising_errors
from handstyle.generation.generate import Worn
from handstyle.generation.signature import Marking
from handstyle.inspection import likeness
from handstyle.inspection.material import HeldOut, encoded

LEVELS_TO_CHOOSE_BY = 4  # noise levels at which the nearest known style is found


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

    @property
    def precision(self) -> str:
        return self.worn.style.recipe.mixed_precision

    @property
    def resolution(self) -> int:
        return self.worn.style.resolution


def style_template(subject: Subject) -> str:
    recipe = subject.worn.style.recipe
    return recipe.template.replace("{identifier}", recipe.identifier).replace("{class_words}", recipe.class_words)


def templates_for_base(subject: Subject) -> list[str]:
    """The caption alone, with the class words, and with the style the base knows that is nearest to the works."""
    templates = ["{caption}", f"{{caption}}, {subject.worn.style.recipe.class_words}"]
    known = [f"{{caption}}, {style.phrase}" for style in subject.family.card.known_styles]
    if known:
        templates.append(nearest_template(subject, known))
    return list(dict.fromkeys(templates))


def nearest_template(subject: Subject, known: Sequence[str]) -> str:
    """Chosen on the works themselves, so the held-out drawings have no say in it."""
    collection = subject.collection
    works = HeldOut(collection, subject.folder, collection.training, False)
    drawings = encoded(works, subject.family, subject.resolution, subject.cache)
    found = {template: errors_of(subject, drawings, template, LEVELS_TO_CHOOSE_BY).mean() for template in known}
    return min(found, key=lambda template: float(found[template]))


def errors_of(subject: Subject, drawings: Drawings, template: str, levels: int) -> torch.Tensor:
    prompts = [template.replace("{caption}", caption) for caption in drawings.captions]
    return denoising_errors(subject.family, drawings, prompts, subject.precision, levels)
