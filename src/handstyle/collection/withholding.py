"""Which works are withheld from training, to check it with?"""

from __future__ import annotations

from collections.abc import Sequence

from handstyle import digests
from handstyle.collection.works import Work
from handstyle.errors import UsageMistake

ONE_IN_FIVE = 0.2
Withholding = float | int | None  # a share below 1, a number of works, or none


def parse_withholding(text: str) -> Withholding:
    """`0.2` is a share, `6` a number of works, `none` is none."""
    if text.strip().lower() == "none":
        return None
    try:
        number = int(text) if text.strip().isdigit() else float(text)
    except ValueError:
        number = -1.0
    if number >= 0 and (isinstance(number, int) or number < 1):
        return number
    raise UsageMistake(f"`{text}` works cannot be left out", hint="Write a share below 1 (0.2), a number (6), or none.")


def withheld(works: Sequence[Work], how_many: Withholding) -> tuple[str, ...]:
    """Their names, sorted.

    Each work draws its place from its own pixels, so neither its name, nor its caption, nor the order of the listing
    moves it, and a work that joins later does not reshuffle the others.
    """
    number = how_many if isinstance(how_many, int) else round((how_many or 0) * len(works))
    if number and not 0 < number < len(works):
        raise UsageMistake(
            f"{number} of {len(works)} works cannot be withheld: some must be left to train on",
            hint="Leave fewer out with `--leave-out`, or none.",
        )
    drawn = sorted(works, key=lambda work: digests.of_bytes(f"withheld {work.pixels_sha256}".encode()))
    return tuple(sorted(work.name for work in drawn[:number]))
