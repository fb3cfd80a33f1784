"""Does a release hold what it says, and where does a picture come from?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from handstyle.workspace import House

if TYPE_CHECKING:
    from handstyle.publication.detection import Detected
    from handstyle.publication.verification import Verification


def verify(
    folder: Path,
    trust: Path | None = None,
    *,
    logs: Sequence[Path] = (),
    witnesses: Path | None = None,
    max_age: timedelta | None = None,
    refuse_unknown_base: bool = False,
) -> Verification:
    """Everything a release claims, checked offline and without torch; `logs` are copies of the log it is in. What was
    seen of a log is remembered, so that it cannot claim less the next time."""
    from handstyle.publication import log_hearing, verification

    answer = log_hearing.heard(folder, House.here(), trust, logs, witnesses, max_age)
    return verification.strictly(answer) if refuse_unknown_base else answer


def detect(picture: Path, trust: Path | None = None, trust_certificate: Path | None = None) -> Detected:
    """What a picture says of where it came from, offline and without torch."""
    from handstyle import keys
    from handstyle.publication import certificates, detection

    return detection.detect(
        picture,
        keys.trusted_fingerprints(trust) if trust else None,
        certificates.certificates_in(trust_certificate) if trust_certificate else (),
    )
