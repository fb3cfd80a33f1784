"""What does each open licence permit, and what does it ask in return?

Rows are named by SPDX id. They say how handstyle reads a licence for works that are trained on; they are no
legal advice. No licence gives the author's name away: for that, ask the author.
"""

from __future__ import annotations

import difflib
from typing import Literal, NamedTuple

Use = Literal[
    "train", "publish-model", "commercial", "show-works", "name-in-title", "name-as-trigger", "name-in-marketing"
]

USES: dict[Use, str] = {
    "train": "training a model on the works",
    "publish-model": "publishing a model trained on them",
    "commercial": "commercial use",
    "show-works": "showing the works beside the model",
    "name-in-title": "the author's name in a model's title",
    "name-as-trigger": "the author's name as the word that calls the style",
    "name-in-marketing": "the author's name in advertising for a model",
}

FREE: tuple[Use, ...] = ("train", "publish-model", "commercial", "show-works")
NOT_FOR_SALE: tuple[Use, ...] = ("train", "publish-model", "show-works")
# A model is made from the works, so where nothing may be derived nothing may be trained.
UNCHANGED: tuple[Use, ...] = ("commercial", "show-works")
UNCHANGED_NOT_FOR_SALE: tuple[Use, ...] = ("show-works",)


class Licence(NamedTuple):
    spdx: str
    permits: tuple[Use, ...]
    attribution: bool  # the author must be credited, or the notice kept
    share_alike: bool  # what is made from the works stays under this licence
    url: str


_CC = "https://creativecommons.org/"
_SPDX = "https://spdx.org/licenses/"

_ROWS = [
    #       SPDX id              permits  attribution  share-alike
    Licence("CC0-1.0",           FREE,    False, False, f"{_CC}publicdomain/zero/1.0/"),
    Licence("CC-PDM-1.0",        FREE,    False, False, f"{_CC}publicdomain/mark/1.0/"),
    Licence("Unlicense",         FREE,    False, False, "https://unlicense.org/"),
    Licence("0BSD",              FREE,    False, False, f"{_SPDX}0BSD.html"),
    Licence("MIT-0",             FREE,    False, False, f"{_SPDX}MIT-0.html"),
    Licence("MIT",               FREE,    True,  False, f"{_SPDX}MIT.html"),
    Licence("ISC",               FREE,    True,  False, f"{_SPDX}ISC.html"),
    Licence("BSD-2-Clause",      FREE,    True,  False, f"{_SPDX}BSD-2-Clause.html"),
    Licence("BSD-3-Clause",      FREE,    True,  False, f"{_SPDX}BSD-3-Clause.html"),
    Licence("Apache-2.0",        FREE,    True,  False, "https://www.apache.org/licenses/LICENSE-2.0"),
    Licence("MPL-2.0",           FREE,    True,  True,  "https://www.mozilla.org/MPL/2.0/"),
    Licence("OFL-1.1",           FREE,    True,  True,  "https://openfontlicense.org/"),
    Licence("LAL-1.3",           FREE,    True,  True,  "https://artlibre.org/licence/lal/en/"),
    Licence("GPL-2.0-only",      FREE,    True,  True,  f"{_SPDX}GPL-2.0-only.html"),
    Licence("GPL-2.0-or-later",  FREE,    True,  True,  f"{_SPDX}GPL-2.0-or-later.html"),
    Licence("GPL-3.0-only",      FREE,    True,  True,  f"{_SPDX}GPL-3.0-only.html"),
    Licence("GPL-3.0-or-later",  FREE,    True,  True,  f"{_SPDX}GPL-3.0-or-later.html"),
]  # fmt: skip

_CREATIVE_COMMONS = [
    # kind        permits                 share-alike; each of them asks for attribution
    ("BY",        FREE,                   False),
    ("BY-SA",     FREE,                   True),
    ("BY-NC",     NOT_FOR_SALE,           False),
    ("BY-NC-SA",  NOT_FOR_SALE,           True),
    ("BY-ND",     UNCHANGED,              False),
    ("BY-NC-ND",  UNCHANGED_NOT_FOR_SALE, False),
]  # fmt: skip

LICENCES: dict[str, Licence] = {licence.spdx: licence for licence in _ROWS} | {
    f"CC-{kind}-{version}": Licence(
        f"CC-{kind}-{version}", permits, True, share_alike, f"{_CC}licenses/{kind.lower()}/{version}/"
    )
    for kind, permits, share_alike in _CREATIVE_COMMONS
    for version in ("2.0", "2.5", "3.0", "4.0")
}

# Each permits more than its licence alone does, so a reading that leaves it aside is on the safe side.
EXCEPTIONS = ("Classpath-exception-2.0", "Font-exception-2.0", "GCC-exception-3.1", "LLVM-exception")

_BY_LOWER_CASE = {spdx.lower(): licence for spdx, licence in LICENCES.items()}


def licence_named(spdx: str) -> Licence:
    """The row of an SPDX id, in whatever case it is written. Raises ValueError with the nearest name."""
    if licence := _BY_LOWER_CASE.get(spdx.strip().lower()):
        return licence
    nearest = difflib.get_close_matches(spdx.strip().lower(), _BY_LOWER_CASE, n=1, cutoff=0.5)
    meant = f"; did you mean `{_BY_LOWER_CASE[nearest[0]].spdx}`?" if nearest else ""
    raise ValueError(f"`{spdx}` is not the SPDX id of a licence handstyle knows{meant}")
