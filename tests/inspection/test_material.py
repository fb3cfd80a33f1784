"""May a drawing be shown that nothing was trained on?"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "collection"))  # what consents are made from in tests

from consents import WORKS, signed

from handstyle.collection.rights import RightsRecord, from_consent, own_work
from handstyle.collection.works import Collection, Work
from handstyle.inspection.material import HeldOut


@pytest.mark.parametrize(
    ("rights", "is_further", "shown"),
    [
        (own_work("Ada"), True, True),
        (from_consent(signed(show_works=True)), False, True),
        (from_consent(signed(show_works=True)), True, False),
        (from_consent(signed()), False, False),
    ],
    ids=["own work", "a work that was signed for", "a further drawing that was not", "a work not to be shown"],
)
def test_a_consent_shows_only_the_works_it_names(rights: RightsRecord, is_further: bool, shown: bool) -> None:
    work = Work(name="a.png", file_format="PNG", file_sha256=WORKS[0].file, pixels_sha256=WORKS[0].pixels, width=8,
                height=8, caption="a", caption_from="file name", rights=rights.digest)  # fmt: skip
    collection = Collection(works=(work,), rights={rights.digest: rights})
    assert HeldOut(collection, Path(), (work,), is_further).may_be_shown(work) == shown
