"""Does a permission cover exactly what it says, for as long as it says?"""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from handstyle.collection.licences import USES
from handstyle.collection.rights import RightsRecord, open_licence, own_work
from handstyle.errors import RecordDamaged, UsageMistake

TODAY = date(2030, 6, 15)
SOURCE = "https://example.org/set"
LETTER = {"file": "letter.pdf", "sha256": "0" * 64}
WRITTEN = {"author": "Ada", "basis": "written-permission", "evidence": [LETTER], "permits": ["train"]}


def record(**values: Any) -> RightsRecord:
    return RightsRecord.read({**WRITTEN, **values}, where="the test")


def test_own_work_covers_every_use_but_the_name() -> None:
    rights = own_work("Ada")
    assert [use for use in USES if rights.why_not(use, TODAY)] == [
        "name-in-title",
        "name-as-trigger",
        "name-in-marketing",
    ]
    assert rights.holders == ("Ada",)


def test_an_open_licence_covers_what_its_row_says() -> None:
    rights = open_licence("cc-by-nc-4.0", "Ada", SOURCE)
    assert rights.licence == "CC-BY-NC-4.0"
    assert rights.why_not("train", TODAY) is None
    assert rights.why_not("commercial", TODAY) == "CC-BY-NC-4.0 does not cover commercial use"
    assert rights.terms is not None
    assert rights.terms.attribution


def test_a_licence_without_derivatives_does_not_cover_training() -> None:
    reason = open_licence("CC-BY-ND-4.0", "Ada", SOURCE).why_not("train", TODAY)
    assert reason == "CC-BY-ND-4.0 does not cover training a model on the works"


def test_a_use_that_is_not_listed_is_not_permitted() -> None:
    assert record().why_not("train", TODAY) is None
    assert (
        record().why_not("show-works", TODAY)
        == "the permission of Ada does not cover showing the works beside the model"
    )


def test_a_permission_holds_from_its_first_day_to_its_last() -> None:
    rights = record(valid_from="2030-06-15", valid_until="2030-06-16")
    assert rights.why_not("train", date(2030, 6, 14)) == "the permission of Ada begins on 2030-06-15"
    assert rights.why_not("train", date(2030, 6, 15)) is None
    assert rights.why_not("train", date(2030, 6, 16)) is None
    assert rights.why_not("train", date(2030, 6, 17)) == "the permission of Ada ended on 2030-06-16"


def test_own_work_in_which_others_hold_rights_takes_their_written_permission() -> None:
    with pytest.raises(RecordDamaged, match="others hold rights"):
        RightsRecord.read({"author": "Ada", "holders": ["Ada", "A Publisher"], "basis": "own-work"}, where="the test")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"evidence": []}, "needs its evidence"),
        ({"valid_from": "2030-02-01", "valid_until": "2030-01-01"}, "lies before"),
        ({"permits": ["trian"]}, "train"),
        ({"author": "  "}, "one line"),
        ({"author": "Ada\nmalicious: yaml"}, "one line"),
        ({"source": "javascript:alert(1)"}, "web address"),
        ({"autor": "Ada"}, "did you mean `author`"),
        ({"licence": "CC-BY-5.0"}, "did you mean `CC-BY-"),
        ({"basis": "open-licence", "licence": "MIT"}, "source"),
        ({"basis": "open-licence", "source": SOURCE}, "needs `licence`"),
        (
            {"basis": "open-licence", "licence": "CC-BY-NC-4.0", "source": SOURCE, "permits": ["commercial"]},
            "does not permit",
        ),
        ({"basis": "open-licence", "licence": "MIT", "source": SOURCE, "permits": ["name-in-title"]}, "author's name"),
    ],
)
def test_a_permission_that_does_not_hold_together_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(RecordDamaged, match=words):
        record(**values)


def test_written_permission_names_its_uses() -> None:
    with pytest.raises(RecordDamaged, match="permits"):
        RightsRecord.read({k: v for k, v in WRITTEN.items() if k != "permits"}, where="the test")


def test_the_digest_does_not_depend_on_the_order_of_the_uses() -> None:
    assert record(permits=["show-works", "train"]).digest == record(permits=["train", "show-works", "train"]).digest


def test_an_unknown_licence_on_the_command_line_is_a_usage_mistake() -> None:
    with pytest.raises(UsageMistake, match="did you mean `MIT`"):
        open_licence("MITT", "Ada", SOURCE)
