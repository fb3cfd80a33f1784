"""How does somebody verify a release with what its log says, and remember what they saw?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from handstyle import keys
from handstyle.errors import HandstyleError, LogBroken, UsageMistake
from handstyle.publication import verification
from handstyle.publication.log_copy import copy_at
from handstyle.publication.log_memory import remember, seen_logs
from handstyle.publication.log_news import MAX_AGE, News, today
from handstyle.publication.signed_note import NoteKey
from handstyle.publication.verification import Finding, Verification
from handstyle.records import read_whole
from handstyle.workspace import House

LARGEST_LIST = 1 << 20  # bytes


def heard(
    folder: Path,
    house: House,
    trust: Path | None,
    logs: Sequence[Path],
    witnesses: Path | None,
    max_age: timedelta | None,
) -> Verification:
    """Raises UsageMistake for a file that is not there; what a log does wrong is a finding."""
    trusted = keys.trusted_fingerprints(trust) if trust else None
    copies, broken = [], []
    for path in logs:
        try:
            copies.append(copy_at(path))
        except LogBroken as damaged:
            broken.append(Finding(kind="log", where=str(path), words=damaged.what))
    news = News(
        copies=tuple(copies),
        seen=seen_logs(house),
        witnesses=_witnesses(witnesses) if witnesses else (),
        max_age=MAX_AGE if max_age is None else max_age,
    )
    found, seen = verification.judged(folder, trusted, today(), news)
    if broken:
        return _with(found, broken)
    if seen is None:
        return found
    try:
        remember(house, seen)
    except HandstyleError as error:
        line = f"what was seen of the log could not be remembered: {error.what}"
        return found.model_copy(update={"log": (*found.log, line)})
    return found


def _with(found: Verification, broken: Sequence[Finding]) -> Verification:
    findings = (*found.findings, *broken)
    words = f"broken: {len(findings)} {'thing does' if len(findings) == 1 else 'things do'} not hold"
    return found.model_copy(update={"status": "broken", "words": words, "findings": findings})


def _witnesses(path: Path) -> tuple[NoteKey, ...]:
    """One verifier key a line; `#` begins a comment."""
    try:
        lines = read_whole(path, LARGEST_LIST).decode("utf-8").splitlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageMistake(f"{path} cannot be read: {reason}", hint="Check the path.") from error
    faults, found = [], []
    for number, line in enumerate(lines, start=1):
        if text := line.split("#")[0].strip():
            try:
                found.append(NoteKey.read(text))
            except ValueError as error:
                faults.append(f"line {number}: {error}")
    if faults or not found:
        raise UsageMistake(
            f"{path} does not name witnesses",
            faults=faults or ["it names none"],
            hint="Write one line for each, as the witness gives it: NAME+ID+KEY.",
        )
    return tuple(found)
