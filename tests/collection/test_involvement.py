"""Does the sentence on whose works they are say exactly what the records say?"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # what tests share
sys.path.insert(0, str(Path(__file__).parents[1] / "publication"))

from consents import ADA_HOLDS, PRESS_HOLDS, signed
from ingredients import collected, mozilla

from handstyle.collection.involvement import involvement
from handstyle.collection.rights import RightsRecord, from_consent, own_work
from handstyle.publication.disclosure import published_collection

Permission = Callable[..., RightsRecord]


@pytest.fixture
def permission() -> Permission:
    def make(**changes: Any) -> RightsRecord:
        evidence = ({"file": "letter.pdf", "sha256": "e" * 64},)
        told = {"author": "Ana Ruiz", "basis": "written-permission", "permits": ("train",), "evidence": evidence}
        return RightsRecord.model_validate({**told, **changes})

    return make


def test_open_licences_are_not_called_consent() -> None:
    assert involvement(collected(mozilla())) == (
        "The work is by Mozilla, openly licensed under Apache-2.0; its author was not asked."
    )


def test_own_works_say_whose_they_are() -> None:
    assert involvement(collected(own_work("Mira"))) == "The work is by Mira, whose own work it is, as Mira states."


def test_a_consent_says_when_it_was_written_and_who_signed() -> None:
    assert involvement(collected(from_consent(signed()))) == (
        "The work is by Ada Example, who consented on 2026-11-25, as did Example Press, until 2030-12-31 (signed)."
    )


def test_a_permission_that_others_gave_does_not_speak_for_the_author() -> None:
    found = from_consent(signed(PRESS_HOLDS))
    assert "by Ada Example, who was not asked; Example Press consented on 2026-11-25" in involvement(collected(found))
    heirs = {**PRESS_HOLDS, "roles": ["estate"], "basis": "inheritance"}
    assert "for whom Example Press consented" in involvement(collected(from_consent(signed(heirs))))


def test_a_written_permission_says_that_it_is_only_stated(permission: Permission) -> None:
    given = permission(holders=("Ana Ruiz", "Casa Press"), valid_from=date(2026, 3, 1), valid_until=date(2031, 3, 1))
    assert involvement(collected(given)) == (
        "The work is by Ana Ruiz, who permitted this in writing on 2026-03-01, as did Casa Press, until 2031-03-01 "
        "(stated, not signed)."
    )


def test_several_permissions_are_one_sentence_with_a_number_each(permission: Permission) -> None:
    assert involvement(collected(mozilla(), permission())) == (
        "Of the 2 works, 1 is by Mozilla, openly licensed under Apache-2.0; its author was not asked; "
        "1 is by Ana Ruiz, who permitted this in writing (stated, not signed)."
    )


def test_a_withdrawal_is_told_with_its_day_whatever_it_is_known_by() -> None:
    rights = from_consent(signed(ADA_HOLDS))
    for key in (rights.digest, rights.statement or ""):
        said = involvement(collected(rights, mozilla()), withdrawn={key: date(2027, 1, 2)})
        assert "(signed); this was withdrawn on 2027-01-02; 1 is by Mozilla" in said


def test_the_public_records_give_the_same_sentence(permission: Permission) -> None:
    collection = collected(permission(), mozilla(), from_consent(signed()), own_work("Mira"))
    assert involvement(published_collection(collection)) == involvement(collection)
