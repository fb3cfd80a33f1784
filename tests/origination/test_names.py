"""Which drawings of a set are taken, and what are they called?"""

from __future__ import annotations

import pytest

from handstyle.origination.names import Named, Thesaurus, spoken, worth_learning

THESAURUS = Thesaurus(
    {
        "🐱": {"default": ["cat", "face", "pet"], "tts": ["cat face"]},
        "🏃": {"default": ["marathon", "running"], "tts": ["person running"]},
        "🚦": {"default": ["traffic"], "tts": ["traffic light"]},
    }
)


def taken(*identifiers: str, names_of_emoji: bool = True) -> list[str]:
    return [one.identifier for one in worth_learning(identifiers, THESAURUS, names_of_emoji=names_of_emoji)]


def test_a_name_has_its_spaces_and_loses_what_only_counts() -> None:
    assert [spoken(name) for name in ("cat-face", "cat-face-2", "barometer-fill", "apple-one")] == [
        "cat face", "cat face", "barometer", "apple",
    ]  # fmt: skip


def test_keywords_come_from_unicode() -> None:
    assert worth_learning(["cat-face"], THESAURUS, names_of_emoji=True) == [
        Named("cat-face", "cat face", ("cat", "face", "pet"))
    ]


@pytest.mark.parametrize(
    "variant",
    ["ninja-dark-skin-tone", "flag-france", "letter-a", "nine-oclock", "one-thirty", "keycap-3", "ok-button",
     "woman-walking-facing-right", "family-man-boy", "left-arrow", "wind-beaufort-4", "7"],
)  # fmt: skip
def test_variants_flags_letters_and_clocks_are_left_out(variant: str) -> None:
    assert taken("cat-face", variant) == ["cat-face"]


def test_a_flag_in_a_hole_is_golf() -> None:
    assert taken("flag-in-hole") == ["flag-in-hole"]


def test_of_both_sexes_the_one_that_tells_none_stands_for_all() -> None:
    assert taken("person-running", "man-running", "woman-running") == ["person-running"]
    assert taken("woman-running", "man-running") == ["woman-running"]


def test_a_tone_without_the_word_skin_is_known_by_its_company() -> None:
    assert taken("hand", "hand-light", "hand-medium-dark", "hand-dark", "traffic-light") == ["hand", "traffic-light"]


def test_where_names_are_of_anything_the_last_word_must_be_an_emojis() -> None:
    assert taken("running-cat", "cat-running", "data-pipeline", names_of_emoji=False) == ["cat-running", "running-cat"]
    assert taken("cat-pipeline", names_of_emoji=False) == []
