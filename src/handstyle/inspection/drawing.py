"""What do base and style draw for the same words and seeds, and where do their pictures lie?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from handstyle import digests
from handstyle.generation.generate import Worn, attached, generate
from handstyle.generation.request import GenerationRequest
from handstyle.generation.signature import MadeFrom, Marking, file_name, png
from handstyle.generation.wardrobe import made_from
from handstyle.inspection.report import Shown
from handstyle.inspection.subject import Subject
from handstyle.records import write

Report = Callable[[str, int, int], None]
PIXELS = 64 * 128 * 128  # of the pictures that are drawn at once: many small ones, few large ones


@dataclass(frozen=True)
class Drawn:
    """Pictures of one model: prompt x seed."""

    template: str
    pictures: tuple[tuple[Image.Image, ...], ...]
    made: MadeFrom  # without a request: a report may be public, and its captions need not be

    @property
    def first(self) -> list[Image.Image]:
        return [of_prompt[0] for of_prompt in self.pictures]


def draw(
    subject: Subject,
    template: str,
    captions: Sequence[str],
    worn: Sequence[Worn],
    report: Report,
    seeds: Sequence[int] | None = None,
) -> Drawn:
    """The same seeds for every model, fixed before any training."""
    card, seeds = subject.family.card, seeds or subject.seeds
    requests = [
        GenerationRequest(
            prompt=template.replace("{caption}", caption),
            seed=seed_of(seed, number),
            width=subject.resolution,
            height=subject.resolution,
            num_inference_steps=card.num_inference_steps,
            guidance_scale=card.guidance_scale,
            guidance_rescale=card.guidance_rescale,
            precision=subject.worn.style.precision,
            clip_skip=subject.worn.style.clip_skip or 0,
        )
        for number, caption in enumerate(captions)
        for seed in seeds
    ]
    images = []
    what = "drawing with the style" if worn else "drawing with the base"
    at_once = max(1, PIXELS // subject.resolution**2)
    with attached(worn, subject.family):
        for picture in generate(requests, subject.family, batch_size=at_once):
            images.append(picture.image)
            report(what, len(images), len(requests))
    rows = [tuple(images[start : start + len(seeds)]) for start in range(0, len(images), len(seeds))]
    return Drawn(template, tuple(rows), made_from(worn, subject.family))


def seed_of(seed: int, number: int) -> int:
    """Prompt n of seed s: no two prompts share their noise."""
    return 1000 * seed + number


@dataclass(frozen=True)
class Album:
    """The folder of a report's pictures, each named by its pixels and by what made it."""

    folder: Path
    mark: Marking

    def add(self, image: Image.Image, caption: str, seed: int | None = None, made: MadeFrom | None = None) -> Shown:
        """`made` says what generated it; without, it is a drawing by the artist, and nothing is put into it."""
        pixels = digests.of_pixels(*image.size, image.convert("RGB").tobytes())
        name = file_name(pixels, None if made is None else made.styles)
        if not (self.folder / name).exists():
            write(self.folder / name, png(image) if made is None else self.mark(image, made))
        return Shown(file=name, caption=caption, seed=seed)
