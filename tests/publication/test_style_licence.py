"""Does a style promise no more than its works and its base do?"""

from __future__ import annotations

import pytest

from handstyle.errors import GateClosed, UsageMistake
from handstyle.publication.style_licence import RESERVED, licence_of_style


def of(*works: str, base: str = "Apache-2.0", permitted: bool = False, commercial: bool = True,
       chosen: str | None = None) -> str:  # fmt: skip
    return licence_of_style(set(works), base, permitted=permitted, commercial=commercial, chosen=chosen).name


def test_the_same_licence_everywhere_is_the_styles() -> None:
    assert of("Apache-2.0") == "Apache-2.0"


@pytest.mark.parametrize(
    ("works", "expected"),
    [
        (["CC0-1.0"], "Apache-2.0"),
        (["MIT", "CC-BY-4.0"], "CC-BY-4.0"),
        (["CC-BY-3.0", "CC-BY-4.0"], "CC-BY-4.0"),
        (["CC-BY-NC-4.0", "MIT"], "CC-BY-NC-4.0"),
        (["CC-BY-SA-3.0", "CC-BY-SA-4.0", "MIT"], "CC-BY-SA-4.0"),
        (["CC-BY-NC-4.0", "CC-BY-NC-SA-4.0"], "CC-BY-NC-SA-4.0"),
    ],
)
def test_the_most_demanding_licence_wins(works: list[str], expected: str) -> None:
    assert of(*works) == expected


@pytest.mark.parametrize("works", [["CC-BY-SA-4.0", "GPL-3.0-only"], ["CC-BY-SA-4.0", "CC-BY-NC-4.0"]])
def test_licences_that_contradict_each_other_leave_none(works: list[str]) -> None:
    with pytest.raises(GateClosed, match="at once"):
        of(*works)


def test_a_licence_without_adaptations_closes_the_gate() -> None:
    with pytest.raises(GateClosed, match=r"CC-BY-ND-4\.0"):
        of("CC-BY-ND-4.0", "MIT")


def test_own_works_reserve_all_rights_until_their_owner_chooses() -> None:
    assert of(permitted=True) == RESERVED
    assert of(permitted=True, chosen="other") == RESERVED
    assert of(permitted=True, chosen="cc-by-4.0") == "CC-BY-4.0"


def test_an_owner_cannot_choose_less_than_others_ask_for() -> None:
    with pytest.raises(GateClosed, match="asks for less"):
        of("CC-BY-4.0", permitted=True, chosen="CC0-1.0")
    with pytest.raises(GateClosed, match="passed on"):
        of("CC-BY-SA-4.0", permitted=True, chosen="CC-BY-4.0")
    with pytest.raises(GateClosed, match="commercial"):
        of(permitted=True, commercial=False, chosen="CC-BY-4.0")
    assert of(permitted=True, commercial=False, chosen="CC-BY-NC-4.0") == "CC-BY-NC-4.0"


def test_the_use_limits_of_a_base_are_passed_on() -> None:
    assert of("MIT", base="CreativeML-OpenRAIL-M") == "CreativeML-OpenRAIL-M"
    assert of(base="CreativeML-OpenRAIL-M", permitted=True) == "CreativeML-OpenRAIL-M"


def test_a_licence_nobody_knows_is_a_mistake_with_a_suggestion() -> None:
    with pytest.raises(UsageMistake, match=r"CC-BY-4\.0"):
        of(permitted=True, chosen="CC-BY-4")


def test_the_hub_is_told_in_its_own_words() -> None:
    found = licence_of_style({"GPL-3.0-or-later"}, "MIT", permitted=False, commercial=True)
    assert found.hub == "gpl-3.0"
    assert licence_of_style({"0BSD"}, "0BSD", permitted=False, commercial=True).hub == "other"
