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


def doctor(
    context: typer.Context,
    captions: AskCaptions = False,
    base: options.Base = None,
    workspace: options.Place = None,
    json: options.AsJson = False,
) -> None:
    """Which works are copies, too small, badly cropped, unlike the others, or described by words that do not fit?"""
    from handstyle import curating

    display = display_of(context)
    found = curating.examine(values.workspace_at(workspace), base=base, captions=captions, progress=display.progress)
    lines = listed(found.words) if found.words else ["nothing stands out"]
    if found.without:
        lines.append(f"to leave the copies out, collect again with: {found.without}")
    display.result(found, *lines, found.page)
