"""How is a base made at the command line?"""

from __future__ import annotations

import typer

from handstyle.terminal import options, values
from handstyle.terminal import originate_options as own
from handstyle.terminal.display import display_of

originate = typer.Typer(name="originate", rich_markup_mode=None, no_args_is_help=True)


@originate.command()
def draw(
    context: typer.Context,
    packages: own.Packages,
    to: own.WorksTo,
    pixels: own.Pixels = 128,
    json: options.AsJson = False,
) -> None:
    """The ten openly licensed sets become a folder of works, with words and rights."""
    from handstyle import originating

    display, found = display_of(context), []
    for drawn in originating.draw(packages, to, pixels=pixels):
        found.append(drawn)
        display.say(f"{drawn.folder.name}: {drawn.works} of {drawn.in_the_set} drawings")
    made = originating.Drawing(folder=str(to), sets=len(found), works=sum(drawn.works for drawn in found))
    display.result(made, f"{made.works} works of {made.sets} sets", made.folder)


@originate.command()
def base(
    context: typer.Context,
    to: own.BaseTo,
    teacher: own.Teacher,
    recipe: own.BaseRecipeFile = None,
    vocabulary: own.Vocabulary = None,
    share_alike: own.ShareAlike = False,
    extend: own.Extend = None,
    unseen_artist: own.UnseenArtist = None,
    workspace: options.Place = None,
    json: options.AsJson = False,
) -> None:
    """A collection becomes a base model, in stages; hours. It may be stopped at any time and goes on."""
    from handstyle import originating

    display = display_of(context)
    made = originating.base(
        values.workspace_at(workspace),
        to,
        teacher,
        recipe,
        vocabulary=vocabulary,
        share_alike=share_alike,
        extend=extend,
        unseen_artist=unseen_artist or (),
        announce=display.say,
        progress=display.progress,
    )
    display.result(made, made.base, made.card)
