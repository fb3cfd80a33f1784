"""How is a consent drafted, read, signed and checked at the command line?"""

from __future__ import annotations

import os
import sys
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from handstyle.errors import GateClosed, UsageMistake
from handstyle.terminal import options, values
from handstyle.terminal.display import display_of, listed

if TYPE_CHECKING:
    from handstyle.consenting import Seen

consent = typer.Typer(name="consent", rich_markup_mode=None, no_args_is_help=True)


@consent.command()
def draft(
    context: typer.Context,
    folder: options.Works,
    terms: options.Terms = None,
    to: options.ConsentTo = Path("consent"),
    pictures: options.Pictures = False,
    background: options.Background = None,
    json: options.AsJson = False,
) -> None:
    """What is asked for becomes a statement on exactly these works, and a page to mail."""
    from handstyle import consenting

    made = consenting.draft(folder, terms, to, pictures=pictures, **values.given(background=background))
    display = display_of(context)
    if made.file is None:
        display.result(made, f"Fill in {made.terms}, then: handstyle consent draft {folder} --terms {made.terms}")
        return
    for name in made.without_key:
        display.say(f"The key of {name} is not named yet: so far, {name} can only answer by hand.")
    if made.reserved:
        display.say(
            f"The files of {len(made.reserved)} works say that they are not for training, and these terms do not ask "
            "to set that aside: despite_reservations = true asks for it."
        )
    display.result(made, f"{made.works} works, number {made.number}", str(made.file), str(made.page))


@consent.command()
def show(
    context: typer.Context,
    file: options.ConsentFile,
    page: options.Page = None,
    json: options.AsJson = False,
) -> None:
    """The words that are signed, and who has signed them."""
    from handstyle import consenting

    seen = consenting.show(file, page=page)
    display_of(context).result(seen, seen.words, *_lines(seen), *([str(page)] if page else []))


@consent.command()
def sign(
    context: typer.Context,
    file: options.ConsentFile,
    key: options.Key = None,
    add: options.Add = None,
    yes: options.Yes = False,
    json: options.AsJson = False,
) -> None:
    """Your signature under the words, after you have read them; or signatures that came back in a copy."""
    from handstyle import consenting, keys

    display = display_of(context)

    def agree(words: str, digest: str) -> bool:
        if yes:
            return True
        if display.as_json:
            raise UsageMistake(
                "nothing was signed: with --json nobody is asked",
                hint=f"Read it first, `handstyle consent show {file}`; if you agree, add --yes.",
            )
        display.say(f"{words}\nThe number of this text is {digest}\nDo you agree to this? Type yes or no:")
        return sys.stdin.readline().strip().lower() == "yes"

    def signer() -> keys.Signer:
        return keys.KeySigner(keys.read_key(key, ask=lambda: _secret("Passphrase")) if key else keys.own_key())

    seen = consenting.sign(file, None if add and key is None else signer, further=add or (), agree=agree)
    display.result(seen, *_lines(seen))


@consent.command()
def check(
    context: typer.Context,
    file: options.ConsentFile,
    folder: options.Against = None,
    background: options.Background = None,
    json: options.AsJson = False,
) -> None:
    """Does it hold today, and for which of these pictures? Exits with 3 if not."""
    from handstyle import consenting

    seen = consenting.check(file, folder, **values.given(background=background))
    display_of(context).result(seen, *_lines(seen))
    if not seen.holds:
        raise typer.Exit(GateClosed.exit_code)


@consent.command("list")
def list_(
    context: typer.Context,
    folder: options.ConsentFolder = Path(),
    expiring: options.Expiring = None,
    json: options.AsJson = False,
) -> None:
    """Every consent below a folder, or those that end soon."""
    from handstyle import consenting
    from handstyle.records import Record

    class Listed(Record):
        consents: tuple[consenting.Seen, ...]

    found = consenting.listed(folder, expiring=None if expiring is None else values.days(expiring, "--expiring"))
    lines = [line for seen in found for line in _lines(seen)]
    display_of(context).result(Listed(consents=found), *(lines or ["none"]))


@consent.command()
def key(context: typer.Context, to: options.NewKey = None, json: options.AsJson = False) -> None:
    """The line by which others know your key; with --to, a new key behind a passphrase."""
    from handstyle import consenting
    from handstyle.records import Record

    class PublicKey(Record):
        key: str

    line = consenting.own_key(to, lambda: _secret("Passphrase for the new key", twice=True))
    display_of(context).result(PublicKey(key=line), line)


def _lines(seen: Seen) -> list[str]:
    until = f", until {seen.valid_until}" if seen.valid_until else ""
    lines = [f"{seen.file}: {seen.state}{until}", *listed(seen.faults)]
    if seen.number is None:
        return lines
    lines.append(f"  {seen.works} works by {seen.author}, asked by {seen.keeper}; number {seen.number}")
    lines += [f"  signed by {name}" for name in seen.signed]
    lines += [f"  not signed by {name}" for name in seen.missing]
    if seen.covered or seen.not_covered:
        lines.append(f"  covers {len(seen.covered)} of {len(seen.covered) + len(seen.not_covered)} pictures")
    return lines + listed([f"{name}: neither its file nor its pixels are named" for name in seen.not_covered])


def _secret(words: str, *, twice: bool = False) -> str:
    from handstyle.keys import PASSPHRASE

    if given := os.environ.get(PASSPHRASE):
        return given
    if not sys.stdin.isatty():
        raise UsageMistake(f"a passphrase is needed, and {PASSPHRASE} is not set", hint="Set it, or use a terminal.")
    given = getpass(f"{words}: ")
    if twice and getpass("Once more: ") != given:
        raise UsageMistake("these were two different passphrases", hint="Try again.")
    return given
