"""Is a person's name kept out of a style's name, however it is written?"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ingredients import collected

from handstyle.collection.rights import RightsRecord, own_work
from handstyle.errors import GateClosed, UsageMistake
from handstyle.publication import naming

Permission = Callable[..., RightsRecord]


@pytest.mark.parametrize(
    "title",
    [
        "Ana Ruiz",
        "the ruiz style",
        "ANA-RUIZ lines",
        "anaruiz",
        "ruizana",
        "R.u.i.z",
        "Rúiz",
        "Ru1z",
        "R u i z",
        "ru iz",
        "R ui z lines",
        "Ru-iz",
        "Ruız",
        "Аna Ruiz",  # its first letter is Cyrillic
        "Ｒｕｉｚ",  # full-width
        "Ru\u200biz",  # a space of no width
    ],
)
def test_a_name_is_found_however_it_is_written(title: str) -> None:
    assert naming.is_named_in("Ana Ruiz", title)


@pytest.mark.parametrize(
    "title", ["Soft outline", "banana ruins", "an arid zone", "hndst drawing", "a na\u00efve ruin", "run in zigzags"]
)
def test_other_words_are_left_in_peace(title: str) -> None:
    assert not naming.is_named_in("Ana Ruiz", title)


def test_words_that_are_nobodys_own_are_left_in_peace() -> None:
    assert not naming.is_named_in("The Mozilla Foundation", "the foundation of art")
    assert naming.is_named_in("The Mozilla Foundation", "mozilla-like")


def test_a_style_named_after_its_author_is_refused_with_every_place(permission: Permission) -> None:
    collection = collected(permission())
    with pytest.raises(GateClosed) as refused:
        naming.checked({"name": "Ruiz", "identifier": "anaruiz", "template": "{caption}"}, collection)
    assert len(refused.value.faults) == 2
    assert "name-in-title" in refused.value.faults[0] and "name-as-trigger" in refused.value.faults[1]


def test_it_is_allowed_where_the_permission_says_so(permission: Permission) -> None:
    allowed = permission(permits=("train", "publish-model", "name-in-title"))
    naming.checked({"name": "Ana Ruiz"}, collected(allowed))


def test_one_permission_without_it_is_enough_to_refuse(permission: Permission) -> None:
    allowed = permission(permits=("train", "publish-model", "name-in-title"))
    with pytest.raises(GateClosed):
        naming.checked({"name": "Ana Ruiz"}, collected(allowed, permission()))


def test_a_holder_is_protected_like_an_author(permission: Permission) -> None:
    with pytest.raises(GateClosed, match="name of a person"):
        naming.checked({"name": "penguins"}, collected(permission(holders=("Ana Ruiz", "Penguin Press"))))


def test_a_title_becomes_a_file_name() -> None:
    assert naming.slug("  Soft Öutline, No. 2! ") == "soft-outline-no-2"
    with pytest.raises(UsageMistake):
        naming.slug("漢字")


def test_own_works_do_not_name_their_author_by_themselves() -> None:
    with pytest.raises(GateClosed):
        naming.checked({"name": "Mira's pencil"}, collected(own_work("Mira")))
