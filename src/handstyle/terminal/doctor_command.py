"""How is the doctor asked at the command line?"""

from __future__ import annotations

from typing import Annotated

import typer
from typer import Option

from handstyle.terminal import options, values
from handstyle.terminal.display import display_of, listed

AskCaptions = Annotated[
    bool, Option("--captions", help="Ask the base, too, whether each caption fits; takes a few passes over all works.")
]

Influence = Annotated[
    bool, Option("--influence", help="After the training: leave works out in turn to see which harm it; takes long.")
]
Rounds = Annotated[
    int | None, Option("--rounds", metavar="NUMBER", min=2, max=20, help="With --influence: four trainings each. [2]")
]


def doctor(
    context: typer.Context,
    captions: AskCaptions = False,
    influence: Influence = False,
    rounds: Rounds = None,
    base: options.Base = None,
    workspace: options.Place = None,
    json: options.AsJson = False,
) -> None:
    """Which works are copies, too small, badly cropped, unlike the others, or described by words that do not fit?"""
    from handstyle import curating

    display = display_of(context)
    values.at_most_one({"--captions": captions or None, "--influence": influence or None})
    if influence:
        measured = curating.influence(
            values.workspace_at(workspace), base=base, rounds=rounds, progress=display.progress
        )  # fmt: skip
        told = [f"to train without them, collect again with: {measured.without}"] if measured.without else []
        display.result(measured, measured.words, *told, measured.page)
        return
    found = curating.examine(values.workspace_at(workspace), base=base, captions=captions, progress=display.progress)
    lines = listed(found.words) if found.words else ["nothing stands out"]
    if found.without:
        lines.append(f"to leave the copies out, collect again with: {found.without}")
    display.result(found, *lines, found.page)
