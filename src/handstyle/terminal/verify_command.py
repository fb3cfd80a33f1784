"""How is a release verified at the command line, with its log, and by training it again?"""

from __future__ import annotations

import typer

from handstyle.errors import ReleaseBroken
from handstyle.terminal import options, values
from handstyle.terminal.display import display_of, listed


def verify(
    context: typer.Context,
    folder: options.Release,
    trust: options.Trust = None,
    refuse_unknown_base: options.UnknownBase = False,
    log: options.Logs = None,
    witness: options.Witnesses = None,
    max_age: options.MaxAge = None,
    retrain: options.Retrain = False,
    works: options.RetrainWorks = None,
    base: options.Base = None,
    json: options.AsJson = False,
) -> None:
    """Does a release hold what it claims? Exits with 3 if not."""
    from handstyle import checking

    values.go_together({"--retrain": retrain or None, "--works": works})
    age = None if max_age is None else values.days(max_age, "--max-age")
    found = checking.verify(
        folder, trust, logs=log or (), witnesses=witness, max_age=age, refuse_unknown_base=refuse_unknown_base
    )
    display = display_of(context)
    if found.base:
        display.say(f"Its base was {found.base.words}.")
    for line in (*found.permission, *found.log):
        display.say(line)
    findings = [f"{finding.where}: {finding.words}" for finding in found.findings]
    if works is None or found.status in ("broken", "withdrawn"):
        display.result(found, found.words, *listed(findings))
        if not found.holds:
            raise typer.Exit(ReleaseBroken.exit_code)
        return
    from handstyle import repeating  # a quarter of a second, which a plain verification does without

    again = repeating.repeat(folder, works, base, progress=display.progress)
    lines = [found.words, *listed(findings), again.words, *listed(again.reasons)]
    display.result(found, *lines, repetition=again.as_json())
    if not (found.holds and again.holds):
        raise typer.Exit(ReleaseBroken.exit_code)
