"""May a further drawing be looked at, and shown?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "collection"))  # what consents are made from in tests

from consents import signed

from handstyle.collection import intake
from handstyle.collection.consent import Consent
from handstyle.collection.rights import from_consent, own_work
from handstyle.collection.rights_plan import ConsentGrant, RightsPlan, for_all
from handstyle.collection.works import Collection
from handstyle.consenting import look_at
from handstyle.errors import RightsMissing
from handstyle.inspection.material import further_drawings

OWN = '[[rights]]\nworks = ["*"]\nauthor = "Ada"\nbasis = "own-work"\n'


@pytest.fixture
def works(tmp_path: Path) -> Path:
    return painted(tmp_path / "works", "red", "blue")


@pytest.fixture
def more(tmp_path: Path) -> Path:
    return painted(tmp_path / "more", "green")


def painted(folder: Path, *colours: str) -> Path:
    folder.mkdir()
    for colour in colours:
        Image.new("RGB", (16, 16), colour).save(folder / f"{colour}.png")
    return folder


def consented(*folders: Path, **scope: Any) -> Consent:
    named = [work for folder in folders for work in look_at(folder, "white", pictures=False)[0]]
    return signed(works=named, **scope)


def collected(folder: Path, given: Consent) -> Collection:
    plan = RightsPlan(consents=(ConsentGrant(given, from_consent(given)),))
    return intake.collect(folder, rights=plan, validation=None)


def test_a_consent_covers_the_further_drawings_it_names_and_no_others(works: Path, more: Path) -> None:
    given = consented(works)
    with pytest.raises(RightsMissing, match=r"green\.png: no consent names") as missing:
        further_drawings(collected(works, given), more, (given,))
    assert missing.value.exit_code == 3
    given = consented(works, more)
    assert len(further_drawings(collected(works, given), more, (given,)).works) == 1


def test_they_may_have_a_permission_of_their_own(works: Path, more: Path) -> None:
    given = consented(works)
    (more / "rights.toml").write_text(OWN)
    assert len(further_drawings(collected(works, given), more, (given,)).works) == 1


def test_what_is_stated_of_all_works_is_stated_of_further_ones(works: Path, more: Path) -> None:
    collection = intake.collect(works, rights=for_all(own_work("Ada")), validation=None)
    assert len(further_drawings(collection, more).works) == 1


@pytest.mark.parametrize("shown", [True, False])
def test_they_are_shown_only_where_their_permission_says_so(works: Path, more: Path, shown: bool) -> None:
    given = consented(works, more, show_works=shown)
    found = further_drawings(collected(works, given), more, (given,))
    assert [found.may_be_shown(work) for work in found.works] == [shown]
