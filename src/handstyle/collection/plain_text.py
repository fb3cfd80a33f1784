"""Which characters have no business in a name or a caption?

Control characters, line separators, halves of characters, and what turns the direction of a line: they break lists,
cards and JSON, and can make a name look like another.
"""

from __future__ import annotations

import unicodedata

UNWELCOME = frozenset({"Cc", "Cs", "Zl", "Zp"})
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def is_unwelcome(letter: str) -> bool:
    return unicodedata.category(letter) in UNWELCOME or letter in TURNING


def unwelcome_in(text: str) -> str | None:
    """The first such character, spelled out; None when there is none."""
    return next((ascii(letter) for letter in text if is_unwelcome(letter)), None)
