"""Is a command whose options come in groups typed and shown as if each were its own?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer import Option
from typer.testing import CliRunner

from handstyle.terminal.grouping import in_groups


@dataclass(frozen=True)
class Size:
    wide: Annotated[int | None, Option("--wide", help="How wide.")] = None
    tall: Annotated[int, Option("--tall", help="How tall.")] = 3


@dataclass(frozen=True)
class Colour:
    red: Annotated[bool, Option("--red", help="Red.")] = False


def made(heard: list[Any]) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @in_groups(Size, Colour)
    def draw(context: typer.Context, size: Size, colour: Colour) -> None:
        """Draws."""
        heard.extend([size, colour, context.command.name])

    return app


def test_each_option_reaches_its_group_and_what_is_left_out_has_its_default() -> None:
    heard: list[Any] = []
    assert CliRunner().invoke(made(heard), ["--wide", "4", "--red"]).exit_code == 0
    assert heard == [Size(4, 3), Colour(True), "draw"]


def test_help_says_what_the_command_does_and_names_the_options_in_order() -> None:
    shown = CliRunner().invoke(made([]), ["--help"]).output
    places = [shown.index(words) for words in ("Draws.", "--wide", "--tall", "--red")]
    assert places == sorted(places)


def test_a_wrong_value_is_refused() -> None:
    assert CliRunner().invoke(made([]), ["--wide", "broad"]).exit_code == 2
