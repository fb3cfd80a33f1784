"""How is a style given another format at the command line?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from handstyle.terminal import options, values
from handstyle.terminal.display import display_of

Styles = Annotated[
    list[str] | None,
    Argument(metavar="STYLE", help="NAME or NAME=WEIGHT: a run, a style's folder, or a .safetensors of another tool."),
]
Form = Annotated[
    str, Option("--as", metavar="FORMAT", help="diffusers or kohya (low-rank); checkpoint or folder (a whole model).")
]
ConvertedTo = Annotated[Path, Option("--to", metavar="FOLDER", help="A new folder; nothing is overwritten.")]
Rank = Annotated[int | None, Option("--rank", metavar="NUMBER", min=1, help="At most this rank. [as it is]")]
Extract = Annotated[
    Path | None, Option("--extract", metavar="MODEL", help="What this checkpoint has more than the base.")
]


def convert(
    context: typer.Context,
    form: Form,
    to: ConvertedTo,
    styles: Styles = None,
    base: options.Base = None,
    rank: Rank = None,
    extract: Extract = None,
    workspace: options.Place = None,
    json: options.AsJson = False,
) -> None:
    """Styles in other tools' formats: joined, merged into a base, extracted from a checkpoint, resized."""
    from handstyle import converting

    display = display_of(context)
    made = converting.convert(
        values.workspace_at(workspace), styles or [], to, form, base=base, rank=rank, extract=extract
    )
    for note in made.notes:
        display.say(note)
    ranks = f", rank {made.largest_rank} at most, {made.missed:.2%} of the change missed" if made.largest_rank else ""
    checked = f"loaded again, outputs differ by {made.largest_difference:.1g}"
    display.result(made, f"{made.layers} layers{ranks}; {checked}", made.file)
