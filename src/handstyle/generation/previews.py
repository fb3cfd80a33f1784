"""What does a run look like while it learns? Contact sheets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from handstyle.collection.works import Collection
from handstyle.diffusion.family import ModelFamily
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trainable import at_rest
from handstyle.generation.generate import generate
from handstyle.generation.request import GenerationRequest
from handstyle.generation.signature import MadeFrom, Marking
from handstyle.records import write

PAPER, INK, GAP, LINE = "white", "#444444", 8, 18  # pixels
SAMPLES = 4
LONGEST_LABEL = 48  # characters


def sheet(
    rows: Sequence[Sequence[Image.Image]], labels: Sequence[str] = (), columns: Sequence[str] = ()
) -> Image.Image:
    """Pictures in rows on white; `labels` stand left of the rows, `columns` above. Ragged rows are allowed."""
    width = max(image.width for row in rows for image in row)
    height = max(image.height for row in rows for image in row)
    font = ImageFont.load_default(12)
    labels, columns = [_short(label) for label in labels], [_short(column) for column in columns]
    margin = max((int(font.getlength(label)) for label in labels), default=-GAP) + GAP
    top = LINE if columns else 0
    across = max(len(row) for row in rows)
    size = (margin + across * (width + GAP) + GAP, top + len(rows) * (height + GAP) + GAP)
    page = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(page)
    for place, column in enumerate(columns):
        pen.text((margin + GAP + place * (width + GAP) + width / 2, GAP), column, INK, font, anchor="mt")
    for line, row in enumerate(rows):
        y = top + GAP + line * (height + GAP)
        if line < len(labels):
            pen.text((GAP, y + height / 2), labels[line], INK, font, anchor="lm")
        for place, image in enumerate(row):
            page.paste(image, (margin + GAP + place * (width + GAP), y))
    return page


def _short(label: str) -> str:
    line = " ".join(label.split())
    return line if len(line) <= LONGEST_LABEL else f"{line[: LONGEST_LABEL - 1]}…"


@dataclass(frozen=True)
class Previews:
    """The samples of one run: a column of pictures a step, and `sheet.png` with all columns, step 0 first."""

    folder: Path
    requests: tuple[GenerationRequest, ...]
    mark: Marking
    made: MadeFrom

    def paint(self, step: int, family: ModelFamily) -> Path:
        """Draws with the weights as they stand."""
        with at_rest(family):
            images = [picture.image for picture in generate(self.requests, family, len(self.requests))]
        write(self.folder / f"step-{step:06d}.png", self.mark(sheet([[image] for image in images]), self.made))
        return self.assemble()

    def assemble(self) -> Path:
        columns = sorted(self.folder.glob("step-*.png"))
        pages = []
        for path in columns:
            with Image.open(path) as page:
                pages.append(page.convert("RGB"))
        side = [(page.height - GAP) // len(self.requests) - GAP for page in pages]
        rows = [
            [
                page.crop((GAP, GAP + line * (height + GAP), page.width - GAP, (line + 1) * (height + GAP)))
                for page, height in zip(pages, side, strict=True)
            ]
            for line in range(len(self.requests))
        ]
        labels = [request.prompt.split(",")[0] for request in self.requests]
        steps = [str(int(path.stem.split("-")[1])) for path in columns]
        return write(self.folder / "sheet.png", self.mark(sheet(rows, labels, steps), self.made))


def samples_of(collection: Collection, recipe: Recipe, family: ModelFamily, folder: Path, mark: Marking) -> Previews:
    """Four of the works' captions, spread over the collection, each with a seed of its own."""
    works = collection.training
    card, side = family.card, recipe.resolution or family.resolution
    chosen = works[:: max(1, len(works) // SAMPLES)][:SAMPLES]
    requests = [
        GenerationRequest(
            prompt=recipe.words(work.caption),
            seed=seed,
            width=side,
            height=side,
            num_inference_steps=card.num_inference_steps,
            guidance_scale=card.guidance_scale,
            guidance_rescale=card.guidance_rescale,
            precision=recipe.mixed_precision,
            clip_skip=recipe.clip_skip,
        )
        for seed, work in enumerate(chosen)
    ]
    made = MadeFrom(card.name, family.digest, collections=(collection.digest,), is_sheet=True)
    return Previews(folder, tuple(requests), mark, made)
