"""How are captions put into a table at the command line?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from handstyle.terminal import options, values
from handstyle.terminal.display import display_of

Table = Annotated[Path, Argument(metavar="TABLE", help="A new CSV file; nothing is overwritten.")]
Template = Annotated[
    str | None,
    Option(
        "--template", metavar="WORDS", help='Captions made of {caption}, {file} and {folder}: "{caption}, {folder}".'
    ),
]
Captioner = Annotated[
    Path | None, Option("--captioner", metavar="FOLDER", help="A captioning model on this disk, to suggest words.")
]


def captions(
    context: typer.Context,
    table: Table,
    template: Template = None,
    captioner: Captioner = None,
    workspace: options.Place = None,
    json: options.AsJson = False,
) -> None:
    """The captions of the newest collection as a table to edit, which `collect` reads again."""
    from handstyle import curating

    display = display_of(context)
    made = curating.captions(
        values.workspace_at(workspace), table, template=template, captioner=captioner, progress=display.progress
    )
    display.result(made, f"{made.works} captions, {made.changed} of them by the template", made.table)
