"""What does each value of each vocabulary of reservations say about training?

One table for every signal that is read: docs/reservations.md shows it to people. What is not in a table is not
recognised, and what is not recognised is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

from handstyle.records import Record

Signal = Literal["c2pa", "plus", "tdmrep", "aipref", "rsl", "noai", "rights note", "owner", "cloak", "metadata"]
# `owner`: it names somebody, and whether that is one of the holders is asked where the holders are known.
Says = Literal["reserved", "on conditions", "not readable", "owner", "open"]

SIGNALS: dict[Signal, str] = {
    "c2pa": "C2PA/CAWG training and data mining",
    "plus": "IPTC/PLUS data mining",
    "tdmrep": "TDM reservation (TDMRep)",
    "aipref": "AI preference (AIPREF)",
    "rsl": "RSL licence",
    "noai": "noai note",
    "rights note": "a sentence on AI or data mining among the rights",
    "owner": "copyright notice",
    "cloak": "style cloak",
    "metadata": "metadata",
}
LONGEST_VALUE = 400  # letters


class Reading(Record):
    """One signal, where it stands, and what it says. That it says `open` is no permission."""

    signal: Signal
    where: str
    value: str
    says: Says

    @property
    def objects(self) -> bool:
        """Does it stand against training, unless a signed grant sets it aside?"""
        return stands_against(self.says)


def stands_against(says: Says) -> bool:
    return says not in ("open", "owner")


def reading(signal: Signal, where: str, value: object, says: Says) -> Reading:
    return Reading(signal=signal, where=shown(where), value=shown(str(value)), says=says)


def shown(text: str) -> str:
    """On one line and not without end: what a terminal could take for a command is spelled out."""
    line = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[: LONGEST_VALUE + 1])
    return line if len(text) <= LONGEST_VALUE else f"{line[:LONGEST_VALUE]}…"


# CAWG Training and Data Mining 1.1, and C2PA 1.x before it: each key by itself.

CAWG_LABELS = ("cawg.training-mining", "c2pa.training-mining")
CAWG_USES: dict[str, Says] = {"allowed": "open", "notAllowed": "reserved", "constrained": "on conditions"}

# IPTC Photo Metadata 2023.1, PLUS-ID "Data Mining".

PLUS_VOCABULARY = "http://ns.useplus.org/ldf/vocab/"
PLUS_VALUES: dict[str, Says] = {
    "DMI-UNSPECIFIED": "open",
    "DMI-ALLOWED": "open",
    "DMI-PROHIBITED": "reserved",
    "DMI-PROHIBITED-AIMLTRAINING": "reserved",
    "DMI-PROHIBITED-GENAIMLTRAINING": "reserved",
    "DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING": "on conditions",
    "DMI-PROHIBITED-SEECONSTRAINT": "on conditions",
    "DMI-PROHIBITED-SEEEMBEDDEDRIGHTSEXPR": "on conditions",
    "DMI-PROHIBITED-SEELINKEDRIGHTSEXPR": "on conditions",
}


def cawg(use: object) -> Says:
    return CAWG_USES.get(use, "not readable") if isinstance(use, str) else "not readable"


def plus(value: str) -> Says:
    if not value.startswith(PLUS_VOCABULARY):
        return "not readable"
    return PLUS_VALUES.get(value.removeprefix(PLUS_VOCABULARY), "not readable")


def tdmrep(reservation: object, policy: object = None) -> Says:
    """TDM Reservation Protocol, final report of 10 May 2024. With a policy one can ask on its conditions."""
    if str(reservation) == "0" and not isinstance(reservation, bool):
        return "open"
    if str(reservation) != "1" or isinstance(reservation, bool):
        return "not readable"
    return "on conditions" if policy else "reserved"


# AIPREF (draft-ietf-aipref-vocab) writes y and n, Content-Signal yes and no. To be found by a search is no training.

AIPREF_ANSWERS: dict[str, Says] = {"y": "open", "n": "reserved", "yes": "open", "no": "reserved"}
NOT_TRAINING = frozenset({"search"})


def aipref(terms: str) -> list[tuple[str, Says]]:
    """Each term of `train-ai=n, search=y` that is about more than search, with what it says."""
    found: list[tuple[str, Says]] = []
    for term in filter(None, (part.strip() for part in terms.split(","))):
        key, sign, answer = (part.strip().lower() for part in term.partition("="))
        if key not in NOT_TRAINING:
            found.append((term, AIPREF_ANSWERS.get(answer.split(";")[0].strip(), "not readable") if sign else
                          "not readable"))  # fmt: skip
    return found


# RSL 1.0; 0.9 wrote `train-ai`.

RSL_TRAINING = frozenset({"all", "ai-all", "ai-train", "train-ai", "train-genai"})
RSL_OTHER = frozenset({"ai-input", "ai-index", "ai-use", "search"})
RSL_FREE = frozenset({"free"})


def rsl(permitted: Sequence[str] | None, prohibited: Sequence[str], payments: Iterable[str], conditions: int) -> Says:
    """One licence. `permitted` is None where it lists nothing; `conditions` counts limits to users or countries."""
    if set(prohibited) & RSL_TRAINING:
        return "reserved"
    if (set(permitted or ()) | set(prohibited)) - RSL_TRAINING - RSL_OTHER:
        return "not readable"
    if permitted is not None and not set(permitted) & RSL_TRAINING:
        return "reserved"
    if conditions or set(payments) - RSL_FREE or (permitted is None and not prohibited):
        return "on conditions"
    return "open"


# Words. `noai` is what DeviantArt proposed in 2022 and others took over.

NOAI = re.compile(r"(?<![^\W_])(?:no[-_]?ai|no[-_]?image[-_]?ai|no[-_]?ai[-_]?training)(?![^\W_])", re.IGNORECASE)
ABOUT_AI = re.compile(
    r"(?<![^\W_])(?:AI|A\.I\.|KI|TDM|LLM|ML|GenAI)(?![^\W_])|(?i:"
    + "|".join(
        [
            *("artificial intelligence", "machine[- ]learning", "data[- ]?min(?:ing|er)", "generative", "neural net"),
            *("data ?set", "scrap(?:e|ing)", "train(?:ing)? (?:of |any |a )*(?:model|algorithm|network)"),
            *(r"künstliche\w* intelligenz", r"maschinelle\w* lernen", "intelligence artificielle"),
            *("apprentissage automatique", "fouille de textes", "inteligencia artificial", "aprendizaje automático"),
            *("intelligenza artificiale", "inteligência artificial"),
        ]
    )
    + ")"
)
CLOAKS = re.compile(
    r"(?<![^\W_])(?:glaze|glazed|webglaze|nightshade|nightshaded|photoguard|anti-?dreambooth|metacloak|mist[- ]?v\d)"
    r"(?![^\W_])",
    re.IGNORECASE,
)
CLOAKED = re.compile(
    r"(?<![^\W_])(?:(?:protected|cloaked|poisoned|treated|processed) (?:with|by) (?:web)?(?:glaze|nightshade|photoguard"
    r"|anti-?dreambooth|metacloak|mist)|glazed with glaze|style cloak|nightshaded)(?![^\W_])",
    re.IGNORECASE,
)


def in_rights_field(where: str, text: str) -> list[Reading]:
    """A sentence on AI in a field for rights: only a person can judge it, so it is not read as a yes."""
    if NOAI.search(text):
        return [reading("noai", where, text, "reserved")]
    return [reading("rights note", where, text, "not readable")] if ABOUT_AI.search(text) else []


def in_words(where: str, text: str) -> list[Reading]:
    """In a description, a comment or keywords only what cannot mean anything else."""
    found = [reading("noai", where, text, "reserved")] if NOAI.search(text) else []
    return found + ([reading("cloak", where, text, "reserved")] if CLOAKED.search(text) else [])


def in_software(where: str, text: str) -> list[Reading]:
    return [reading("cloak", where, text, "reserved")] if CLOAKS.search(text) else []
