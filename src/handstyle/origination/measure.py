"""How good is a base, on works that it never saw?"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from handstyle.diffusion.family import ModelFamily
from handstyle.generation.generate import generate
from handstyle.generation.request import GenerationRequest
from handstyle.inspection.material import given_back
from handstyle.origination import combinations
from handstyle.origination.figures import Share
from handstyle.origination.judge import Panel, right_first

Report = Callable[[str, int, int], None]
AT_ONCE = 16


@dataclass(frozen=True)
class Drawn:
    prompts: tuple[str, ...]
    pixels_NHWC: np.ndarray


def draw(family: ModelFamily, prompts: Sequence[str], report: Report, *, seed: int = 0, steps: int = 20) -> Drawn:
    card = family.card
    requests = [
        GenerationRequest(
            prompt=prompt,
            seed=seed + number,
            width=family.resolution,
            height=family.resolution,
            num_inference_steps=steps,
            guidance_scale=card.guidance_scale,
            guidance_rescale=card.guidance_rescale,
            precision="bf16",
        )
        for number, prompt in enumerate(prompts)
    ]
    rows = []
    for picture in generate(requests, family, batch_size=AT_ONCE):
        rows.append(np.asarray(picture.image))
        report("drawing", len(rows), len(requests))
    return Drawn(tuple(prompts), np.stack(rows))


def through(family: ModelFamily, pixels_NHWC: np.ndarray) -> np.ndarray:
    """NHWC, uint8: pictures as the autoencoder gives them back."""
    return np.stack([np.asarray(image) for image in given_back(family, [Image.fromarray(p) for p in pixels_NHWC])])


def seconds_a_picture(family: ModelFamily) -> float:
    """The best of three, alone."""
    found = []
    for _ in range(3):
        began = time.perf_counter()
        draw(family, ["cat"], lambda *_: None)
        found.append(time.perf_counter() - began)
    return min(found)


def words_right(found: Panel, pixels_NHWC: np.ndarray, said_ND: torch.Tensor) -> Share:
    """`said_ND`: where the words of each picture stand, of `Panel.of_texts` or `of_things`."""
    seen, _ = found.judged(pixels_NHWC)
    right = right_first(seen, said_ND)
    return Share(right=int(right.sum()), of=len(right))


def hands_right(found: Panel, pixels_NHWC: np.ndarray, hands: Sequence[int]) -> Share:
    _, seen = found.judged(pixels_NHWC)
    right = seen == torch.tensor(hands)
    return Share(right=int(right.sum()), of=len(right))


def combinations_right(found: Panel, pixels_NHWC: np.ndarray, taught: Callable[[Sequence[str]], torch.Tensor]) -> Share:
    """Each picture against its own captions; right when the first is nearest."""
    seen, _ = found.judged(pixels_NHWC)
    right = 0
    for picture_D, question in zip(seen, combinations.questions(), strict=True):
        said = found.of_texts(taught(question.captions))
        right += int((said @ picture_D).argmax() == 0)
    return Share(right=right, of=len(seen))


def nearest(pixels_NHWC: np.ndarray, works_NHWC: np.ndarray) -> np.ndarray:
    """N: mean absolute difference to the nearest work, also mirrored, at 32 pixels a side; of 255."""
    works = _small(works_NHWC)
    works = np.concatenate([works, works.reshape(-1, 32, 32, 3)[:, :, ::-1].reshape(len(works), -1)])
    found = []
    for row in _small(pixels_NHWC):
        found.append(np.abs(works - row).mean(1).min())
    return np.array(found)


def _small(pixels_NHWC: np.ndarray) -> np.ndarray:
    n, side = len(pixels_NHWC), pixels_NHWC.shape[1]
    block = side // 32
    rows = [pixels_NHWC[i].reshape(32, block, 32, block, 3).mean((1, 3), dtype=np.float32).ravel() for i in range(n)]
    return np.stack(rows)


def nearer_than(real_N: np.ndarray, drawn_M: np.ndarray) -> tuple[Share, float, float]:
    """Drawn pictures nearer to a work than half of the real ones are; and that share for real drawings themselves,
    drawn anew 2,000 times: its middle 95 %."""
    middle = float(np.median(real_N))
    chance = np.random.default_rng(0)
    again = [float((chance.choice(real_N, len(drawn_M)) < middle).mean()) for _ in range(2000)]
    low, high = np.quantile(again, [0.025, 0.975])
    return Share(right=int((drawn_M < middle).sum()), of=len(drawn_M)), float(low), float(high)
