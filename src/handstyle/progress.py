"""How is a person told how far a verb has come?"""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]  # what, done, of


def silent(what: str, done: int, of: int) -> None:
    """Nobody is watching."""
