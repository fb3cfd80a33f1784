"""How is a blind test made, and read, at the command line?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from handstyle.terminal import options, values
from handstyle.terminal.display import display_of

blind_test = typer.Typer(name="blind-test", rich_markup_mode=None, no_args_is_help=True)

Number = Annotated[
    int | None, Option("--drawings", metavar="NUMBER", min=4, max=200, help="At most so many of each kind. [20]")
]
Files = Annotated[list[Path], Argument(metavar="FILE...", help="Guesses that people saved from the page.")]


@blind_test.command()
def make(
    context: typer.Context,
    run: options.Run = None,
    drawings: Number = None,
    further: options.Further = None,
    base: options.Base = None,
    workspace: options.Place = None,
    json: options.AsJson = False,
) -> None:
    """A page that shows drawings by the artist and by the style, for others to guess which is which."""
    from handstyle import blind_testing

    display = display_of(context)
    made = blind_testing.make(
        values.workspace_at(workspace),
        run,
        base=base,
        further=further,
        progress=display.progress,
        **values.given(drawings=drawings),
    )
    display.say(f"Give people the page; keep {made.answers} to yourself until their guesses are in.")
    display.result(made, f"{made.drawings} drawings, sealed as {made.commitment}", made.page)


@blind_test.command()
def read(
    context: typer.Context,
    files: Files,
    workspace: options.Place = None,
    json: options.AsJson = False,
) -> None:
    """Guesses that came back: how often was the style taken for the artist?"""
    from handstyle import blind_testing

    display = display_of(context)
    found = blind_testing.read(values.workspace_at(workspace), files)
    for words in found.passed_over:
        display.say(f"Not counted: {words}.")
    if found.found.not_counted:
        display.say(f"{found.found.not_counted} guesses by the artist or those who trained the style are not counted.")
    display.result(found, found.found.words, found.result)
