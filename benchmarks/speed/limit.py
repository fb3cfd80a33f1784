"""How fast can this machine multiply, at the shapes of the models?"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Literal

import torch

SIZE = 2048  # of the square matrices
CONVOLUTIONS = {  # name: pictures, channels, side of the features; all 3x3
    "embedded 16x16": (8, 96, 16),
    "embedded 8x8": (8, 192, 8),
    "sd15 64x64": (1, 320, 64),
    "sd15 16x16": (1, 1280, 16),
}
PRECISIONS = {"no": torch.float32, "bf16": torch.bfloat16}


def seconds(work: Callable[[], object], repeats: int = 9) -> float:
    work()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def limits() -> dict[str, dict[str, float]]:
    """TFLOP/s by precision and shape, in the layout the models use."""
    found: dict[str, dict[str, float]] = {}
    for precision, dtype in PRECISIONS.items():
        a, b = torch.randn(SIZE, SIZE).to(dtype), torch.randn(SIZE, SIZE).to(dtype)
        rates = {"matrix product": 2 * SIZE**3 / seconds(lambda a=a, b=b: a @ b)}  # type: ignore[misc]
        for name, (pictures, channels, side) in CONVOLUTIONS.items():
            x = torch.randn(pictures, channels, side, side).to(dtype)
            w = torch.randn(channels, channels, 3, 3).to(dtype)
            work = 2 * pictures * side**2 * channels**2 * 9
            rates[name] = work / seconds(lambda x=x, w=w: torch.nn.functional.conv2d(x, w, padding=1))  # type: ignore[misc]
        found[precision] = {name: round(rate / 1e12, 4) for name, rate in rates.items()}
    return found


def faster_precision(found: dict[str, dict[str, float]]) -> Literal["bf16", "no"]:
    """The precision both sides compute in: the one whose matrix products are faster here."""
    return "bf16" if found["bf16"]["matrix product"] > found["no"]["matrix product"] else "no"
