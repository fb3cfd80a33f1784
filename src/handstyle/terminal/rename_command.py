"""How is a style given another name at the command line?"""

from __future__ import annotations

import typer

from handstyle.terminal import options, values
from handstyle.terminal.display import display_of


def rename(
    context: typer.Context,
    style: options.Called,
    name: options.NewName,
    identifier: options.Identifier = None,
    key: options.Key = None,
    to: options.RenamedTo = None,
    remove_old: options.RemoveOld = False,
    workspace: options.Place = None,
    json: options.AsJson = False,
) -> None:
    """A style gets another name everywhere, and no trace of the old one is left."""
    from handstyle import renaming

    display = display_of(context)
    made = renaming.rename(
        values.workspace_at(workspace),
        style,
        name,
        **values.given(identifier=identifier, key=key, to=to, remove_old=remove_old),
    )
    if made.withdrew_identifier:
        display.say(
            f"In prompts it is called by `{made.identifier}` now, a word it was not trained with: it answers to that "
            "less surely, and to the old word still."
        )
    if made.signer and made.signer != made.signer_before:
        display.say(f"It is signed by {made.signer} now; it was by {made.signer_before}.")
    for path in made.left_out:
        display.say(f"{path} still held the old name and was left out.")
    searched = f"{made.files_searched} files searched, no trace of the old name outside what the holders signed"
    display.result(made, f"{made.title}: {searched}; the weights are the same", made.folder)
