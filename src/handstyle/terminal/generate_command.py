"""How is a picture asked for at the command line?"""

from __future__ import annotations

import typer

from handstyle.terminal import generate_options, options, values
from handstyle.terminal.display import display_of


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
    sheet: generate_options.Sheet = False,
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
        **values.given(base=base, styles=style, sheet=sheet, to=to, key=key),
    )
    if made.base and made.base.made_from == "unknown":
        display.say(f"The base was {made.base.words}. Each picture's record says so.")
    for note in made.notes:
        display.say(note)
    display.result(made, *made.pictures, *filter(None, [made.sheet]))
