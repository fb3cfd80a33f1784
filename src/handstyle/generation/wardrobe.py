"""Which styles are worn, and what does a prompt become with them?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from handstyle.diffusion.checkpoints import read_tensors
from handstyle.diffusion.family import ModelFamily
from handstyle.diffusion.hardware import hardware
from handstyle.errors import UsageMistake
from handstyle.finetuning.foreign_style import ForeignStyle
from handstyle.finetuning.trained_style import RECORD, WEIGHTS, TrainedStyle
from handstyle.generation import emphasis
from handstyle.generation.foreign_files import worn_file
from handstyle.generation.generate import Worn
from handstyle.generation.request import GenerationRequest, StyleWeight, parse_style
from handstyle.generation.signature import MadeFrom
from handstyle.workspace import Workspace

BASE_ALONE = "none"


def worn(workspace: Workspace, styles: Sequence[str], family: ModelFamily | None = None) -> list[Worn]:
    """Each of `styles` is `NAME` or `NAME=WEIGHT`: a run of the workspace, a style's folder, or `none`; and on a loaded
    base a file of another tool."""
    found = []
    for name, weight in (parse_style(text) for text in styles if text != BASE_ALONE):
        if family is not None and is_file_of_another_tool(name):
            found.append(worn_file(Path(name), weight, family))
            continue
        folder = style_folder(workspace, name)
        style = TrainedStyle.open(folder)
        found.append(Worn(style, read_tensors(folder / WEIGHTS)[0], weight, folder))
    return found


def is_file_of_another_tool(name: str) -> bool:
    return Path(name).is_file()


def made_from(worn: Sequence[Worn], family: ModelFamily) -> MadeFrom:
    return MadeFrom(
        family.card.name,
        family.digest,
        styles=tuple(item.style.tensors for item in worn),
        collections=tuple(sorted({item.style.collection for item in worn} - {""})),
        of_other_tools=tuple(item.style.tensors for item in worn if isinstance(item.style, ForeignStyle)),
    )


def style_folder(workspace: Workspace, name: str) -> Path:
    for folder in (workspace.run(name) / "style", Path(name), Path(name) / "style"):
        if (folder / RECORD).is_file():
            return folder
    known = ", ".join(workspace.runs()) or "none yet"
    raise UsageMistake(
        f"there is no style `{name}`",
        hint=f"Name a run of this workspace ({known}), a style's folder, or a .safetensors file of another tool.",
    )


def requests(
    prompts: Sequence[str], seeds: Sequence[int], family: ModelFamily, worn: Sequence[Worn], settings: dict[str, Any]
) -> list[GenerationRequest]:
    """Prompts x seeds, with the base's own settings unless told otherwise."""
    card, negative = family.card, str(settings.get("negative_prompt", ""))
    common = {
        "width": family.resolution,
        "height": family.resolution,
        "num_inference_steps": card.num_inference_steps,
        "guidance_scale": card.guidance_scale,
        "guidance_rescale": card.guidance_rescale,
        "precision": "bf16" if hardware().fast_bf16 else "no",
        "styles": [StyleWeight(name=w.style.name, tensors=w.style.tensors, weight=w.weight) for w in worn],
        **({} if "clip_skip" in settings else {"clip_skip": _clip_skip(worn)}),
        **settings,
    }
    return [
        GenerationRequest.read(
            {**common, "prompt": prompt, "seed": seed, "weighted": emphasis.is_in(prompt) or emphasis.is_in(negative)},
            where="the request",
            error=UsageMistake,
        )
        for prompt in (in_style(prompt, worn) for prompt in prompts)
        for seed in seeds
    ]


def _clip_skip(worn: Sequence[Worn]) -> int:
    """As the styles were trained. Raises UsageMistake where they were not trained alike."""
    found = {skip: item.style.name for item in worn if (skip := item.style.clip_skip) is not None}
    if len(found) > 1:
        said = ", ".join(f"{name} with {number}" for number, name in found.items())
        raise UsageMistake(f"the styles were trained with another clip_skip each: {said}", hint="Choose: --clip-skip 1")
    return next(iter(found), 0)


def in_style(prompt: str, worn: Sequence[Worn]) -> str:
    """A prompt that does not name the one style worn is put into its template: "a fox" draws in the hand."""
    return worn[0].style.asked(prompt) if len(worn) == 1 else prompt
