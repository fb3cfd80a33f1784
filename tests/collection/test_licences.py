"""Does the table of licences say what the licences say?

Also writes the page: python tests/collection/test_licences.py --write
"""

from __future__ import annotations

from pathlib import Path

import pytest

from handstyle.collection import crosswalk
from handstyle.collection.licences import LICENCES, licence_named


def test_no_licence_gives_the_authors_name_away() -> None:
    assert not [spdx for spdx, licence in LICENCES.items() if any(use.startswith("name-") for use in licence.permits)]


def test_where_nothing_may_be_derived_nothing_may_be_trained() -> None:
    no_derivatives = [licence for spdx, licence in LICENCES.items() if "-ND" in spdx]
    assert no_derivatives
    assert not [licence for licence in no_derivatives if {"train", "publish-model"} & set(licence.permits)]


def test_non_commercial_licences_permit_everything_but_commerce() -> None:
    assert licence_named("CC-BY-NC-4.0").permits == ("train", "publish-model", "show-works")


def test_only_share_alike_licences_bind_what_is_made_from_the_works() -> None:
    assert licence_named("CC-BY-SA-4.0").share_alike
    assert not licence_named("CC-BY-4.0").share_alike


def test_public_domain_asks_for_no_credit_and_apache_does() -> None:
    assert not licence_named("CC0-1.0").attribution
    assert licence_named("Apache-2.0").attribution


def test_an_id_is_known_in_any_case() -> None:
    assert licence_named(" apache-2.0 ").spdx == "Apache-2.0"


@pytest.mark.parametrize(
    ("written", "meant"), [("CC-BY-4", "CC-BY-4.0"), ("Apache 2.0", "Apache-2.0"), ("CC0", "CC0-1.0")]
)
def test_an_unknown_id_is_refused_with_the_nearest_one(written: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"did you mean `{meant}`"):
        licence_named(written)


def test_each_licence_links_to_its_text() -> None:
    assert all(licence.url.startswith("https://") for licence in LICENCES.values())


def test_the_page_for_lawyers_is_the_table_the_program_decides_by() -> None:
    docs = Path(__file__).resolve().parents[2] / "docs" / "licences.md"
    assert docs.read_text(encoding="utf-8") == crosswalk.page(), "run: python tests/collection/test_licences.py --write"


if __name__ == "__main__":
    (Path(__file__).resolve().parents[2] / "docs" / "licences.md").write_text(crosswalk.page(), encoding="utf-8")
