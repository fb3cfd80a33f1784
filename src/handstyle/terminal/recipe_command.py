"""How do the settings of another tool become a recipe at the command line?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from handstyle.terminal import options
from handstyle.terminal.display import display_of, listed

Settings = Annotated[
    Path, Argument(metavar="FILE", help="kohya's TOML, or a text with the command line of a training script.")
]
RecipeTo = Annotated[
    Path | None, Option("--to", metavar="FILE", help="Write it there; nothing is overwritten. [the screen]")
]


def recipe(context: typer.Context, settings: Settings, to: RecipeTo = None, json: options.AsJson = False) -> None:
    """Settings of kohya's scripts, or of diffusers', become a recipe; what has no counterpart is listed."""
    from handstyle.errors import UsageMistake
    from handstyle.finetuning import foreign_recipes
    from handstyle.records import write

    display = display_of(context)
    if to is not None and to.exists():
        raise UsageMistake(f"{to} is there already", hint="Name another file with --to.")
    found = foreign_recipes.translated(settings)
    toml = foreign_recipes.as_file(found, settings.name)
    if to is not None:
        write(to, toml.encode())
    if found.without_counterpart:
        display.say("\n".join(["no counterpart:", *listed(found.without_counterpart)]))
    for note in found.notes:
        display.say(note)
    display.result(found, str(to) if to else toml.rstrip())
