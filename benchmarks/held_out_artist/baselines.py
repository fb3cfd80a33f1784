"""What must a style beat: the base itself, and pictures that nobody had to learn anything for?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.held_out_artist.bench import Bench, Measure, prepared
from benchmarks.held_out_artist.make_example import letters
from benchmarks.held_out_artist.methods import DEFAULT, METHODS, Method
from benchmarks.held_out_artist.recipes import class_words_of, of_the_base
from benchmarks.held_out_artist.rows import Row
from handstyle import loading
from handstyle.collection.intake import load_work
from handstyle.diffusion.hardware import hardware
from handstyle.inspection.material import as_seen, given_back
from handstyle.origination.artwork import rendered

WITHOUT, KNOWN = "base without identifier", "nearest known style"
COPY, OTHER, PALETTE, FLOOR = (
    "copy of the nearest training work",
    "another artist's real drawing",
    "palette transfer",
    "the drawing through the autoencoder",
)
BASELINES = (WITHOUT, KNOWN, COPY, OTHER, PALETTE, FLOOR)
COMPARISON = "iconify-json-noto-1.2.9"  # an artist in the base, who drew the same concepts
COLOURS = 8


def rows(bench: Bench, draw: int, known: set[str]) -> Iterator[Row]:
    """Those that are not known; the works of the draw are looked at, and nothing is trained."""
    method = Method("nothing is trained", works=METHODS[DEFAULT].works)
    recipe = of_the_base(bench.family)
    missing = [name for name in BASELINES if bench.row(draw, name, method, recipe).key not in known]
    if not missing:
        return
    key = bench.row(draw, "baselines", method, recipe).key
    workspace = prepared(bench, draw, method, "baselines", key)
    precision = "bf16" if hardware().fast_bf16 else "no"
    measure = Measure.of(bench, workspace, precision, class_words_of(bench.family))
    collection, folder = loading.current_collection(workspace)
    side = bench.family.resolution
    works = [as_seen(work, folder, collection.background, side) for work in collection.training]
    others = drawn_by_another(bench.packages, measure.drawings.captions, side)
    for name in missing:
        errors: tuple[float, ...] = ()
        if name in (WITHOUT, KNOWN):
            template = measure.templates[0 if name == WITHOUT else -1]
            if template not in bench.by_the_base:
                bench.by_the_base[template] = measure.pictures(template)
            errors, pictures = measure.errors(template), list[Image.Image | None](bench.by_the_base[template])
        elif name == COPY:
            places = nearest_in_words(measure, [work.caption for work in collection.training])
            pictures = [works[place] for place in places]
        elif name == OTHER:
            pictures = list(others)
        elif name == PALETTE:
            colours = palette_of([load_work(folder, work, collection.background) for work in collection.training])
            pictures = [one and in_palette(one, colours) for one in others]
        else:
            pictures = list(given_back(bench.family, measure.real))
        distances = measure.distances(pictures)
        yield bench.row(draw, name, method, recipe, **measure.of_base, errors=errors, distances=distances)


@torch.no_grad()
def nearest_in_words(measure: Measure, captions: Sequence[str]) -> list[int]:
    """The training work whose caption the base's own text encoder finds nearest: the picture is not looked at."""

    def meaning(texts: Sequence[str]) -> torch.Tensor:
        return torch.nn.functional.normalize(measure.family.encode_texts(texts).float().mean(dim=1), dim=1)

    return (meaning(measure.drawings.captions) @ meaning(captions).T).argmax(dim=1).tolist()


def drawn_by_another(packages: Path, captions: Sequence[str], side: int) -> list[Image.Image | None]:
    """The same concepts by an artist whom the base knows; nothing where that set lacks one."""
    icons = json.loads((packages / COMPARISON / "package" / "icons.json").read_text(encoding="utf-8"))
    names = {letters(name): name for name in icons["icons"]}
    found = (names.get(letters(caption)) for caption in captions)
    return [Image.fromarray(rendered(icons, name, side)) if name else None for name in found]


def palette_of(works: Sequence[Image.Image]) -> Image.Image:
    """The colours that hold most of the works' pixels, by median cut (Heckbert 1982)."""
    pixels = np.concatenate([np.asarray(work.convert("RGB").resize((32, 32))).reshape(-1, 3) for work in works])
    return Image.fromarray(pixels[None]).quantize(COLOURS, method=Image.Quantize.MEDIANCUT)


def in_palette(picture: Image.Image, palette: Image.Image) -> Image.Image:
    return picture.convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE).convert("RGB")
