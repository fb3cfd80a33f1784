"""Which reservations stand against a permission, and which has a signed grant set aside?

Only a consent that every holder has signed with a key of their own, and that says so in words of its own, sets a
reservation aside. A notice that names somebody else as the owner says that a holder is missing; that falls only where
the one it names is among those who gave the permission.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from unicodedata import normalize

from handstyle.collection.content_credentials import NOT_INSTALLED
from handstyle.collection.reservation_values import SIGNALS, Reading
from handstyle.collection.rights import RightsRecord
from handstyle.collection.scope import Refusal

CLAUSE = "despite_reservations"
OWNER_CLAUSE = "holders"

_YEARS = r"\b(?:1[5-9]|20)\d\d(?:\s*[-–/,]\s*(?:(?:1[5-9]|20)\d\d|\d\d|present))*\b"
_NO_NAMES = re.compile(
    rf"©|\(c\)|\bcopyright(?:ed)?\b|\bcopr\b|\bby\b|{_YEARS}|\ball rights reserved\b|\balle rechte vorbehalten\b"
    r"|\btous droits réservés\b|\btodos los derechos reservados\b|\btutti i diritti riservati\b|\bpublic domain\b"
    r"|\bcc0\b|\b(?:licensed under )?(?:cc|creative commons)[- ](?:by|zero)[\w .-]*",
    re.IGNORECASE,
)
_SIGN = re.compile(r"©|\(c\)|\bcopyright\b|\bcopr\b", re.IGNORECASE)
_BETWEEN = re.compile(r"[,;/&|\n\0·•]|\b(?:and|und|et|y|e)\b", re.IGNORECASE)
_CONTACT = re.compile(r"^(?:https?://|www\.)\S+$|^\S+@\S+\.\S+$", re.IGNORECASE)


def standing(readings: Iterable[Reading], rights: RightsRecord) -> list[Reading]:
    """What refuses the work, the permission notwithstanding."""
    objects = not sets_aside(rights)
    return [
        reading for reading in readings
        if (reading.objects and objects) or (reading.says == "owner" and strangers(reading, rights))
    ]  # fmt: skip


def set_aside(readings: Iterable[Reading], rights: RightsRecord) -> list[Reading]:
    """What a signed grant overrides, to be shown wherever the work is."""
    return [reading for reading in readings if reading.objects and sets_aside(rights)]


def in_few_words(readings: Iterable[Reading], rights: RightsRecord) -> list[str]:
    """Which kinds of signals are set aside, for a place that anybody may see."""
    signals = sorted({SIGNALS[reading.signal] for reading in set_aside(readings, rights)})
    return [f"which sets aside what its file says ({signal})" for signal in signals]


def sets_aside(rights: RightsRecord) -> bool:
    return bool(rights.is_signed and rights.consent and rights.consent.scope.despite_reservations)


def refusals(readings: Iterable[Reading], rights: RightsRecord) -> list[Refusal]:
    return [refusal(reading, rights) for reading in standing(readings, rights)]


def refusal(reading: Reading, rights: RightsRecord | None = None) -> Refusal:
    """Signal, where, the exact value, the clause, and what would help."""
    words = f"{said(reading)}, {_meaning(reading)}"
    if reading.says == "owner":
        others = strangers(reading, rights) if rights else ()
        names = " and ".join(others) or "somebody"
        return Refusal(
            OWNER_CLAUSE,
            f"{words}: {names} gave no permission",
            f"ask {names} as a holder too; where that is another name of a holder, write it into `also_named` of that "
            "holder, or state the permission under that name",
        )
    return Refusal(CLAUSE, words, _next_step(reading))


def said(reading: Reading) -> str:
    return f"{SIGNALS[reading.signal]} in {reading.where}: {reading.value}"


def _meaning(reading: Reading) -> str:
    match reading.says:
        case "reserved":
            return "which reserves it from training"
        case "on conditions":
            return "which permits training on conditions only"
        case "owner":
            return "which names another owner"
        case "open":
            return "which does not stand against training, and is no permission"
    return "which is there and cannot be read, or is not known"


def _next_step(reading: Reading) -> str:
    grant = f"ask every holder to sign a consent with `{CLAUSE} = true`"
    if reading.value == NOT_INSTALLED:
        return 'install what reads it, `pip install "handstyle[publish]"`, and run this again'
    if reading.signal == "cloak":
        return f"ask whoever made it for the clean original; or {grant}"
    return f"{grant}, or leave the work out"


def strangers(reading: Reading, rights: RightsRecord) -> tuple[str, ...]:
    """Whom a notice names that is neither the author nor a holder of this permission."""
    also = [name for holder in (rights.consent.holders if rights.consent else ()) for name in holder.also_named]
    known = {_plain(name) for name in (rights.author, *rights.holders, *also)}
    if _plain(reading.value) in known:
        return ()
    named = names_in(reading.value, known)
    people = [name for name in named if not _CONTACT.match(name)]
    return tuple(name for name in (people or named) if _plain(name) not in known)


def names_in(notice: str, known: Sequence[str] | set[str] = ()) -> list[str]:
    """The names that a copyright notice is left with, without signs, years and set phrases."""
    sentences = re.split(r"(?<=[^\W\d_]{3}[.!])\s+|\n", notice)
    for chosen in ([one for one in sentences if _SIGN.search(one)], sentences):
        found = []
        for sentence in chosen:
            rest = _NO_NAMES.sub("\n", sentence)
            whole = _tidied(rest.replace("\n", " "))
            parts = [whole] if _plain(whole) in known else _BETWEEN.split(rest)
            found += [name for part in parts if (name := _tidied(part))]
        if found:
            return found
    return []


def _tidied(text: str) -> str:
    return " ".join(text.split()).strip(" .:;,-–—()[]<>\"'")


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s]", " ", normalize("NFKC", text).casefold()).split())
