"""How does `handstyle collect --dry-run` say what the whole journey lacks?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from handstyle.errors import GateClosed, UsageMistake
from handstyle.terminal.display import Display, listed

if TYPE_CHECKING:
    from handstyle.collection.rights_plan import RightsPlan

MEANT: dict[str, dict[str, Any]] = {
    "full": {"method": "full"},
    "named": {"distribution": "named"},
    "public": {"distribution": "public"},
    "commercial": {"commercial": True},
    "show-works": {"show_works": True},
    "name": {"name_in_title": True},
}


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
    from handstyle import foresight, stages

    if unknown := [use for use in meant if use not in MEANT]:
        raise UsageMistake(f"--for {unknown[0]} is not known", hint=f"Write one of: {', '.join(MEANT)}.")
    family = stages.load_base(base)
    wanted = {key: value for use in meant for key, value in MEANT[use].items()}
    intent = foresight.Intent(base_family=family.kind, base_sha256=family.digest, **wanted, **who)
    found = foresight.foresee(folder, plan, intent, letters=letter, pictures=pictures, **how)
    lines = []
    for verb in found.verbs:
        lines.append(f"{verb.verb}: {'refused' if verb.faults else 'allowed'}")
        lines += listed([str(fault) for fault in verb.faults])
    display.result(found, *lines, *found.letters)
    if not found.is_allowed:
        raise typer.Exit(GateClosed.exit_code)
