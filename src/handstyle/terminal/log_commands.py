"""How is a log started, looked at and kept fresh at the command line?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from handstyle.terminal import log_options, options
from handstyle.terminal.display import display_of

if TYPE_CHECKING:
    from handstyle.logkeeping import Shown

log = typer.Typer(name="log", rich_markup_mode=None, no_args_is_help=True)


@log.command()
def start(
    context: typer.Context,
    folder: log_options.LogFolder,
    origin: log_options.Origin = None,
    json: options.AsJson = False,
) -> None:
    """A log of your own: from now on every permission, run and release is entered."""
    from handstyle import logkeeping
    from handstyle.workspace import House

    _shown(context, logkeeping.start(folder, origin, House.here()))


@log.command()
def show(context: typer.Context, json: options.AsJson = False) -> None:
    """Every entry, after all of them were checked."""
    from handstyle import logkeeping
    from handstyle.workspace import House

    _shown(context, logkeeping.show(House.here()))


@log.command()
def refresh(context: typer.Context, json: options.AsJson = False) -> None:
    """Today's signature: nothing was added until now. Then publish the file again."""
    from handstyle import logkeeping
    from handstyle.workspace import House

    _shown(context, logkeeping.refresh(House.here()))


@log.command()
def erase(context: typer.Context, number: log_options.EntryNumber, json: options.AsJson = False) -> None:
    """What an entry was about, with names and salt. The log stays valid."""
    from handstyle import logkeeping
    from handstyle.workspace import House

    _shown(context, logkeeping.erase(number, House.here()))


@log.command()
def witness(
    context: typer.Context,
    file: log_options.LogCopy,
    name: log_options.WitnessName,
    key: options.Key = None,
    log_key: log_options.LogKey = None,
    to: log_options.CosignedTo = Path("checkpoint.txt"),
    json: options.AsJson = False,
) -> None:
    """Somebody else's log: your signature that it only grew since you last saw it."""
    from handstyle import keys, logkeeping
    from handstyle.workspace import House

    house = House.here()
    signer = keys.KeySigner(keys.read_key(key) if key else keys.own_key(house.root / "witness-key"))
    made = logkeeping.witness(file, name, signer, to, house, log_key)
    seen = "seen for the first time" if made.first_seen else "only grown since it was last seen"
    display_of(context).result(made, f"{made.size} entries, {seen}; signed as {made.key}", made.file)


@log.command()
def accept(context: typer.Context, file: log_options.Cosigned, json: options.AsJson = False) -> None:
    """What a witness has signed joins your log. Then publish the file again."""
    from handstyle import logkeeping
    from handstyle.workspace import House

    _shown(context, logkeeping.accept(file, House.here()))


def _shown(context: typer.Context, shown: Shown) -> None:
    lines = [f"{line.number:6d}  {line.on}  {line.kind:10}  {line.says or '(erased)'}" for line in shown.entries]
    about = f"{shown.origin}, signed on {shown.signed}; its key is {shown.key}"
    display_of(context).result(shown, *lines, about, f"to be published: {shown.to_publish}")
