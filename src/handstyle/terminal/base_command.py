"""How is asked, or said, at the command line what a base was made from?"""

from __future__ import annotations

from typing import Annotated

import typer
from typer import Option

from handstyle.errors import UsageMistake
from handstyle.terminal import options, values
from handstyle.terminal.display import display_of

Configuration = Annotated[
    str | None,
    Option("--config", metavar="NAME", help="What a file is: stable-diffusion-2, -2-v, or a folder that says it."),
]
AllowDownload = Annotated[bool, Option("--allow-download", help="Fetch it from the Hub if it is not here yet.")]


def base(
    context: typer.Context,
    folder: options.BaseFolder = None,
    config: Configuration = None,
    allow_download: AllowDownload = False,
    made_from: options.MadeFrom = None,
    because: options.Because = None,
    key: options.Key = None,
    workspace: options.Place = None,
    json: options.AsJson = False,
) -> None:
    """What was a base model made from, and who says so? Say it yourself, and it is signed."""
    from handstyle import loading, vouching
    from handstyle.diffusion import sources

    display = display_of(context)
    if folder is not None:
        folder = sources.folder_of(folder, configuration=config, allow_download=allow_download)
    if made_from is not None or because is not None:
        if folder is None or made_from is None or because is None:
            raise UsageMistake(
                "a statement takes all three: the folder, --made-from and --because",
                hint='handstyle base my-base --made-from own --because "my own drawings, 2019 to 2026"',
            )
        display.say(str(vouching.vouch(folder, made_from, because, **values.given(key=key))))
    found = vouching.made_from(values.workspace_at(workspace), loading.load_base(folder))
    display.result(found, f"{found.made_from}: {found.words}")
