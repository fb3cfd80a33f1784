"""Is an SPDX expression read as strictly as it is written?"""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as some

from handstyle.collection.licence_expressions import spelled, terms_of
from handstyle.collection.licences import LICENCES
from handstyle.collection.rights import open_licence
from handstyle.errors import UsageMistake


def test_of_two_licences_that_both_hold_the_strictest_counts() -> None:
    terms = terms_of("CC-BY-NC-SA-4.0 AND CC0-1.0")
    assert terms.permits == ("train", "publish-model", "show-works")
    assert (terms.attribution, terms.share_alike) == (True, True)
    assert terms.licences == {"CC-BY-NC-SA-4.0", "CC0-1.0"}
    assert "train" not in terms_of("MIT AND CC-BY-ND-4.0").permits


def test_a_choice_is_made_by_a_person_and_recorded() -> None:
    with pytest.raises(ValueError, match=r"leaves a choice.*`MIT`, or `CC-BY-NC-4.0`"):
        terms_of("MIT OR CC-BY-NC-4.0")
    assert "commercial" in terms_of("MIT OR CC-BY-NC-4.0", "mit").permits
    record = open_licence("mit or cc-by-nc-4.0", "Ada", "https://example.org", choice="CC-BY-NC-4.0")
    assert (record.licence, record.licence_choice) == ("MIT OR CC-BY-NC-4.0", "CC-BY-NC-4.0")
    assert "commercial" not in record.permits


def test_what_was_not_offered_cannot_be_chosen() -> None:
    for choice in ("Apache-2.0", "MIT OR CC-BY-4.0", "MIT AND CC-BY-4.0"):
        with pytest.raises(ValueError, match="alternatives"):
            terms_of("MIT OR CC-BY-4.0", choice)
    with pytest.raises(UsageMistake, match="alternatives"):
        open_licence("MIT OR CC-BY-4.0", "Ada", "https://example.org", choice="Apache-2.0")


def test_a_choice_inside_several_licences_is_between_whole_sets() -> None:
    expression = "CC-BY-4.0 AND (MIT OR GPL-3.0-only)"
    assert terms_of(expression, "MIT AND CC-BY-4.0").share_alike is False
    assert terms_of(expression, "CC-BY-4.0 AND GPL-3.0-only").share_alike is True


def test_an_exception_stays_on_record_and_permits_nothing_more() -> None:
    terms = terms_of("GPL-2.0-only WITH Font-exception-2.0")
    assert terms.expression == "GPL-2.0-only WITH Font-exception-2.0"
    assert terms.share_alike
    assert terms.licences == {"GPL-2.0-only"}


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("CC-BY-4", "did you mean `CC-BY-4.0`"),
        ("MIT AND Apache 2.0", "not an SPDX expression|did you mean"),
        ("GPL-2.0-only WITH MIT", "not an SPDX expression"),
        ("LicenseRef-studio", "not the SPDX id"),
        ("", "between 1 and"),
        ("MIT AND", "not an SPDX expression"),
        ("(" * 200 + "MIT" + ")" * 200, ""),
        ("MIT AND " * 200 + "MIT", "between 1 and"),
    ],
)
def test_what_is_not_in_the_table_or_no_expression_is_refused(written: str, words: str) -> None:
    if words:
        with pytest.raises(ValueError, match=words):
            spelled(written)
    else:
        assert spelled(written) == "MIT"


@given(some.text(alphabet=some.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_is_an_expression_or_told_not_to_be(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert spelled(spelled(text)) == spelled(text)


def test_a_single_licence_permits_what_its_row_says() -> None:
    assert all(terms_of(name).permits == row.permits for name, row in LICENCES.items())
