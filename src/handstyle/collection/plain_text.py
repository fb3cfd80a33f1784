"""Which characters have no business in a name or a caption?

Control characters, line separators and halves of characters: they break lists, cards and JSON.
"""

from __future__ import annotations

import unicodedata

UNWELCOME = frozenset({"Cc", "Cs", "Zl", "Zp"})


def unwelcome_in(text: str) -> str | None:
    """The first such character, spelled out; None when there is none."""
    return next((ascii(letter) for letter in text if unicodedata.category(letter) in UNWELCOME), None)
