"""Which works are withheld from training, to check it with?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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


def withheld(works: Sequence[Work], how_many: Withholding, alike: Mapping[str, str]) -> tuple[str, ...]:
    """Their names, sorted. What looks nearly `alike` (a work -> an earlier one) is one drawing, and stays together: a
    work whose copy was trained on checks nothing.

    Each drawing draws its place from its own pixels, so neither its name, nor its caption, nor the order of the listing
    moves it, and a work that joins later does not reshuffle the others. A share is met as nearly as whole drawings
    allow; a number is somebody's choice and is kept to, even where that parts a drawing from its copy.
    """
    number = how_many if isinstance(how_many, int) else round((how_many or 0) * len(works))
    if number and not 0 < number < len(works):
        raise UsageMistake(
            f"{number} of {len(works)} works cannot be withheld: some must be left to train on",
            hint="Leave fewer out with `--leave-out`, or none.",
        )
    chosen: list[Work] = []
    others: list[list[Work]] = []
    for unit in sorted(_units(works, alike), key=_place):
        if len(chosen) + len(unit) <= number:
            chosen += unit
        else:
            others.append(unit)
    short = number - len(chosen)
    if isinstance(how_many, int):
        chosen += [work for unit in others for work in unit][:short]
    elif others and len(smallest := min(others, key=len)) <= 2 * short and len(chosen) + len(smallest) < len(works):
        chosen += smallest
    return tuple(sorted(work.name for work in chosen))


def _units(works: Sequence[Work], alike: Mapping[str, str]) -> list[list[Work]]:
    units: dict[str, list[Work]] = {}
    for work in works:
        units.setdefault(alike.get(work.name, work.name), []).append(work)
    return list(units.values())


def _place(unit: Sequence[Work]) -> str:
    """By one of its pictures: by any of them, a drawing with many copies would come sooner than others."""
    return digests.of_bytes(f"withheld {min(work.pixels_sha256 for work in unit)}".encode())
