"""Under which licence may a style be given away?

A style is made from works and from a base model, and may not promise more than they do. In this order:

1. A licence that allows no adaptation (CC BY-ND) allows no style.
2. A licence that must be passed on (share-alike, copyleft, the use limits of OpenRAIL, and any we do not know)
   becomes the style's own. Two of them that cannot both be obeyed leave no licence.
3. Where works are somebody's own, or were permitted in writing, their owner chooses, and may not choose less than
   the other sources ask for. Without a choice all rights are reserved.
4. Where every work is openly licensed, the most demanding licence among works and base is the style's.

This is a rule a program can hold to, and no legal advice.
"""

from __future__ import annotations

import re
from collections.abc import Set
from typing import NamedTuple

from handstyle.collection.licences import LICENCES, Licence, licence_named
from handstyle.errors import GateClosed, UsageMistake
from handstyle.records import Record

# From the least to the most demanding; among licences of one kind the later version demands more.
KINDS = (
    *("CC-PDM", "CC0", "Unlicense", "0BSD", "MIT-0", "MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Apache"),
    *("CC-BY", "CC-BY-NC"),
)

# The Hub writes licences as SPDX does, in lower case, but for these. Some it has no word for.
HUB_SPELLING = {
    **{f"{kind}-{version}-{which}": f"{kind}-{version}".lower()
       for kind in ("GPL", "LGPL", "AGPL") for version in ("2.0", "3.0") for which in ("only", "or-later")},
    "CreativeML-OpenRAIL++-M": "openrail++",
}  # fmt: skip
ON_THE_HUB = frozenset(
    {
        *("apache-2.0", "mit", "isc", "bsd-2-clause", "bsd-3-clause", "unlicense", "mpl-2.0", "ofl-1.1", "cc0-1.0"),
        *("cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0"),
        *("cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0"),
        *("gpl-2.0", "gpl-3.0", "lgpl-3.0", "agpl-3.0", "creativeml-openrail-m", "openrail++"),
    }
)

RESERVED = "all-rights-reserved"


class StyleLicence(Record):
    """The licence of a style, and in one sentence why it is that one."""

    name: str  # an SPDX name, or a name of our own that the card explains
    hub: str  # what the Hugging Face Hub calls it; "other" where it has no word
    why: str


class _Sources(NamedTuple):
    works: frozenset[str]  # licences of the openly licensed works
    base: str
    permitted: bool  # some works are their owner's own, or permitted in writing
    commercial: bool  # every permission allows commercial use

    @property
    def all(self) -> frozenset[str]:
        return self.works | {self.base}


def licence_of_style(
    works: Set[str], base: str, *, permitted: bool, commercial: bool, chosen: str | None = None
) -> StyleLicence:
    """Raises GateClosed where no licence fits, or the chosen one promises too much."""
    base = _spelled(base) if base else "the base's unnamed licence"
    sources = _Sources(frozenset(map(_spelled, works)), base, permitted, commercial)
    if forbidding := sorted(licence for licence in sources.all if _forbids_adaptation(licence)):
        raise GateClosed(
            f"{_listed(set(forbidding))} allows no adaptations, and a published style is one",
            hint="Leave those works out, or ask their holders for a written permission to publish the model.",
        )
    binding = _binding(sources)
    if chosen is not None:
        return _chosen(chosen, sources, binding)
    if binding:
        return _named(binding, f"{binding} has to be passed on to what is made under it.")
    if permitted:
        return StyleLicence(
            name=RESERVED,
            hub="other",
            why="The works are used with their owner's permission and no licence was chosen for the style, "
            "so all rights are reserved.",
        )
    if len(sources.all) == 1:
        return _named(base, "It is the licence of the works and of the base.")
    return _named(max(sources.all, key=_demands), f"It asks for the most among {_listed(sources.all)}.")


def _binding(sources: _Sources) -> str | None:
    """The licence that must be passed on, if there is one."""
    binding = {licence for licence in sources.all if _is_passed_on(licence)}
    non_commercial = {licence for licence in sources.all if _is_non_commercial(licence)}
    kinds = {_kind(licence) for licence in binding}
    if len(kinds) > 1 or (binding and non_commercial and not binding & non_commercial):
        raise GateClosed(
            f"No licence can obey {_listed(binding | non_commercial)} at once",
            hint="Leave out the works under one of them, or choose another base model.",
        )
    return max(binding) if binding else None  # of one kind, the later version


def _chosen(chosen: str, sources: _Sources, binding: str | None) -> StyleLicence:
    if chosen != "other":
        try:
            chosen = licence_named(chosen).spdx
        except ValueError as unknown:
            raise UsageMistake(
                f"--model-licence: {unknown}",
                hint="Give an SPDX name such as CC-BY-4.0, or `other` to reserve all rights.",
            ) from None
    others = {licence for licence in sources.all if not _is_passed_on(licence)}
    why_not = ""
    if binding and chosen != binding:
        why_not = f"{binding} has to be passed on to what is made under it"
    elif chosen != "other" and any(_demands(chosen) < _demands(licence) for licence in others):
        why_not = f"it asks for less than {_listed(others)}"
    elif chosen != "other" and not sources.commercial and not _is_non_commercial(chosen):
        why_not = "not every permission includes commercial use"
    if why_not:
        raise GateClosed(
            f"The style cannot be given away under {chosen}: {why_not}",
            hint="Leave --model-licence out, and the licence that fits is taken.",
        )
    if chosen == "other":
        return StyleLicence(name=RESERVED, hub="other", why="Its owner reserves all rights.")
    return _named(chosen, "Its owner chose it.")


def permits_commerce(licence: str) -> bool:
    """Does it let everybody earn money? A licence that is not in the table is taken to."""
    return not _is_non_commercial(licence)


def _row(licence: str) -> Licence | None:
    return LICENCES.get(licence)


def _spelled(licence: str) -> str:
    try:
        return licence_named(licence).spdx
    except ValueError:
        return licence


def _forbids_adaptation(licence: str) -> bool:
    row = _row(licence)
    return row is not None and "publish-model" not in row.permits


def _is_passed_on(licence: str) -> bool:
    row = _row(licence)
    return row is None or row.share_alike


def _is_non_commercial(licence: str) -> bool:
    row = _row(licence)
    return row is not None and "commercial" not in row.permits


def _kind(licence: str) -> str:
    return re.sub(r"-[\d.]+$", "", licence) if licence in LICENCES else licence


def _demands(licence: str) -> tuple[int, str]:
    kind = _kind(licence)
    return (KINDS.index(kind) if kind in KINDS else len(KINDS), licence)


def _named(licence: str, why: str) -> StyleLicence:
    hub = HUB_SPELLING.get(licence, licence.lower())
    return StyleLicence(name=licence, hub=hub if hub in ON_THE_HUB else "other", why=why)


def _listed(licences: Set[str]) -> str:
    *most, last = sorted(licences)
    return f"{', '.join(most)} and {last}" if most else last
