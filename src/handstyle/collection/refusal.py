"""How is a person told, at once, everything that keeps a folder from becoming a collection?"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from handstyle.collection.covering import RightsGaps
from handstyle.collection.listing import Fault
from handstyle.collection.rights_plan import RightsPlan, toml_to_add
from handstyle.errors import CollectionFaulty, HandstyleError, RightsMissing

WAYS_TO_PERMIT = (
    "Add the line that is true to the command:\n"
    '  --mine "YOUR NAME"                                 you made every one of them and hold all rights\n'
    '  --licence SPDX-ID --author "NAME" --source URL     they were published under an open licence\n'
    "  --consent FILE                                     everybody who holds rights has signed: docs/consent.md\n"
    "  --rights rights.toml                               anything else: docs/collect.md shows such a file"
)


def collection_faulty(folder: Path, faults: Sequence[Fault], removable: Sequence[str]) -> HandstyleError:
    """`removable` are the faulty files that the folder can also do without."""
    files = "1 fault keeps" if len(faults) == 1 else f"{len(faults)} faults keep"
    return CollectionFaulty(
        f"{files} {folder} from becoming a collection",
        faults=[str(fault) for fault in faults],
        hint=f"Mend {'it' if len(faults) == 1 else 'them'} and run the same command again{_or_without(removable)}",
    )


def rights_missing(
    folder: Path, pictures: int, gaps: RightsGaps, rights: RightsPlan, others: Sequence[Fault]
) -> HandstyleError:
    """`others` are faults of another kind, told now so that nobody finds them out one by one."""
    lacking = gaps.pictures
    unnamed = "no consent names its file or its pixels" if rights.consents else "no permission names it"
    faults = [f"{name}: {unnamed} (clause: any); ask whoever made it" for name in gaps.unmentioned]
    return RightsMissing(
        f"{lacking} of {pictures} pictures in {folder} have no permission to be trained on",
        faults=[
            *faults,
            *map(str, gaps.disputed),
            *map(str, gaps.reserved),
            *(f"besides, {fault}" for fault in others),
        ],
        hint="\n".join(_ways_on(folder, gaps, rights)),
    )


def _ways_on(folder: Path, gaps: RightsGaps, rights: RightsPlan) -> list[str]:
    ways = []
    if gaps.unmentioned and rights.consents:
        ways.append(
            "Put the very files there that were signed for: a copy that was resized, retouched or saved with loss is "
            f"another picture. Or ask for these:\n  handstyle consent draft {_quoted(str(folder))}"
        )
    elif gaps.unmentioned and rights.written_in:
        ways.append(f"Add to {rights.written_in}, with what is true:\n{toml_to_add(gaps.unmentioned)}")
    elif gaps.unmentioned:
        ways.append(WAYS_TO_PERMIT)
        if (folder / "rights.toml").is_file():
            ways.append(f"There is a rights.toml among them: --rights {_quoted(str(folder / 'rights.toml'))}")
    if gaps.disputed:
        names = list(dict.fromkeys(fault.name for fault in gaps.disputed))
        ways.append(f"Ask whoever holds the rights for a permission that covers it{_or_without(names)}")
    if gaps.reserved:
        names = sorted({fault.name for fault in gaps.reserved})
        ways.append(
            "What a file says stands until everybody who holds rights has signed that it may be set aside: "
            "docs/reservations.md. `handstyle collect FOLDER --dry-run --letter FOLDER` writes what to ask for"
            f"{_or_without(names)}"
        )
    return ways


def _or_without(names: Sequence[str]) -> str:
    if not names:
        return "."
    # On a line of its own and without a full stop, to be copied.
    options = " ".join(f"--without {_quoted(name)}" for name in names)
    return f", or leave {'it' if len(names) == 1 else 'them'} out by adding:\n  {options}"


def _quoted(word: str) -> str:
    return subprocess.list2cmdline([word]) if os.name == "nt" else shlex.quote(word)
