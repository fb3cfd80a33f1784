"""How much does a watermark change a picture, what does it survive, and how often is one seen where there is none?

    python -m benchmarks.watermark survival --to survival.json
    python -m benchmarks.watermark chance --to chance.json

The pictures are the example's drawings enlarged, pictures that the shipped base draws, and shapes, gradients, hatching
and noise from a seed. Each run takes two minutes and goes on where the last one stopped: after a few, 210 pictures
have gone through every change, and after some fifteen 10,000 without a mark were looked at.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps
from scipy.ndimage import gaussian_filter

from handstyle.demonstration import EXAMPLE
from handstyle.publication.watermark import find, mark

KINDS = ("white page", "one colour", "gradient", "cloud", "lines", "hatching")
Levels = NDArray[np.float64]


def drawings() -> list[Image.Image]:
    return [Image.open(path).convert("RGB") for path in sorted(EXAMPLE.rglob("*.png"))]


def drawn_by_the_base(number: int) -> list[Image.Image]:
    """A few, in its own size; they are enlarged like the drawings."""
    from handstyle.diffusion import catalogue
    from handstyle.generation.generate import generate
    from handstyle.generation.request import GenerationRequest

    family = catalogue.load(None)
    words = (EXAMPLE / "held_out" / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    size = family.resolution
    requests = [
        GenerationRequest(prompt=json.loads(line)["text"], seed=seed, width=size, height=size, num_inference_steps=12)
        for seed, line in enumerate(words[:number])
    ]
    return [picture.image for picture in generate(requests, family, batch_size=8)]


def made_up(seed: int, size: int) -> Image.Image:
    """What illustrations are hardest at: plain fills, lines, gradients, and nothing but texture."""
    chance = np.random.default_rng(seed)
    kind, width = KINDS[seed % len(KINDS)], size
    height = int(size * chance.choice([1.0, 1.25, 1.5]))

    def colour() -> tuple[int, ...]:
        return tuple(int(level) for level in chance.integers(0, 256, 3))

    if kind == "one colour":
        return Image.new("RGB", (width, height), colour())
    if kind == "gradient":
        across, down = np.linspace(0, 1, width)[None, :, None], np.linspace(1, 0, height)[:, None, None]
        return Image.fromarray(np.clip((across * colour() + down * colour()) / 1.5, 0, 255).astype(np.uint8))
    if kind == "cloud":
        rate = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])[..., None]
        waves = np.fft.fft2(chance.normal(size=(height, width, 3)), axes=(0, 1)) / np.maximum(rate, 1 / width)
        cloud = np.fft.ifft2(waves, axes=(0, 1)).real
        return Image.fromarray((255 * (cloud - cloud.min()) / np.ptp(cloud)).astype(np.uint8))
    page = Image.new("RGB", (2 * width, 2 * height), "white" if kind == "white page" else colour())
    pen = ImageDraw.Draw(page)
    for _ in range(int(chance.integers(5, 40))):
        x, y = int(chance.integers(0, 2 * width)), int(chance.integers(0, 2 * height))
        a, b = (int(side) for side in chance.integers(20, width, 2))
        if kind == "lines":
            pen.line(
                [(x, y), (x + a - width // 2, y + b - width // 2)], fill=colour(), width=int(chance.integers(2, 12))
            )
        elif chance.random() < 0.5:
            pen.ellipse([x - a // 2, y - b // 2, x + a // 2, y + b // 2], fill=colour(), outline="black", width=6)
        else:
            pen.polygon([(x, y), (x + a, y - b // 3), (x - b // 2, y + a // 2)], fill=colour(), outline="black")
    if kind == "hatching":
        for x in range(0, 2 * width, int(chance.integers(10, 30))):
            pen.line([(x, 0), (x - 200, 2 * height)], fill="black", width=2)
    return page.resize((width, height), Image.Resampling.LANCZOS)


def compressed(quality: int, kind: str = "JPEG") -> Callable[[Image.Image], Image.Image]:
    def change(image: Image.Image) -> Image.Image:
        file = io.BytesIO()
        image.save(file, kind, quality=quality)
        return Image.open(file).convert("RGB")

    return change


def resized(by: float, across: float | None = None) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.resize(
        (round(image.width * (across or by)), round(image.height * by)), Image.Resampling.BICUBIC
    )


def cropped(to: float) -> Callable[[Image.Image], Image.Image]:
    def change(image: Image.Image) -> Image.Image:
        width, height = int(image.width * to), int(image.height * to)
        x, y = (image.width - width) // 3, (image.height - height) // 2
        return image.crop((x, y, x + width, y + height))

    return change


def on_a_page(image: Image.Image) -> Image.Image:
    page = Image.new("RGB", (int(image.width * 1.2), int(image.height * 1.2)), "white")
    page.paste(image, (20, 37))
    return page


def noisy(image: Image.Image) -> Image.Image:
    levels = np.asarray(image, dtype=float) + np.random.default_rng(0).normal(0, 4, (image.height, image.width, 3))
    return Image.fromarray(np.clip(levels.round(), 0, 255).astype(np.uint8))


def both(*changes: Callable[[Image.Image], Image.Image]) -> Callable[[Image.Image], Image.Image]:
    def change(image: Image.Image) -> Image.Image:
        for one in changes:
            image = one(image)
        return image

    return change


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "nothing": lambda image: image,
    "JPEG 95": compressed(95),
    "JPEG 85": compressed(85),
    "JPEG 75": compressed(75),
    "JPEG 50": compressed(50),
    "WebP 80": compressed(80, "WEBP"),
    "resized to 0.5": resized(0.5),
    "resized to 0.75": resized(0.75),
    "resized to 2": resized(2.0),
    "resized to 0.75, JPEG 75": both(resized(0.75), compressed(75)),
    "cropped to 90 % of each side": cropped(0.9),
    "cropped to 80 % of each side": cropped(0.8),
    "cropped to 80 %, JPEG 75": both(cropped(0.8), compressed(75)),
    "on a page with margins": on_a_page,
    "noise of 4 levels": noisy,
    "blurred by a pixel": lambda image: image.filter(ImageFilter.GaussianBlur(1)),
    "brighter and more contrast": lambda image: ImageEnhance.Contrast(
        ImageEnhance.Brightness(image).enhance(1.1)
    ).enhance(1.15),
    "turned by one degree": lambda image: image.rotate(1, Image.Resampling.BICUBIC),
    "mirrored": ImageOps.mirror,
    "squeezed to 0.95 across": resized(1.0, 0.95),
}


def brightness(image: Image.Image) -> Levels:
    levels: Levels = np.asarray(image, dtype=float) @ np.array([0.299, 0.587, 0.114])
    return levels


def psnr(one: Image.Image, other: Image.Image) -> float:
    """10 log10(255^2 / mean squared difference), over the three channels."""
    difference = np.asarray(one, dtype=float) - np.asarray(other, dtype=float)
    return float(10 * np.log10(255**2 / np.mean(difference**2)))


def ssim(one: Image.Image, other: Image.Image) -> float:
    """Of the brightness, with a Gaussian window of 1.5 pixels (Wang et al. 2004, eq. 13)."""
    x, y = brightness(one), brightness(other)

    def mean(levels: Levels) -> Levels:
        return np.asarray(gaussian_filter(levels, 1.5))

    mx, my, c1, c2 = mean(x), mean(y), (0.01 * 255) ** 2, (0.03 * 255) ** 2
    vx, vy, vxy = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    return float(np.mean((2 * mx * my + c1) * (2 * vxy + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))))


def survival(wanted: int, size: int, seconds: float, before: dict[str, Any]) -> dict[str, Any]:
    """Each picture with a mark of its own, after each change."""
    began = time.monotonic()
    rows: list[dict[str, Any]] = before.get("rows", [])
    small = drawings() + drawn_by_the_base(24)
    while len(rows) < wanted and time.monotonic() - began < seconds:
        rows.append(one_picture(len(rows), size, small))
    return {
        "size": size,
        "pictures": len(rows),
        "psnr": summary([row["psnr"] for row in rows]),
        "ssim": summary([row["ssim"] for row in rows]),
        "most levels": max(row["levels"] for row in rows),
        "changes": {name: told([(row["kind"], *row[name]) for row in rows]) for name in CHANGES},
        "rows": rows,
    }


def one_picture(number: int, size: int, small: list[Image.Image]) -> dict[str, Any]:
    kind = KINDS[number // 3 % len(KINDS)] if number % 3 == 0 else "drawing"
    if kind == "drawing":
        image = small[(number * 7) % len(small)].resize((size, size), Image.Resampling.LANCZOS)
    else:
        image = made_up(number // 3, size)
    payload = np.random.default_rng(number).bytes(6)
    marked = mark(image, payload)
    levels = int(np.abs(np.asarray(image, dtype=int) - np.asarray(marked, dtype=int)).max())
    row: dict[str, Any] = {"kind": kind, "psnr": psnr(image, marked), "ssim": ssim(image, marked), "levels": levels}
    for name, change in CHANGES.items():
        found = find(change(marked))
        right = found is not None and found.payload == payload
        row[name] = [right, found is not None, found.bits_mended if found else 0, found.score if found else 0.0]
    return row


def told(rows: list[tuple[str, bool, bool, int, float]]) -> dict[str, Any]:
    """Kind, found with the right payload, found at all, bits mended, score."""
    found = [row for row in rows if row[1]]
    lost = [row[0] for row in rows if not row[1]]
    return {
        "found": round(len(found) / len(rows), 4),
        "another payload": sum(row[2] and not row[1] for row in rows),
        "bits wrong before mending": round(sum(row[3] for row in found) / (96 * len(found)), 4) if found else None,
        "least score": round(min((row[4] for row in found), default=0), 1),
        "not found": {kind: lost.count(kind) for kind in sorted(set(lost))},
    }


def summary(values: list[float]) -> dict[str, float]:
    return {"mean": round(float(np.mean(values)), 4), "least": round(min(values), 4)}


def unmarked(number: int, small: list[Image.Image]) -> Image.Image:
    """Never the same: drawings in other crops, colours and sizes, or made up."""
    chance = np.random.default_rng([number, 99])
    size = int(chance.integers(256, 321))
    if number % 3 == 0:
        image = made_up(100_000 + number // 3, size)
    else:
        image = small[int(chance.integers(len(small)))]
        if chance.random() < 0.5:
            image = ImageOps.mirror(image)
        hue, *others = image.convert("HSV").split()
        shift = int(chance.integers(256))
        image = Image.merge("HSV", (hue.point(lambda level: (level + shift) % 256), *others)).convert("RGB")
        side, x, y = (int(value) for value in chance.integers((40, 0, 0), (65, 12, 12)))
        image = image.crop((min(x, 64 - side), min(y, 64 - side), side, side)).resize(
            (size, size), Image.Resampling.LANCZOS
        )
    return compressed(int(chance.integers(60, 96)))(image) if chance.random() < 0.5 else image


def looked_at(wanted: int, seconds: float, before: dict[str, Any]) -> dict[str, Any]:
    """How many of so many pictures without a mark are taken for marked."""
    began, small = time.monotonic(), drawings()
    state = {"looked at": 0, "taken for marked": 0, "which": [], **before}
    while state["looked at"] < wanted and time.monotonic() - began < seconds:
        number = state["looked at"]
        if find(unmarked(number, small)) is not None:
            state["taken for marked"] += 1
            state["which"] = [*state["which"], number]
        state["looked at"] = number + 1
    looked, taken = state["looked at"], state["taken for marked"]
    state["at most, with 95 % confidence"] = 1 - 0.05 ** (1 / looked) if not taken else None
    return state


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["survival", "chance"])
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--pictures", type=int, help="[210, or 10,000]")
    parser.add_argument("--size", type=int, default=512, help="of the shorter side, for survival")
    parser.add_argument("--seconds", type=float, default=120, help="after which it stops until it is run again")
    asked = parser.parse_args()
    before = json.loads(asked.to.read_text(encoding="utf-8")) if asked.to.is_file() else {}
    if asked.what == "survival":
        result = survival(asked.pictures or 210, asked.size, asked.seconds, before)
    else:
        result = looked_at(asked.pictures or 10_000, asked.seconds, before)
    asked.to.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps({name: value for name, value in result.items() if name != "rows"}, indent=2))


if __name__ == "__main__":
    main()
