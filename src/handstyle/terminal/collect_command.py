"""How is a folder collected at the command line, or only asked what the whole journey would lack?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from handstyle.errors import GateClosed, UsageMistake
from handstyle.terminal import options, values
from handstyle.terminal.display import Display, display_of, listed
from handstyle.terminal.permission import StatedPermission

if TYPE_CHECKING:
    from handstyle.collection.rights_plan import RightsPlan

PlainFolders = Annotated[
    bool, Option("--plain-folders", help="A folder called 10_cats is a name, and does not count its works ten times.")
]
MEANT: dict[str, dict[str, Any]] = {
    "full": {"method": "full"},
    "named": {"distribution": "named"},
    "public": {"distribution": "public"},
    "commercial": {"commercial": True},
    "show-works": {"show_works": True},
    "name": {"name_in_title": True},
}


def collect(
    context: typer.Context,
    folder: options.Works,
    mine: options.Mine = None,
    licence: options.Licence = None,
    author: options.Author = None,
    source: options.Source = None,
    evidence: options.Evidence = None,
    licence_choice: options.LicenceChoice = None,
    seen: options.Seen = None,
    rights: options.Rights = None,
    consent: options.Consent = None,
    leave_out: options.LeaveOut = None,
    without: options.Without = None,
    background: options.Background = None,
    plain_folders: PlainFolders = False,
    captions: options.CaptionTable = None,
    dry_run: options.Foresee = False,
    meant: options.MeantFor = None,
    letter: options.Letter = None,
    pictures: options.Pictures = False,
    keeper: options.Keeper = None,
    contact: options.Contact = None,
    base: options.Base = None,
    workspace: options.Place = None,
    json: options.AsJson = False,
) -> None:
    """A folder of pictures, words and permission becomes a collection."""
    from handstyle import stages
    from handstyle.collection.withholding import parse_withholding

    display = display_of(context)
    values.at_most_one({"--captions": captions, "--dry-run": dry_run or None})
    chosen = values.given(without=without, background=background, as_plain=plain_folders or None, captions=captions)
    if leave_out is not None:
        chosen["validation"] = parse_withholding(leave_out)
    stated = StatedPermission(
        mine, licence, author, source, evidence, rights, consent, licence_choice, seen.date() if seen else None
    ).for_folder(folder, unsigned=dry_run)
    if dry_run:
        who = values.given(keeper=keeper, contact=contact)
        show_foreseen(display, folder, stated, meant or (), base, letter, pictures=pictures, who=who, **values.given(
            without=without, background=background))  # fmt: skip
        return
    made = stages.collect(
        values.workspace_at(workspace),
        folder,
        stated,
        progress=display.progress,
        **chosen,
    )
    for note in (*made.notes, *made.permission):
        display.say(note)
    counts = (
        f"{made.works} of {made.pictures_found} pictures became works: "
        f"{made.for_training} to train on, {made.for_validation} kept back to check with"
    )
    display.result(made, counts + (f"; {made.left_out} left out" if made.left_out else ""), made.record)


def show_foreseen(
    display: Display,
    folder: Path,
    plan: RightsPlan,
    meant: Sequence[str],
    base: Path | None,
    letter: Path | None,
    *,
    pictures: bool,
    who: Mapping[str, Any],
    **how: Any,
) -> None:
    from handstyle import foresight, loading

    if unknown := [use for use in meant if use not in MEANT]:
        raise UsageMistake(f"--for {unknown[0]} is not known", hint=f"Write one of: {', '.join(MEANT)}.")
    family = loading.load_base(base)
    wanted = {key: value for use in meant for key, value in MEANT[use].items()}
    intent = foresight.Intent(base_family=family.kind, base_sha256=family.digest, **wanted, **who)
    found = foresight.foresee(folder, plan, intent, letters=letter, pictures=pictures, **how)
    lines = []
    for verb in found.verbs:
        lines.append(f"{verb.verb}: {'refused' if verb.faults else 'allowed'}")
        lines += listed([str(fault) for fault in verb.faults])
    lines += ["what files and notes beside them say:", *listed(found.reservations)] if found.reservations else []
    display.result(found, *lines, *found.letters)
    if not found.is_allowed:
        raise typer.Exit(GateClosed.exit_code)
