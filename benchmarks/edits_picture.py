"""What comes of pictures made from pictures, on the base that is shipped? The sheet of docs/edits.md, and two numbers.

python benchmarks/edits_picture.py docs/pictures/edits.png

The first works of the example and the first seeds, as they come. The numbers are of all its works: how far the painted
half is from what stood there, and how hard the edge is, with each step walked once and five times. Some minutes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from handstyle.demonstration import EXAMPLE
from handstyle.diffusion import catalogue
from handstyle.diffusion.family import ModelFamily
from handstyle.generation import edits
from handstyle.generation.edits import Canvas
from handstyle.generation.generate import generate
from handstyle.generation.previews import sheet
from handstyle.generation.request import GenerationRequest, Margins
from handstyle.generation.signature import png
from handstyle.records import write

STYLE = "noto style"
ROWS, SEEDS, HEIGHT = 6, (1, 2, 3), 96  # works on the sheet; of each picture there, pixels


def main(target: Path) -> None:
    family = catalogue.load(None)
    works = list(example(family))
    rows = [row(family, caption, work) for caption, work in works[:ROWS]]
    columns = ["the work", *(f"strength {strength}" for strength in STRENGTHS),
               "walked once", "", "five times", "", "beyond"]  # fmt: skip
    write(target, png(sheet([[small(image) for image in row] for row in rows], [w for w, _ in works[:ROWS]], columns)))
    for resamples in (1, 5):
        far, edge = zip(*(measured(family, caption, work, resamples) for caption, work in works), strict=True)
        print(f"walked {resamples} times: {np.mean(far):.1f} levels from what stood there, edge {np.mean(edge):.1f}")
    edges = [edge_of(np.asarray(work, dtype=float)) for _, work in works]
    print(f"the works themselves: edge {np.mean(edges):.1f}")


STRENGTHS = (0.4, 0.6, 0.8)


def example(family: ModelFamily) -> list[tuple[str, Image.Image]]:
    lines = (EXAMPLE / "works" / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    named = [
        (line["text"], edits.read_source(EXAMPLE / "works" / line["file_name"])[0]) for line in map(json.loads, lines)
    ]
    return [(caption, edits.variation(image, family, None, None).picture) for caption, image in named]


def row(family: ModelFamily, caption: str, work: Image.Image) -> list[Image.Image]:
    prompt = f"{caption}, {STYLE}"
    prepared = edits.variation(work, family, None, None)
    found = [work]
    for strength in STRENGTHS:
        found += drawn(family, prompt, SEEDS[:1], edits.canvas(prepared, family, strength))
    for resamples in (1, 5):
        found += drawn(family, prompt, SEEDS[:2], half(family, work, resamples))
    beyond = edits.outpainting(work, Margins(right=family.resolution // 2), family)
    return found + drawn(family, prompt, SEEDS[:1], edits.canvas(beyond, family, 1.0, 5))


def half(family: ModelFamily, work: Image.Image, resamples: int) -> Canvas:
    """The right half is painted anew."""
    mask = Image.new("L", work.size)
    mask.paste(255, (work.width // 2, 0, *work.size))
    return edits.canvas(edits.inpainting(work, mask, family), family, edits.STRENGTH["inpainting"], resamples)


def measured(family: ModelFamily, caption: str, work: Image.Image, resamples: int) -> tuple[float, float]:
    true, middle = np.asarray(work, dtype=float), work.width // 2
    found = [
        np.asarray(image, dtype=float)
        for image in drawn(family, f"{caption}, {STYLE}", SEEDS, half(family, work, resamples))
    ]
    far = [np.sqrt(np.square(one - true)[:, middle:].mean()) for one in found]
    return float(np.mean(far)), float(np.mean([edge_of(one) for one in found]))


def edge_of(levels_HWC: np.ndarray) -> float:
    """Mean difference of neighbours across the middle."""
    middle = levels_HWC.shape[1] // 2
    return float(abs(levels_HWC[:, middle] - levels_HWC[:, middle - 1]).mean())


def drawn(family: ModelFamily, prompt: str, seeds: Sequence[int], canvas: Canvas) -> list[Image.Image]:
    card, (width, height) = family.card, canvas.picture.size
    asked = [
        GenerationRequest(
            prompt=prompt, seed=seed, width=width, height=height, guidance_scale=card.guidance_scale,
            num_inference_steps=card.num_inference_steps, guidance_rescale=card.guidance_rescale,
        )
        for seed in seeds
    ]  # fmt: skip
    return [picture.image for picture in generate(asked, family, len(asked), canvas)]


def small(image: Image.Image) -> Image.Image:
    return image.resize((round(image.width * HEIGHT / image.height), HEIGHT), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
