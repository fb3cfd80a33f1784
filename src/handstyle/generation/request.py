"""What exactly is to be drawn?"""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from handstyle.collection.plain_text import unwelcome_in
from handstyle.errors import UsageMistake
from handstyle.records import Record, later

BRACES = re.compile(r"{([^{}]*+)}")
LINE_ENDS = dict.fromkeys(map(ord, "\n\r\t"))
MOST_PROMPTS = 10_000
Sampler = Literal["dpm++", "ddim", "euler", "unipc"]


class StyleWeight(Record):
    """A trained style and how strongly it speaks; 0 leaves the base as it is."""

    name: str
    tensors: str  # digest of the weights
    weight: float = Field(default=1.0, ge=-4, le=4)


class Margins(Record):
    """Pixels beyond each side of a picture."""

    left: int = Field(default=0, ge=0, le=8192)
    top: int = Field(default=0, ge=0, le=8192)
    right: int = Field(default=0, ge=0, le=8192)
    bottom: int = Field(default=0, ge=0, le=8192)


class Edit(Record):
    """The picture another one was made from, and how."""

    kind: Literal["variation", "inpainting", "outpainting"]
    source: str = Field(pattern="^[0-9a-f]{64}$")  # of its pixels, as a work's
    mask: str = Field(default="", pattern="^[0-9a-f]{64}$|^$")  # of the mask's pixels
    margins: Margins = Margins()
    strength: float = Field(gt=0, le=1)  # the share of the steps that is walked
    resamples: int = Field(default=1, ge=1, le=100)  # how often each step is walked (RePaint)
    permission: str = Field(default="", max_length=500)  # on whose word, as whoever drew it says

    @field_validator("permission")
    @classmethod
    def _is_one_line(cls, words: str) -> str:
        if unwelcome := unwelcome_in(words):
            raise ValueError(f"it holds {unwelcome}, which is no letter")
        return words


class GenerationRequest(Record):
    """One picture, completely: the same request on the same base gives the same pixels."""

    prompt: str
    negative_prompt: str = ""
    seed: int = Field(ge=0, lt=2**63)
    width: int = Field(ge=8, le=8192)
    height: int = Field(ge=8, le=8192)
    num_inference_steps: int = Field(default=20, ge=1, le=1000)
    guidance_scale: float = Field(default=3.0, ge=1, le=50)
    guidance_rescale: float = Field(default=0.0, ge=0, le=1)
    sampler: Sampler = "dpm++"
    precision: Literal["bf16", "no"] = "no"
    styles: tuple[StyleWeight, ...] = ()
    clip_skip: int = later(0, ge=0, le=100)
    weighted: bool = later(False)  # `(words:1.3)` is a weight; in a caption it is what stands there
    edit: Edit | None = later(None)

    @field_validator("prompt")
    @classmethod
    def _says_something(cls, prompt: str) -> str:
        if not prompt.strip():
            raise ValueError("the prompt is empty")
        return prompt

    @field_validator("prompt", "negative_prompt")
    @classmethod
    def _is_made_of_letters(cls, prompt: str) -> str:
        # Lines may end; anything else of that kind would be no words to the base, and no text in the picture's file.
        if unwelcome := unwelcome_in(prompt.translate(LINE_ENDS)):
            raise ValueError(f"it holds {unwelcome}, which is no letter")
        return prompt


def grid(template: str) -> list[str]:
    """Every combination of alternatives: "a {red|blue} {cat|dog}" is four prompts. Raises UsageMistake."""
    prompts = [template]
    while any(map(_choice_in, prompts)):
        prompts = [written for prompt in prompts for written in _written_out(prompt)]
        if len(prompts) > MOST_PROMPTS:
            raise UsageMistake(
                f"`{template[:60]}` asks for more than {MOST_PROMPTS} prompts", hint="Offer fewer alternatives at once."
            )
    return prompts


def _choice_in(prompt: str) -> re.Match[str] | None:
    return next((match for match in BRACES.finditer(prompt) if "|" in match[1]), None)


def _written_out(prompt: str) -> list[str]:
    """With its first choice made, in each way there is."""
    match = _choice_in(prompt)
    if match is None:
        return [prompt]
    return [prompt[: match.start()] + choice.strip() + prompt[match.end() :] for choice in match[1].split("|")]


def parse_style(text: str) -> tuple[str, float]:
    """`NAME=WEIGHT` or `NAME`. Raises UsageMistake."""
    name, _, weight = text.rpartition("=") if "=" in text else (text, "", "1")
    try:
        value = float(weight)
    except ValueError:
        value = float("nan")
    if not name or not -4 <= value <= 4:
        raise UsageMistake(f"`{text}` is not NAME=WEIGHT", hint="Write for example --style my-hand=0.8, from -4 to 4.")
    return name, value


def parse_seeds(text: str) -> list[int]:
    """`1,2,5-8`. Raises UsageMistake."""
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,18})(?:\s*-\s*(\d{1,18}))?\s*", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first or last - first > 9999:
            raise UsageMistake(f"`{text}` is not a list of seeds", hint="Write for example --seeds 1,2,5-8.")
        seeds += range(first, last + 1)
    return seeds


def parse_margins(text: str) -> Margins:
    """`left=32,right=64`, or `32` for every side. Raises UsageMistake."""
    hint = "Write for example --outpaint left=32,right=64, or --outpaint 32: pixels."
    sides: dict[str, str] = {}
    for part in text.split(","):
        name, sign, number = (word.strip() for word in part.rpartition("="))
        names = (name,) if sign else tuple(Margins.model_fields)
        if (name not in Margins.model_fields and sign) or any(one in sides for one in names) or not number.isdecimal():
            raise UsageMistake(f"`{text}` names no sides of a picture", hint=hint)
        sides |= dict.fromkeys(names, number)
    margins = Margins.read({name: int(number[:6]) for name, number in sides.items()}, where="--outpaint",
                           error=UsageMistake)  # fmt: skip
    if margins == Margins():
        raise UsageMistake("there is nothing to paint beyond the border", hint=hint)
    return margins
