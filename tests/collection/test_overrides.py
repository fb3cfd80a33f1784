"""Does what a file reserves refuse the work, and does only a signed grant of everybody set it aside?"""

from __future__ import annotations

import io
import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

sys.path.insert(0, str(Path(__file__).parent))  # tests are imported one by one, so what they share needs a place

from consents import ADA_HOLDS, PRESS_HOLDS, TODAY, draft, signed
from reserved_files import plus, saved, with_exif, with_xmp

from handstyle import foresight
from handstyle.collection import intake, overrides, permission
from handstyle.collection.consent import Consent
from handstyle.collection.consent_page import page
from handstyle.collection.reservation_values import reading
from handstyle.collection.rights import Evidence, RightsRecord, from_consent, open_licence, own_work
from handstyle.collection.rights_plan import ConsentGrant, RightsPlan, for_all
from handstyle.collection.scope import Act
from handstyle.collection.works import Collection
from handstyle.consenting import draft as draft_for_folder
from handstyle.consenting import look_at
from handstyle.errors import RightsMissing

ACT = Act("train", TODAY, "lora", "stable-diffusion-1", "b" * 64)
PROHIBITED = reading("plus", "XMP, plus:DataMining", "http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED", "reserved")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One work that its XMP reserves."""
    place = tmp_path / "works"
    place.mkdir()
    (place / "cat.png").write_bytes(with_xmp("PNG", plus("DMI-PROHIBITED")))
    return place


PAPER = (Evidence(file="page.pdf", sha256="e" * 64),)


def plan(given: Consent, *, on_paper: bool = False) -> RightsPlan:
    evidence = PAPER if on_paper else ()
    return RightsPlan(consents=(ConsentGrant(given, from_consent(given, evidence, on_paper=on_paper)),))


def consent_for(folder: Path, *holders: dict[str, Any], **scope: Any) -> Consent:
    return signed(*holders, works=look_at(folder, "white", pictures=False)[0], **scope)


def collected(folder: Path, rights: RightsPlan) -> Collection:
    return intake.collect(folder, rights=rights, validation=None, on=TODAY)


def refused(folder: Path, rights: RightsPlan) -> str:
    with pytest.raises(RightsMissing) as refusal:
        collected(folder, rights)
    assert refusal.value.exit_code == 3
    return str(refusal.value)


# The gate


def test_a_refusal_names_work_signal_place_value_clause_and_next_step(folder: Path) -> None:
    words = refused(folder, for_all(own_work("Ada Example")))
    for part in (
        "cat.png: ",
        "IPTC/PLUS data mining in XMP, plus:DataMining",
        "http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED",
        "reserves it from training",
        "(clause: despite_reservations)",
        "sign a consent with `despite_reservations = true`",
        "--without cat.png",
    ):
        assert part in words, part


@pytest.mark.parametrize(
    "rights",
    [
        own_work("Ada Example"),
        open_licence("CC0-1.0", "Ada Example", "https://ada.example"),
    ],
    ids=["own work", "open licence"],
)
def test_what_somebody_states_sets_nothing_aside(folder: Path, rights: RightsRecord) -> None:
    assert "despite_reservations" in refused(folder, for_all(rights))


def test_a_signed_consent_that_does_not_say_so_sets_nothing_aside(folder: Path) -> None:
    assert "despite_reservations" in refused(folder, plan(consent_for(folder)))


def test_a_signed_consent_that_says_so_sets_it_aside_and_it_is_shown(folder: Path) -> None:
    given = consent_for(folder, despite_reservations=True)
    collection = collected(folder, plan(given))
    (work,) = collection.works
    assert [one.value for one in work.reservations] == ["http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED"]
    assert permission.refusals(collection, ACT) == []
    (shown,) = permission.overridden(collection)
    assert "DMI-PROHIBITED" in shown and "set aside by the signed consent of Ada Example and Example Press" in shown


def test_on_paper_it_is_stated_and_sets_nothing_aside(folder: Path) -> None:
    given = consent_for(folder, despite_reservations=True)
    assert "despite_reservations" in refused(folder, plan(given, on_paper=True))


def test_a_consent_does_not_set_aside_what_the_files_of_other_works_say(folder: Path, tmp_path: Path) -> None:
    """Also where its permission is taken for further drawings by pattern, as an inspection does."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "dog.png").write_bytes(with_xmp("PNG", plus("DMI-PROHIBITED")))
    rights = from_consent(consent_for(folder, despite_reservations=True))
    assert "despite_reservations" in refused(other, for_all(rights))


def test_a_later_stage_sees_the_readings_and_refuses(folder: Path) -> None:
    """A collection whose permission was exchanged for one that sets nothing aside."""
    collection = collected(folder, plan(consent_for(folder, despite_reservations=True)))
    lesser = from_consent(consent_for(folder))
    work = collection.works[0].model_copy(update={"rights": lesser.digest})
    changed = collection.model_copy(update={"works": (work,), "rights": {lesser.digest: lesser}})
    with pytest.raises(RightsMissing, match="DMI-PROHIBITED"):
        permission.require(changed, ACT, "training")


def test_the_method_and_the_day_still_count(folder: Path) -> None:
    collection = collected(folder, plan(consent_for(folder, despite_reservations=True)))
    assert permission.refusals(collection, Act("train", TODAY, "full", "stable-diffusion-1", "b" * 64))
    assert permission.refusals(collection, Act("train", date(2040, 1, 1), "lora", "stable-diffusion-1", "b" * 64))


@pytest.mark.parametrize("says", ["reserved", "on conditions", "not readable", "open"])
def test_everything_but_an_open_signal_stands_until_it_is_set_aside(says: Any) -> None:
    found = [reading("tdmrep", "tdmrep.json", "1", says)]
    stated, granted = own_work("Ada"), from_consent(signed(despite_reservations=True))
    assert bool(overrides.standing(found, stated)) == (says != "open")
    assert overrides.standing(found, granted) == []
    assert bool(overrides.set_aside(found, granted)) == (says != "open")
    assert overrides.set_aside(found, stated) == []


def test_notes_in_the_folder_refuse_as_files_do(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(saved("PNG"))
    (tmp_path / "robots.txt").write_text("User-agent: *\nContent-Usage: train-ai=n\n")
    words = refused(tmp_path, for_all(own_work("Ada Example")))
    assert "AI preference (AIPREF) in robots.txt line 2: content-usage: train-ai=n" in words


def test_a_resaved_copy_has_lost_its_reservation_and_is_another_file(folder: Path) -> None:
    """Why signals are read from the bytes as they came."""
    before = (folder / "cat.png").read_bytes()
    file = io.BytesIO()
    with Image.open(io.BytesIO(before)) as image:
        image.info.clear()
        image.save(file, "PNG", pnginfo=PngImagePlugin.PngInfo())
    assert b"DMI-PROHIBITED" in before and b"DMI-PROHIBITED" not in file.getvalue()


# A notice that names an owner


ALSO = {**ADA_HOLDS, "also_named": ["adadraws", "A. E. Studio"]}


@pytest.mark.parametrize(
    ("notice", "others"),
    [
        ("Ada Example", ()),
        ("© 2024 Ada Example", ()),
        ("(c) 2019-2024 ada example. All rights reserved.", ()),
        ("Copyright © 2024 by Ada  Example, all rights reserved", ()),
        ("Ada Example and Example Press", ()),
        ("© Example Press; Ada Example", ()),
        ("© 2024 Ada Example, www.ada.example, ada@ada.example", ()),
        ("© Ada Example. Licensed under CC BY 4.0", ()),
        ("© 2024", ()),
        ("© adadraws", ()),
        ("© A. E. Studio 2020", ()),
        ("Ada Example; Example Press", ()),
        ("© 2024 Somebody Else", ("Somebody Else",)),
        ("© Ada Example / Somebody Else", ("Somebody Else",)),
        ("Copyright (c) The Walt Disney Company", ("The Walt Disney Company",)),
        ("© Ada Examples", ("Ada Examples",)),
        ("© Ada Example Ltd.", ("Ada Example Ltd",)),
        ("someone@else.example", ("someone@else.example",)),
    ],
)
def test_a_notice_is_compared_with_everybody_who_gave_the_permission(notice: str, others: tuple[str, ...]) -> None:
    rights = from_consent(signed(ALSO, PRESS_HOLDS))
    assert overrides.strangers(reading("owner", "EXIF Copyright", notice, "owner"), rights) == others


def test_a_work_whose_file_names_another_owner_is_refused_even_under_a_grant(tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").write_bytes(with_exif("JPEG", Copyright="(c) 2020 Disney"))
    words = refused(tmp_path, plan(consent_for(tmp_path, despite_reservations=True)))
    assert "copyright notice in EXIF Copyright: (c) 2020 Disney" in words and "(clause: holders)" in words
    assert "ask Disney as a holder too" in words


def test_exif_may_name_a_photographer_and_an_editor(tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").write_bytes(with_exif("JPEG", Copyright="Ada Example\0Example Press"))
    (work,) = collected(tmp_path, plan(consent_for(tmp_path))).works
    assert work.reservations[0].value == "Ada Example; Example Press"


def test_a_work_whose_file_names_a_holder_is_collected(tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").write_bytes(with_exif("JPEG", Copyright="(c) 2020 Ada Example"))
    assert collected(tmp_path, for_all(own_work("Ada Example"))).works[0].reservations[0].says == "owner"
    assert "Disney" not in refused(tmp_path, for_all(own_work("Somebody Else")))


# What is signed, asked for and foreseen


def test_the_signed_words_hold_the_yes_and_other_names() -> None:
    words = page(draft(ALSO, PRESS_HOLDS, despite_reservations=True))
    assert "say that they may not be used to train" in words and "This yes counts before what stands there." in words
    assert "Where a file names adadraws as the owner of its copyright, Ada Example is meant." in words
    (answer,) = [
        one for passage in draft().statement.predicate.words for one in passage.answers if "train (" in one.use
    ]
    assert answer.answer == "No"


def test_a_dry_run_lists_every_signal_and_the_letter_asks_for_the_grant(folder: Path, tmp_path: Path) -> None:
    letters = tmp_path / "letters"
    found = foresight.foresee(folder, for_all(own_work("Ada Example")), foresight.Intent(on=TODAY), letters=letters)
    assert all(any("despite_reservations" in fault.words for fault in verb.faults) for verb in found.verbs)
    (line,) = found.reservations
    assert line.startswith("cat.png: IPTC/PLUS data mining") and line.endswith("refused")
    (letter,) = letters.rglob("letter.txt")
    text = letter.read_text()
    assert "whether it may be set aside" in text and "DMI-PROHIBITED" in text
    assert "[YES] Use the works although their files" in text
    assert "despite_reservations = true" in (letter.parent / "terms.toml").read_text()


def test_a_dry_run_says_that_a_grant_sets_it_aside(folder: Path) -> None:
    given = consent_for(folder, despite_reservations=True, bases=["any"])
    found = foresight.foresee(folder, plan(given), foresight.Intent(on=TODAY))
    assert found.is_allowed and found.reservations[0].endswith("set aside by the signed consent of Ada Example and "
                                                               "Example Press")  # fmt: skip


def test_works_without_a_permission_tell_their_reservations_too(folder: Path) -> None:
    words = refused(folder, RightsPlan())
    assert "no permission" in words and "DMI-PROHIBITED" in words


def test_a_draft_says_that_its_terms_leave_a_reservation_standing(folder: Path, tmp_path: Path) -> None:
    terms = tmp_path / "terms.toml"
    for despite, reserved in ((False, ("cat.png",)), (True, ())):
        terms.write_text(
            'keeper = "Studio"\ncontact = "here"\nauthor = "Ada Example"\n[[holders]]\nname = "Ada Example"\n'
            'roles = ["copyright-owner"]\nbasis = "author-retained"\n[scope]\nvalid_from = 2026-01-01\n'
            f"despite_reservations = {json.dumps(despite)}\n"
        )
        made = draft_for_folder(folder, terms, tmp_path / f"to {despite}", on=TODAY)
        assert made.reserved == reserved
