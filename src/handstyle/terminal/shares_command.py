"""How is a statement of the contributors' shares asked for at the command line?"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import typer

from handstyle.errors import UsageMistake
from handstyle.terminal import options, values
from handstyle.terminal.display import display_of

if TYPE_CHECKING:
    from handstyle.publication.shares import Division, Fee


def shares(
    context: typer.Context,
    currency: options.Currency,
    pool: options.Pool = None,
    per_picture: options.PerPicture = None,
    per_released: options.PerReleased = None,
    per_period: options.PerPeriod = None,
    periods: options.Periods = 1,
    flat: options.Flat = None,
    by: options.DividedBy = "equal",
    since: options.Since = None,
    until: options.Until = None,
    style: options.ShareOf = None,
    to: options.StatementTo = None,
    workspace: options.Place = None,
    json: options.AsJson = False,
) -> None:
    """Who contributed which works, and what is each one's part of what was agreed."""
    from handstyle import sharing
    from handstyle.publication import shares
    from handstyle.records import write

    display = display_of(context)
    given = {
        "pool": pool,
        "picture made": per_picture,
        "picture released": per_released,
        "period": per_period,
        "contributor": flat,
    }
    found = sharing.shares(
        values.workspace_at(workspace),
        _fee(given, currency, periods),
        _division(by),
        run=style,
        since=_day(since),
        until=_day(until),
    )
    text = shares.page(found)
    paths = []
    if to is not None:
        stem = f"shares-{found.tensors[:12]}-{found.written}"
        if taken := [name for ending in (".json", ".txt") if (name := to / f"{stem}{ending}").exists()]:
            raise UsageMistake(
                f"{taken[0]} is there already", hint="A statement is never overwritten: name another --to."
            )
        paths = [str(found.save(to / f"{stem}.json")), str(write(to / f"{stem}.txt", text.encode()))]
    display.result(found, text.rstrip(), *paths)


def _fee(given: dict[str, str | None], currency: str, periods: int) -> Fee:
    from handstyle.publication import money
    from handstyle.publication.shares import Fee

    said = [(kind, text) for kind, text in given.items() if text is not None]
    if len(said) != 1:
        raise UsageMistake(
            "what was agreed is not said, or said twice",
            hint="Give one of --pool, --per-picture, --per-released, --per-period and --flat.",
        )
    kind, text = said[0]
    if periods != 1 and kind != "period":
        raise UsageMistake("--periods goes with --per-period", hint="Leave it out.")
    return Fee(kind, money.amount(text, "the fee"), money.currency(currency), periods)  # type: ignore[arg-type]


def _division(by: str) -> Division:
    from handstyle.publication.shares import RULES

    for rule in RULES:
        if by == rule:
            return rule
    raise UsageMistake(f"--by {by} is not known", hint=f"Write one of: {', '.join(RULES)}.")


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None
