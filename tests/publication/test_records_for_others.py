"""Are the records for other programs what their own validators take, and do they show nothing that may not be shown?

The validators are in the group `records`; what they check is left out where they are not installed.
"""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stderr
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from ingredients import Ingredients, collected, found, low_rank_tensors, report_on, style_of

sys.path.insert(0, str(Path(__file__).parents[1] / "collection"))  # what consents are made from in tests

from consents import signed

from handstyle.collection.reservation_values import reading
from handstyle.collection.rights import RightsRecord, from_consent, open_licence, own_work
from handstyle.publication.clearance import clearance
from handstyle.publication.copyright_policy import Contact
from handstyle.publication.disclosure import published_collection
from handstyle.publication.records_for_others import BILL_OF_MATERIALS, CROISSANT, POLICY, SUMMARY, files
from handstyle.publication.verification import verify
from handstyle.tensor_files import digest

ADA = Contact(name="Studio Example", address="rights@studio.example")
TODAY = date(2026, 11, 25)


def letter(**changes: Any) -> RightsRecord:
    return RightsRecord.model_validate({
        "author": "Ana Ruiz", "basis": "written-permission", "permits": ("train", "publish-model", "show-works"),
        "evidence": ({"file": "letter.pdf", "sha256": "e" * 64, "says": "a letter"},), "valid_until": "2031-12-31",
        **changes,
    })  # fmt: skip


EVERY = (
    own_work("Ada Example"),
    open_licence("CC-BY-4.0", "Mozilla", "https://github.com/mozilla/fxemoji"),
    open_licence("MIT OR Apache-2.0", "Others", "https://others.example", choice="MIT"),
    letter(),
    from_consent(signed(bases=["any"], derivatives=True, show_works=True)),
)


def made(*rights: RightsRecord, contact: Contact | None = ADA, beside: RightsRecord | None = None) -> dict[str, str]:
    collection = collected(*rights)
    style = style_of(collection, digest(low_rank_tensors()))
    cleared = clearance(collection, style, report_on(style), "Soft outline", on=TODAY, model_licence="other")
    return {
        name: data.decode()
        for name, data in files(
            published_collection(collection), style, cleared,
            {"collection.json": "c" * 64, "weights/a.safetensors": "a" * 64},
            class_images=published_collection(collected(beside)) if beside else None, contact=contact,
            signer="SHA256:key",
        ).items()
    }  # fmt: skip


# In a release


def test_they_are_in_a_release_under_its_signature(release: Path) -> None:
    for name in (CROISSANT, BILL_OF_MATERIALS, SUMMARY):
        assert (release / name).is_file()
    assert verify(release).holds
    for name in (CROISSANT, SUMMARY):
        (release / name).write_text((release / name).read_text() + " ")
    assert {("changed", CROISSANT), ("changed", SUMMARY)} <= found(verify(release))


def test_a_policy_needs_somebody_to_turn_to(ingredients: Ingredients, tmp_path: Path) -> None:
    assert not (ingredients.assemble(tmp_path / "without") / POLICY).exists()
    policy = (ingredients.assemble(tmp_path / "with", contact=ADA) / POLICY).read_text()
    assert "Studio Example publishes this model" in policy and "rights@studio.example" in policy


def test_the_digests_in_them_are_those_of_the_release(release: Path) -> None:
    from handstyle import digests

    croissant = json.loads((release / CROISSANT).read_text())
    assert croissant["distribution"][0]["sha256"] == digests.of_file(release / "collection.json")
    bom = json.loads((release / BILL_OF_MATERIALS).read_text())
    hashes = {one["name"]: one["hashes"][0]["content"] for one in bom["components"] if one["type"] == "file"}
    assert hashes == {path: digests.of_file(release / path) for path in hashes} and len(hashes) == 2


# What they show


def test_nothing_hidden_stands_in_any_of_them() -> None:
    for text in made(letter(permits=("train", "publish-model")), *EVERY).values():
        assert "secret-" not in text and "hidden caption" not in text and "letter.pdf" not in text
        assert "D:/base" not in text


def test_every_permission_and_its_last_day_stand_in_the_bill_of_materials() -> None:
    bom = json.loads(made(*EVERY)[BILL_OF_MATERIALS])
    works = {one["data"][0]["governance"]["owners"][0]["contact"]["name"]: one for one in bom["components"]
             if one["type"] == "data"}  # fmt: skip
    assert len([one for one in bom["components"] if one["type"] == "data"]) == len(EVERY)
    licence = works["Ana Ruiz"]["licenses"][0]["license"]
    assert licence["licensing"]["expiration"] == "2031-12-31T23:59:59Z"
    assert works["Mozilla"]["licenses"] == [{"license": {"id": "CC-BY-4.0"}}]
    assert works["Others"]["licenses"] == [{"license": {"id": "MIT"}}]
    refs = [one["ref"] for one in bom["metadata"]["component"]["modelCard"]["modelParameters"]["datasets"]]
    assert set(refs) == {one["bom-ref"] for one in bom["components"] if one["type"] == "data"}


def test_the_summary_keeps_the_order_of_the_template_and_says_that_it_is_voluntary() -> None:
    text = made(*EVERY)[SUMMARY]
    headings = [line.lstrip("#").split()[0] for line in text.splitlines() if line.startswith("##")]
    assert headings == "1. 1.1 1.2 1.3 2. 2.1 2.2 2.2.1 2.2.2 2.3 2.4 2.5 2.6 3. 3.1 3.2 3.3".split()
    assert "**Voluntary.**" in text and "Studio Example, rights@studio.example" in text
    public, licensed, own = (text.split(f"{number} ")[1].split("###")[0] for number in ("2.1", "2.2.1", "2.6"))
    assert "Mozilla" in public and "Ana Ruiz" in licensed and "signed by" in licensed and "Ada Example" in own


def test_the_summary_counts_what_was_reserved_and_set_aside() -> None:
    rights = from_consent(signed(bases=["any"], derivatives=True, despite_reservations=True))
    collection = collected(rights)
    works = tuple(work.model_copy(update={"reservations": (reading("noai", "comment", "noai", "reserved"),)})
                  for work in collection.works)  # fmt: skip
    published = published_collection(collection.model_copy(update={"works": works}))
    style = style_of(collection, digest(low_rank_tensors()))
    cleared = clearance(collection, style, report_on(style), "Soft outline", on=TODAY)
    text = files(published, style, cleared, {"collection.json": "c" * 64}, contact=None, signer="k")[SUMMARY].decode()
    assert "1 of these a reservation; each was set aside by a consent that every holder signed." in " ".join(
        text.split()
    )
    assert "no reserved work was used" in made(own_work("Ada Example"))[SUMMARY]


def test_names_with_signs_in_them_stay_words() -> None:
    assert "\\[x\\](http" in made(own_work("[x](http://evil.example)"))[SUMMARY]


def test_pictures_of_the_class_are_named_with_their_permission() -> None:
    texts = made(own_work("Ada Example"), beside=open_licence("CC0-1.0", "Class Maker", "https://class.example"))
    assert "1 class image by Class Maker" in texts[SUMMARY].split("2.1 ")[1].split("###")[0]
    assert "1 class image by Class Maker" in texts[BILL_OF_MATERIALS]


# Their own validators


@pytest.mark.parametrize("rights", [EVERY[:1], EVERY[1:2], EVERY], ids=["own work", "licence", "every kind"])
def test_croissant_is_taken_by_its_own_validator(tmp_path: Path, rights: tuple[RightsRecord, ...]) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="pip install mlcroissant")
    (tmp_path / CROISSANT).write_text(made(*rights)[CROISSANT])
    said = io.StringIO()
    with redirect_stderr(said):
        dataset = mlcroissant.Dataset(jsonld=str(tmp_path / CROISSANT))
    assert not dataset.metadata.ctx.issues.errors and not dataset.metadata.ctx.issues.warnings
    again = dataset.metadata.to_json()
    assert len(again["usageInfo"]) == len(rights) if len(rights) > 1 else again["usageInfo"]
    assert again["rai:dataCollection"].startswith("Chosen by hand")


def test_its_records_can_be_read_from_a_release(release: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="pip install mlcroissant")
    dataset = mlcroissant.Dataset(jsonld=str(release / CROISSANT))
    records = list(dataset.records("works"))
    works = json.loads((release / "collection.json").read_text())["works"]
    assert [one["works/pixels_sha256"].decode() for one in records] == [work["pixels_sha256"] for work in works]


@pytest.mark.parametrize("rights", [EVERY[:1], EVERY[1:2], EVERY], ids=["own work", "licence", "every kind"])
def test_the_bill_of_materials_fits_its_schema(rights: tuple[RightsRecord, ...]) -> None:
    validation = pytest.importorskip(
        "cyclonedx.validation.json", reason="pip install 'cyclonedx-python-lib[json-validation]'"
    )
    from cyclonedx.schema import SchemaVersion

    text = made(*rights, beside=EVERY[1])[BILL_OF_MATERIALS]
    validator = validation.JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(text) is None
    wrong = json.loads(text) | {"surprise": 1}
    assert validator.validate_str(json.dumps(wrong)) is not None
