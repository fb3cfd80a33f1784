"""Does a signed consent permit what it names, for the works it names, and nothing else?"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))  # tests are imported one by one, so what they share needs a place

from consents import ADA, TODAY, draft, signed

from handstyle.collection import consent, intake, permission
from handstyle.collection.rights import RightsRecord, from_consent
from handstyle.collection.rights_plan import ConsentGrant, RightsPlan, from_consents, in_folder, read_rights_toml
from handstyle.collection.scope import Act
from handstyle.collection.terms import Named
from handstyle.collection.works import Collection
from handstyle.consenting import look_at
from handstyle.errors import ConsentBroken, RecordDamaged, RightsMissing

FolderOf = Callable[..., Path]
GOOD = Act("train", TODAY, "lora", "stable-diffusion-1", "b" * 64)


def works_in(folder: Path) -> list[Named]:
    return look_at(folder, "white", pictures=False)[0]


def plan_for(found: consent.Consent) -> RightsPlan:
    return RightsPlan(consents=(ConsentGrant(found, from_consent(found)),))


def collected(folder: Path, plan: RightsPlan, on: date = TODAY) -> Collection:
    return intake.collect(folder, rights=plan, validation=None, on=on)


def permitted(**scope: Any) -> RightsRecord:
    return from_consent(signed(**scope))


# Which works


def test_the_works_that_were_signed_for_are_collected(folder_of: FolderOf) -> None:
    folder = folder_of("a.png", "b.png")
    found = signed(works=works_in(folder))
    collection = collected(folder, plan_for(found))
    (rights,) = collection.rights.values()
    assert rights.is_signed and rights.consent and rights.consent.statement == found.digest
    assert "signed by Ada Example (SHA256:" in permission.standing(collection)[0]


def test_the_same_file_is_the_same_work_on_another_page(folder_of: FolderOf) -> None:
    folder = folder_of("a.png")
    Image.new("RGBA", (16, 16), (255, 0, 0, 90)).save(folder / "a.png")
    plan = plan_for(signed(works=works_in(folder)))
    assert intake.collect(folder, rights=plan, background="black", validation=None, on=TODAY).works


def test_a_work_that_two_permissions_name_is_a_contradiction(folder_of: FolderOf) -> None:
    folder = folder_of("a.png")
    one, other = signed(works=works_in(folder)), signed(works=works_in(folder), commercial=True)
    plan = RightsPlan(consents=tuple(ConsentGrant(found, from_consent(found)) for found in (one, other)))
    with pytest.raises(RightsMissing, match="2 permissions name it"):
        collected(folder, plan)


# For what


@pytest.mark.parametrize(
    ("scope", "act", "clause"),
    [
        ({}, {"method": "full"}, "method"),
        ({}, {"base_sha256": "c" * 64}, "base"),
        ({"bases": ["another-family"]}, {}, "base"),
        ({"valid_until": date(2026, 11, 24)}, {}, "last day"),
        ({"valid_from": date(2026, 11, 26)}, {}, "first day"),
        ({"methods": [], "bases": []}, {}, "use"),
        ({"distribution": "private"}, {"use": "publish-model", "distribution": "public"}, "distribution"),
        (
            {"distribution": "named", "recipients": ["A Museum"]},
            {"use": "publish-model", "distribution": "public"},
            "distribution",
        ),
        ({}, {"use": "commercial"}, "use"),
        ({}, {"use": "show-works"}, "use"),
        ({}, {"use": "name-in-title"}, "use"),
        ({"name": {"in_title": True}}, {"use": "name-as-trigger"}, "use"),
        ({"name": {"in_title": True}}, {"use": "name-in-marketing"}, "use"),
    ],
)
def test_what_a_clause_does_not_cover_is_refused_by_its_name(
    scope: dict[str, Any], act: dict[str, Any], clause: str
) -> None:
    wanted = Act(**{**{"use": "train", "on": TODAY, "method": "lora", "base_family": "stable-diffusion-1",
                       "base_sha256": "b" * 64}, **act})  # fmt: skip
    found = list(permitted(**scope).refusals(wanted))
    assert clause in {refusal.clause for refusal in found}
    assert all(refusal.next_step and "Ada Example" in refusal.words for refusal in found)


@pytest.mark.parametrize("bases", [["any"], ["stable-diffusion-1"], ["sha256:" + "b" * 64]])
def test_a_base_is_permitted_by_digest_by_family_or_at_large(bases: list[str]) -> None:
    assert not list(permitted(bases=bases).refusals(GOOD))


def test_a_refusal_names_work_holder_clause_and_next_step(folder_of: FolderOf) -> None:
    folder = folder_of("a.png")
    collection = collected(folder, plan_for(signed(works=works_in(folder))))
    with pytest.raises(RightsMissing) as refused:
        permission.require(collection, Act("train", TODAY, "full", "stable-diffusion-1", "b" * 64), "training")
    (fault,) = refused.value.faults
    for part in ("a.png", "Ada Example and Example Press", "clause: method", "ask for full"):
        assert part in fault
    assert refused.value.exit_code == 3


def test_a_record_that_says_more_than_was_signed_cannot_be_written() -> None:
    rights = permitted().model_dump()
    for change in ({"permits": ("train", "commercial")}, {"valid_until": None}, {"holders": ("Ada Example",)}):
        with pytest.raises(RecordDamaged, match="something else than its consent"):
            RightsRecord.read({**rights, **change}, where="the test")


# The copy beside the collection


def kept(folder: Path, place: Path) -> tuple[Collection, Path]:
    plan = plan_for(signed(works=works_in(folder)))
    collection = collected(folder, plan)
    permission.keep([grant.consent for grant in plan.consents], collection, place)
    (file,) = (place / permission.CONSENTS).iterdir()
    assert next(iter(permission.kept(collection, place).values())).digest == plan.consents[0].consent.digest
    return collection, file


def test_a_consent_that_is_gone_or_changed_closes_the_gate(folder_of: FolderOf, tmp_path: Path) -> None:
    collection, file = kept(folder_of("a.png"), tmp_path / "place")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ConsentBroken):
        permission.kept(collection, tmp_path / "place")
    file.unlink()
    with pytest.raises(ConsentBroken, match="is gone"):
        permission.kept(collection, tmp_path / "place")


# Written into a rights.toml


def test_a_rights_toml_may_name_a_consent_and_repeats_nothing(folder_of: FolderOf) -> None:
    folder = folder_of("a.png")
    (folder / "ada.consent.json").write_bytes(signed(works=works_in(folder)).data)
    (folder / "rights.toml").write_text('[[rights]]\nconsent = "ada.consent.json"\n')
    assert collected(folder, read_rights_toml(folder / "rights.toml")).works
    (folder / "rights.toml").write_text('[[rights]]\nconsent = "ada.consent.json"\npermits = ["commercial"]\n')
    with pytest.raises(RecordDamaged, match="stands in the consent"):
        read_rights_toml(folder / "rights.toml")


def test_an_answer_on_paper_is_stated_and_bound_to_the_same_words(folder_of: FolderOf) -> None:
    folder = folder_of("a.png")
    papers = folder.parent
    (papers / "ada.consent.json").write_bytes(draft(works=works_in(folder)).data)
    (papers / "signed-page.pdf").write_bytes(b"a scan")
    table = '[[rights]]\nconsent = "ada.consent.json"\nbasis = "written-permission"\n'
    (papers / "rights.toml").write_text(table)
    with pytest.raises(RecordDamaged, match="scan or photograph"):
        read_rights_toml(papers / "rights.toml")
    (papers / "rights.toml").write_text(table + 'evidence = ["signed-page.pdf"]\n')
    (rights,) = collected(folder, read_rights_toml(papers / "rights.toml")).rights.values()
    assert not rights.is_signed and "not signed" in rights.standing
    assert list(rights.refusals(Act("train", TODAY, "full", "stable-diffusion-1", "b" * 64)))


def test_every_signature_that_lacks_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.consent.json").write_bytes(consent.signed(draft(), ADA).data)
    (tmp_path / "b.consent.json").write_bytes(draft(commercial=True).data)
    with pytest.raises(ConsentBroken) as broken:
        in_folder(tmp_path)
    assert len(broken.value.faults) == 3 and broken.value.exit_code == 3
    assert len(in_folder(tmp_path, unsigned=True).consents) == 2


def test_a_consent_that_lacks_a_signature_gives_nothing(tmp_path: Path) -> None:
    (tmp_path / "it.consent.json").write_bytes(consent.signed(draft(), ADA).data)
    with pytest.raises(ConsentBroken, match="Example Press"):
        from_consents([tmp_path / "it.consent.json"])
