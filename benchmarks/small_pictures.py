"""Which hundred thousand small pictures are there to collect, the same ones on every machine?

Gradients with shapes on them, as PNG, JPEG and WebP, a thousand to a folder with their captions. A few are there
twice, byte for byte; more are there once more in another size, another light or another format.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from PIL import Image, ImageDraw

A_FOLDER = 1000  # pictures
NEAR_EVERY, TWICE_EVERY = 50, 200
FORMATS: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("PNG", ".png", {"compress_level": 6}),
    ("JPEG", ".jpg", {"quality": 90}),
    ("WEBP", ".webp", {"quality": 90}),
)
SHARES = (7, 2, 1)  # of ten pictures, by format
THINGS = "boat house tree bird lamp road river hill cloud door cup hat".split()
COLOURS = "red blue green grey yellow white black brown".split()


def make(folder: Path, number: int, side: int = 96, processes: int = 1) -> None:
    """`number` pictures below `folder`, up to `side` pixels a side, each of which depends on its place alone."""
    parts = [(folder / f"{begin // A_FOLDER:03}", begin, min(begin + A_FOLDER, number), side)
             for begin in range(0, number, A_FOLDER)]  # fmt: skip
    with ProcessPoolExecutor(processes) as pool:
        for _ in pool.map(_fill, parts):
            pass


def twice(number: int) -> list[str]:
    """The names of the pictures that show the very pixels of an earlier one."""
    return [_name(place) for place in range(number) if _is_twice(place)]


def near(number: int) -> list[tuple[str, str]]:
    """Each picture that was made out of an earlier one, and that one."""
    return [(_name(place), _name(place - 1)) for place in range(number) if _is_near(place)]


def _is_twice(place: int) -> bool:
    return place % TWICE_EVERY == TWICE_EVERY - 1


def _is_near(place: int) -> bool:
    return place % NEAR_EVERY == NEAR_EVERY // 2


def _source(place: int) -> int:
    """The picture of which this one is a copy, or which it is itself."""
    return place - 2 if _is_twice(place) else place


def _format(place: int) -> tuple[str, str, dict[str, object]]:
    return random.Random(f"format {_source(place)}").choices(FORMATS, SHARES)[0]


def _name(place: int) -> str:
    drawn = random.Random(f"words {place}")
    words = f"{drawn.choice(COLOURS)}_{drawn.choice(THINGS)}"
    return f"{place // A_FOLDER:03}/{words}-{place:06}{_format(place)[1]}"


def _fill(part: tuple[Path, int, int, int]) -> None:
    folder, begin, end, side = part
    folder.mkdir(parents=True)
    lines = []
    for place in range(begin, end):
        name = Path(_name(place)).name
        (folder / name).write_bytes(_data(_source(place), side))
        lines.append(json.dumps({"file_name": name, "text": name.split("-")[0].replace("_", " ")}))
    (folder / "metadata.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _data(place: int, side: int) -> bytes:
    kind, _, options = _format(place)
    image = _changed(_drawn(place - 1, side), place) if _is_near(place) else _drawn(place, side)
    with io.BytesIO() as file:
        image.save(file, kind, **options)
        return file.getvalue()


def _changed(image: Image.Image, place: int) -> Image.Image:
    """As somebody who exports a picture again changes it."""
    match place // NEAR_EVERY % 3:
        case 0:
            return image.resize((image.width * 5 // 4, image.height * 5 // 4), Image.Resampling.LANCZOS)
        case 1:
            return image.point(lambda value: min(255, value + 4))
    with io.BytesIO() as file:
        image.save(file, "JPEG", quality=75)
        with Image.open(file) as again:
            return again.convert("RGB")


def _drawn(place: int, side: int) -> Image.Image:
    drawn = random.Random(f"picture {place}")
    size = drawn.randint(side // 2, side), drawn.randint(side // 2, side)
    image = _gradient(drawn).resize(size)
    pen = ImageDraw.Draw(image)
    for shape in _shapes(drawn, size):
        getattr(pen, drawn.choice(("ellipse", "rectangle")))(shape, fill=_colour(drawn))
    pen.line([(drawn.randrange(size[0]), drawn.randrange(size[1])) for _ in range(3)], fill=_colour(drawn), width=2)
    return image


def _gradient(drawn: random.Random) -> Image.Image:
    light = drawn.choice((Image.linear_gradient, Image.radial_gradient))("L").reduce(2)
    light = light.transpose(Image.Transpose.ROTATE_90) if drawn.random() < 0.5 else light
    ends = zip(_colour(drawn), _colour(drawn), strict=True)
    return Image.merge("RGB", [light.point([a + (b - a) * i // 255 for i in range(256)]) for a, b in ends])


def _shapes(drawn: random.Random, size: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    for _ in range(drawn.randint(3, 8)):
        x, y = drawn.randrange(size[0]), drawn.randrange(size[1])
        yield x, y, x + drawn.randint(4, size[0] // 2), y + drawn.randint(4, size[1] // 2)


def _colour(drawn: random.Random) -> tuple[int, int, int]:
    return drawn.randrange(256), drawn.randrange(256), drawn.randrange(256)
