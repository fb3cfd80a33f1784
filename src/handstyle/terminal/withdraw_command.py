"""How is a permission taken back at the command line, and a model made without the works?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from handstyle.errors import UsageMistake
from handstyle.terminal import options, values
from handstyle.terminal.display import Display, display_of, listed

if TYPE_CHECKING:
    from handstyle.withdrawing import Entered, Signed


def withdraw(
    context: typer.Context,
    file: options.Withdrawable = None,
    holder: options.WithdrawingHolder = None,
    evidence: options.LetterOfWithdrawal = None,
    work: options.WithdrawnWork = None,
    search: options.Search = None,
    key: options.Key = None,
    to: options.WithdrawalTo = None,
    workspace: options.Place = None,
    json: options.AsJson = False,
) -> None:
    """A permission is taken back: signed by a holder, or entered by the keeper."""
    from handstyle import withdrawing
    from handstyle.publication import withdrawal
    from handstyle.workspace import House

    display = display_of(context)
    house = House.here()
    places = withdrawing.workspaces_known(values.workspace_at(workspace), house)
    is_withdrawal = file is not None and file.name.endswith(withdrawal.ENDING)
    if (holder is None) != (evidence is None):
        raise UsageMistake(
            "a written word takes both: --holder, whose it is, and --evidence, the letter", hint="Name both."
        )
    if holder is not None and evidence is not None and not is_withdrawal:
        taken = withdrawing.on_written_word(
            holder, evidence, withdrawing.own_signer(key), places, given=file, names=work or ()
        )
        show_entered(display, withdrawing.enter(taken, places, house, search or ()))
    elif is_withdrawal and file is not None:
        show_entered(display, withdrawing.enter(withdrawal.read(file), places, house, search or ()))
    elif file is not None:
        show_signed(display, withdrawing.sign(file, withdrawing.own_signer(key), to=to))
    else:
        raise UsageMistake(
            "it is not said what is taken back",
            hint="Name a consent to sign its withdrawal, a withdrawal to enter it, or --holder NAME --evidence LETTER.",
        )


def show_signed(display: Display, made: Signed) -> None:
    display.say("\n".join(made.words))
    display.result(made, f"signed for {made.works} works, number {made.number}. Send it to the keeper:", made.file)


def show_entered(display: Display, made: Entered) -> None:
    display.say("\n".join(made.words))
    found = made.made_with_them
    lines = [f"{one.kind} {one.where}: {one.why}" for one in found.found]
    lines += [f"could not be looked into: {what}" for what in found.unreadable]
    said = "; what was made with them:" if lines else "; nothing here was made with them"
    number = "1 work" if made.works == 1 else f"{made.works} works"
    display.result(
        made,
        f"{number} withdrawn by {made.holder} since {made.since}{said}",
        *listed(lines),
        made.guaranteed,
        made.not_guaranteed,
        *(["Next: handstyle retrain-without"] if found.of("run") else []),
    )


def retrain_without(
    context: typer.Context,
    run: options.Run = None,
    base: options.Base = None,
    workspace: options.Place = None,
    json: options.AsJson = False,
) -> None:
    """A run again by its own recipe, without the works that were withdrawn; then it is inspected."""
    from handstyle import retraining

    display = display_of(context)
    made = retraining.retrain_without(
        values.workspace_at(workspace),
        progress=display.progress,
        **values.given(base=base, run=run),
    )
    left_out = f"trained again on {made.works} works, without {', '.join(made.without)}"
    display.result(made, left_out, *made.verdict, made.stated, made.style)
