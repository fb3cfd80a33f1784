"""How is a picture asked for at the command line?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from handstyle.errors import UsageMistake
from handstyle.terminal import generate_options, options, values
from handstyle.terminal.display import display_of

if TYPE_CHECKING:
    from handstyle.editing import Asked


def generate(
    context: typer.Context,
    prompt: generate_options.Prompt = None,
    prompts: generate_options.Prompts = None,
    seeds: generate_options.Seeds = "0",
    negative_prompt: generate_options.NegativePrompt = None,
    guidance: generate_options.Guidance = None,
    steps: generate_options.Steps = None,
    sampler: generate_options.Sampler = None,
    width: generate_options.Width = None,
    height: generate_options.Height = None,
    clip_skip: generate_options.ClipSkip = None,
    style: generate_options.Style = None,
    source: generate_options.From = None,
    strength: generate_options.Strength = None,
    mask: generate_options.Mask = None,
    outpaint: generate_options.Outpaint = None,
    resample: generate_options.Resample = None,
    source_permission: generate_options.SourcePermission = None,
    sheet: generate_options.Sheet = False,
    meter: generate_options.Meter = False,
    to: generate_options.PicturesTo = None,
    key: options.Key = None,
    plain: options.Plain = False,
    base: options.Base = None,
    workspace: options.Place = None,
    json: options.AsJson = False,
) -> None:
    """Words and a seed become pictures in the trained hand."""
    from handstyle import stages
    from handstyle.generation.request import parse_seeds

    display = display_of(context)
    settings = values.given(
        negative_prompt=negative_prompt, guidance_scale=guidance, num_inference_steps=steps, sampler=sampler,
        width=width, height=height, clip_skip=clip_skip,
    )  # fmt: skip
    made = stages.generate(
        values.workspace_at(workspace),
        values.all_prompts(prompt or (), prompts),
        seeds=parse_seeds(seeds),
        settings=settings,
        plain=plain,
        progress=display.progress,
        **values.given(
            base=base,
            styles=style,
            sheet=sheet,
            meter=meter,
            to=to,
            key=key,
            edit=_edit(source, strength, mask, outpaint, resample, source_permission),
        ),
    )
    if made.base and made.base.made_from == "unknown":
        display.say(f"The base was {made.base.words}. Each picture's record says so.")
    for note in made.notes:
        display.say(note)
    display.result(made, *made.pictures, *filter(None, [made.sheet]))


def _edit(
    source: Path | None,
    strength: float | None,
    mask: Path | None,
    outpaint: str | None,
    resample: int | None,
    permission: str | None,
) -> Asked | None:
    from handstyle.editing import Asked
    from handstyle.generation.request import parse_margins

    more = {"--strength": strength, "--mask": mask, "--outpaint": outpaint, "--resample": resample,
            "--source-permission": permission}  # fmt: skip
    if source is None:
        if typed := [option for option, value in more.items() if value is not None]:
            raise UsageMistake(f"{typed[0]} goes with a picture to begin with", hint="Name it with --from IMAGE.")
        return None
    values.at_most_one({"--mask": mask, "--outpaint": outpaint})
    margins = None if outpaint is None else parse_margins(outpaint)
    return Asked(source, mask, margins, strength, resample, permission or "")
