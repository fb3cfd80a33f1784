"""How is a picture asked at the command line which works shaped it?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from handstyle.terminal import options, values
from handstyle.terminal.display import display_of, listed

Drawn = Annotated[Path, Argument(metavar="PICTURE", help="A picture as `handstyle generate` wrote it.")]
Prompt = Annotated[str | None, Option("--prompt", metavar="WORDS", help="What it was drawn for. [as its record says]")]
Run = Annotated[str | None, Option("--style", metavar="RUN", help="The run that drew it. [the newest]")]
Retrain = Annotated[
    bool, Option("--retrain", help="Train without some of the works, again and again, to know it; takes long.")
]
Halves = Annotated[
    int | None, Option("--halves", metavar="NUMBER", min=2, max=100, help="With --retrain: four trainings each. [8]")
]
OneByOne = Annotated[bool, Option("--one-by-one", help="With --retrain: also without each work alone, twice.")]


def influence(
    context: typer.Context,
    picture: Drawn,
    prompt: Prompt = None,
    style: Run = None,
    retrain: Retrain = False,
    halves: Halves = None,
    one_by_one: OneByOne = False,
    base: options.Base = None,
    workspace: options.Place = None,
    json: options.AsJson = False,
) -> None:
    """Which works shaped a picture? By a quick score, and by trainings without works where you ask for them."""
    from handstyle import attributing

    display = display_of(context)
    found = attributing.influence(
        values.workspace_at(workspace),
        picture,
        prompt=prompt,
        style=style,
        base=base,
        retrain=retrain,
        halves=halves,
        one_by_one=one_by_one,
        progress=display.progress,
    )
    display.result(found, found.words, *listed(found.works), found.page)
