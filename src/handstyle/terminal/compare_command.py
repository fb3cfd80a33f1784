"""How are two runs compared at the command line?"""

from __future__ import annotations

from typing import Annotated

import typer
from typer import Argument, Option

from handstyle.errors import UsageMistake
from handstyle.terminal import options, values
from handstyle.terminal.display import display_of

Before = Annotated[str, Argument(metavar="RUN", help="A run of this workspace.")]
After = Annotated[str, Argument(metavar="RUN", help="The run to compare it with.")]
ComparedPrompts = Annotated[
    list[str] | None, Option("--prompt", metavar="WORDS", help="Draw this; may be repeated. [words of drawings]")
]
Weights = Annotated[
    str | None,
    Option(
        "--weights", metavar="NUMBERS", help="How strongly the styles are worn; 1 is always among them. [0.5,0.75,1]"
    ),
]


def compare(
    context: typer.Context,
    before: Before,
    after: After,
    prompt: ComparedPrompts = None,
    weights: Weights = None,
    further: options.Further = None,
    base: options.Base = None,
    workspace: options.Place = None,
    json: options.AsJson = False,
) -> None:
    """Two runs side by side: what changed between them, and which errs less on drawings neither learnt from."""
    from handstyle import comparing

    display = display_of(context)
    made = comparing.compare(
        values.workspace_at(workspace),
        before,
        after,
        base=base,
        further=further,
        progress=display.progress,
        **values.given(prompts=prompt, weights=numbers(weights) if weights else None),
    )
    display.result(made, *made.verdict, made.page)


def numbers(typed: str) -> list[float]:
    """`0.5,1`. Raises UsageMistake."""
    try:
        found = [float(part) for part in typed.split(",")]
        if not found or not all(0 < weight <= 4 for weight in found):
            raise ValueError
    except ValueError:
        raise UsageMistake(f"--weights {typed} is no list of weights", hint="Write for example 0.5,1.") from None
    return found
