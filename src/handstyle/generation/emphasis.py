"""Which words of a prompt speak louder, and how does the base hear that?

`(words:1.3)` and `(words:0.7)`, as AUTOMATIC1111 writes it; they may stand inside each other, and then their weights
are multiplied. A round bracket without a weight is a bracket; `\\(`, `\\)` and `\\\\` are these signs themselves. The
conditioning of such words is moved along the line from that of an empty text to its own (as ComfyUI does), so 1 changes
nothing, 0 takes them back to silence, and no other word is moved.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from handstyle.diffusion.family import ModelFamily
from handstyle.errors import UsageMistake

SIGNS = re.compile(r"\\[\\()]|\(|:\s*(-?\d+(?:\.\d*)?|-?\.\d+)\s*\)|\)", re.ASCII)
LARGEST = 4.0


@dataclass(frozen=True)
class Weighted:
    """The words alone, and the weight of each letter of them."""

    text: str
    weights: tuple[float, ...]

    @property
    def is_even(self) -> bool:
        return all(weight == 1 for weight in self.weights)


def is_in(prompt: str) -> bool:
    """Whether a prompt holds a weight or an escaped sign, rather than brackets alone."""
    found = parsed(prompt)
    return found.text != prompt or not found.is_even


def parsed(prompt: str) -> Weighted:
    """Raises UsageMistake for a weight beyond 0 to 4."""
    letters: list[tuple[str, float]] = []
    opened: list[int] = []  # places in `letters` where a bracket stands
    place = 0
    for sign in SIGNS.finditer(prompt):
        letters += [(letter, 1.0) for letter in prompt[place : sign.start()]]
        place = sign.end()
        text, weight = sign[0], sign[1]
        if text.startswith("\\"):
            letters.append((text[1], 1.0))
        elif text == "(":
            opened.append(len(letters))
            letters.append(("(", 1.0))
        elif weight is not None and opened:
            start = opened.pop()
            letters[start:] = [(letter, old * _checked(weight)) for letter, old in letters[start + 1 :]]
        else:
            if opened:
                opened.pop()
            letters += [(letter, 1.0) for letter in text]
    letters += [(letter, 1.0) for letter in prompt[place:]]
    return Weighted("".join(letter for letter, _ in letters), tuple(weight for _, weight in letters))


def _checked(weight: str) -> float:
    if not 0 <= float(weight) <= LARGEST:
        raise UsageMistake(f"the weight {weight} in the prompt is too much", hint="Write for example (red boat:1.3).")
    return float(weight)


def encoded(family: ModelFamily, prompts: Sequence[str]) -> Tensor:
    """Conditioning of prompts with weights: BLD, as `family.encode_texts` gives it."""
    texts = [parsed(prompt) for prompt in prompts]
    own_BLD = family.encode_texts([text.text for text in texts])
    if all(text.is_even for text in texts):
        return own_BLD
    silent_BLD = family.encode_texts([""])
    weights_BL1 = torch.ones(*own_BLD.shape[:2], 1)
    for row, text in enumerate(texts):
        for token, (start, end) in enumerate(family.token_spans(text.text)):
            if end > start:
                weights_BL1[row, token] = text.weights[end - 1]
    return torch.where(weights_BL1 == 1, own_BLD, silent_BLD + weights_BL1 * (own_BLD - silent_BLD))
