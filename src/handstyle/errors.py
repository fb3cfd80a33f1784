"""Which errors can a user meet, and what does each say to do next?

HandstyleError              1  something did not work
|-- CollectionFaulty        1  files that cannot become works, all named at once
|-- RecordDamaged           1  a record on disk does not say what it must
|-- RecipeInvalid           1  a recipe asks for something unknown or impossible
|-- BaseUnusable            1  a base model is missing, damaged or of an unknown kind
|-- SnapshotDamaged         1  the state of a run cannot be resumed
|-- WorkspaceBusy           1  another run holds this folder
|-- StageMissing            1  an earlier stage has not been run here
|-- WriteFailed             1  the disk is full, read-only or not ours
|-- UsageMistake            2  an option has a value it cannot have
|-- GateClosed              3  permission or evidence is lacking: nothing was done
    |-- RightsMissing       3  works without permission
    |-- WorkChanged         3  an original differs from what was collected, so nobody permitted it
    |-- ConsentBroken       3  a consent is not what all its holders signed
    |-- Withdrawn           3  a permission was taken back
    |-- ReleaseBroken       3  a release does not hold what it claims
    |-- LogBroken           3  a log is not the one its keeper signed
"""

from __future__ import annotations

from collections.abc import Sequence


class HandstyleError(Exception):
    """What happened and where (`what`), each fault (`faults`), and what to do next (`hint`)."""

    exit_code = 1

    def __init__(self, what: str, *, hint: str = "", faults: Sequence[str] = ()) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
        self.faults = tuple(faults)

    def __str__(self) -> str:
        lines = [self.what, *(f"  - {fault}" for fault in self.faults)]
        return "\n".join([*lines, self.hint] if self.hint else lines)


class CollectionFaulty(HandstyleError):
    """Some files cannot become works; `faults` names every one of them."""


class RecordDamaged(HandstyleError):
    """A record on disk is not readable as what it must be."""


class RecipeInvalid(HandstyleError):
    """A recipe has an unknown key or an impossible value."""


class BaseUnusable(HandstyleError):
    """A base model is missing, damaged, or of a family we do not know."""


class SnapshotDamaged(HandstyleError):
    """A snapshot cannot be resumed from."""


class WorkspaceBusy(HandstyleError):
    """Another process works in this folder."""


class StageMissing(HandstyleError):
    """An earlier stage has left no record here."""


class WriteFailed(HandstyleError):
    """Something could not be written; what stood there before stands there still."""


class UsageMistake(HandstyleError):
    """An option was given a value it cannot have."""

    exit_code = 2


class GateClosed(HandstyleError):
    """A gate said no. Nothing was made."""

    exit_code = 3


class RightsMissing(GateClosed):
    """Works have no permission that covers what was asked."""


class WorkChanged(GateClosed):
    """An original is not the file that was collected, or is gone: no permission is for what is there."""

    def __init__(self, what: str, *, work: str = "", hint: str = "", faults: Sequence[str] = ()) -> None:
        super().__init__(what, hint=hint, faults=faults)
        self.work = work  # its name in the collection


class ConsentBroken(GateClosed):
    """A consent is not, or not yet, what all its holders signed."""


class Withdrawn(GateClosed):
    """A permission was taken back."""


class LogBroken(GateClosed):
    """A log lost entries, changed, or tells two people two things."""


class ReleaseBroken(GateClosed):
    """A release does not hold what it claims."""
