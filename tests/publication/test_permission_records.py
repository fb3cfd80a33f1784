"""Is a release refused whose consents do not cover it, and does a good one say who signed?"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from ingredients import TODAY, Ingredients, assert_broken, found, low_rank_tensors, report_on, signed_again, style_of
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "collection"))  # what consents are made from in tests

from consents import WORKS, draft, signed

from handstyle.collection import consent, intake, permission
from handstyle.collection.reservation_values import reading
from handstyle.collection.rights import from_consent
from handstyle.collection.rights_plan import read_rights_toml
from handstyle.collection.terms import Named
from handstyle.collection.works import Collection, Work
from handstyle.consenting import look_at
from handstyle.errors import GateClosed, ReleaseBroken, RightsMissing
from handstyle.keys import fingerprint
from handstyle.publication import card
from handstyle.publication.clearance import Clearance, clearance
from handstyle.publication.verification import verify
from handstyle.tensor_files import digest

OTHER_WORKS = [Named(f"other-{number}.png", str(number) * 64, str(number + 2) * 64) for number in range(2)]
Consented = Callable[..., Path]


def collection_of(given: consent.Consent, *works: Named) -> Collection:
    rights = from_consent(given)
    return Collection(
        works=tuple(
            Work(name=work.name, file_format="PNG", file_sha256=work.file, pixels_sha256=work.pixels, width=64,
                 height=64, caption=f"hidden caption {place}", caption_from="file name", rights=rights.digest)
            for place, work in enumerate(works or WORKS)
        ),
        rights={rights.digest: rights},
    )  # fmt: skip


def cleared(given: consent.Consent, on: date = TODAY, **asked: Any) -> Clearance:
    collection = collection_of(given)
    style = style_of(collection, digest(low_rank_tensors()))
    return clearance(collection, style, report_on(style), "Soft outline", on=on, **asked)


@pytest.fixture
def consented(ingredients: Ingredients, tmp_path: Path) -> Consented:
    """A release that stands on a consent; `carried` is the envelope that goes along in its place."""

    def make(given: consent.Consent | None = None, carried: consent.Consent | None = None) -> Path:
        given = given or signed()
        collection = collection_of(given)
        style = style_of(collection, ingredients.style.tensors)
        report = report_on(style)
        clear = clearance(collection, style, report, "Soft outline", on=TODAY)
        mine = ingredients._replace(collection=collection, style=style, report=report, cleared=clear)
        return mine.assemble(tmp_path / "soft-outline", consents={given.digest: carried or given})

    return make


def test_a_release_carries_what_was_signed_and_says_by_whom(consented: Consented) -> None:
    release = consented()
    answer = verify(release, on=TODAY)
    assert (answer.status, answer.findings) == ("intact", ())
    (line,) = answer.permission
    assert line.startswith("2 works by Ada Example: signed by Ada Example (SHA256:")
    assert line.endswith("until 2030-12-31")


def test_a_stated_permission_is_called_stated(release: Path) -> None:
    assert verify(release).permission == ("1 work by Mozilla: stated, not signed: published under Apache-2.0",)


def test_a_consent_answered_on_paper_is_published_and_called_stated(ingredients: Ingredients, tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    (folder / "works").mkdir(parents=True)
    for name, colour in {"a": "red", "b": "blue"}.items():
        Image.new("RGB", (16, 16), colour).save(folder / "works" / f"{name}.png")
    page = draft(works=look_at(folder / "works", "white", pictures=False)[0])
    (folder / "ada.consent.json").write_bytes(page.data)
    (folder / "signed-page.pdf").write_bytes(b"a scan")
    (folder / "rights.toml").write_text(
        '[[rights]]\nconsent = "ada.consent.json"\nbasis = "written-permission"\nevidence = ["signed-page.pdf"]\n'
    )
    plan = read_rights_toml(folder / "rights.toml")
    collection = intake.collect(folder / "works", rights=plan, validation=None, on=TODAY)
    permission.keep([grant.consent for grant in plan.consents], collection, tmp_path / "place")
    style = style_of(collection, ingredients.style.tensors)
    report = report_on(style)
    clear = clearance(collection, style, report, "Soft outline", on=TODAY)
    mine = ingredients._replace(collection=collection, style=style, report=report, cleared=clear)
    release = mine.assemble(tmp_path / "soft-outline", consents=permission.kept(collection, tmp_path / "place"))
    answer = verify(release, on=TODAY)
    assert (answer.status, answer.findings) == ("intact", ())
    (line,) = answer.permission
    assert "stated, not signed: permitted in writing by Ada Example and Example Press" in line
    assert b"signed-page" not in (release / "collection.json").read_bytes()
    edited(release / "collection.json", claims(evidence=[]))
    signed_again(release, ingredients.key)
    assert_broken(release, "permission", "collection.json")


@pytest.mark.parametrize("despite", [False, True])
def test_a_release_of_reserved_works_holds_only_where_a_signed_grant_sets_that_aside(
    ingredients: Ingredients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, despite: bool
) -> None:
    given = signed(despite_reservations=despite)
    plain = collection_of(given)
    found = (reading("noai", "XMP, dc:subject", "noai, my own words", "reserved"),)
    works = tuple(work.model_copy(update={"reservations": found}) for work in plain.works)
    collection = plain.model_copy(update={"works": works})
    style = style_of(collection, ingredients.style.tensors)
    report = report_on(style)
    if not despite:
        with pytest.raises(RightsMissing, match="noai"):
            clearance(collection, style, report, "Soft outline", on=TODAY)
        monkeypatch.setattr("handstyle.collection.overrides.standing", lambda *_: [])  # a publisher who does not ask
    clear = clearance(collection, style, report, "Soft outline", on=TODAY)
    mine = ingredients._replace(collection=collection, style=style, report=report, cleared=clear)
    if not despite:
        with pytest.raises(ReleaseBroken, match="does not set aside what the files of 2 works say"):
            mine.assemble(tmp_path / "release", consents={given.digest: given})
        return
    release = mine.assemble(tmp_path / "release", consents={given.digest: given})
    assert verify(release, on=TODAY).holds
    assert "2 works are, each, reserved in or beside its file (noai note); the signed consent of" in card.text(
        style, collection, report, clear, ingredients.weights, "SHA256:key"
    )
    assert b"my own words" not in (release / "collection.json").read_bytes()


def test_names_and_captions_of_works_that_may_not_be_shown_stay_at_home(consented: Consented) -> None:
    everything = b"".join(path.read_bytes() for path in consented().rglob("*") if path.is_file())
    assert b"hidden caption" not in everything
    assert all(work.name.encode() + b'"' not in everything for work in WORKS)


def test_the_card_says_what_was_permitted(consented: Consented) -> None:
    card = (consented() / "README.md").read_text(encoding="utf-8")
    assert "by Ada Example, who consented on 2026-11-25, as did Example Press" in card
    assert "no commercial use" in card and "no further models" in card


def test_after_its_last_day_a_release_has_lapsed(consented: Consented) -> None:
    answer = verify(consented(), on=date(2031, 1, 1))
    assert (answer.status, answer.holds) == ("lapsed", False)
    assert found(answer) == {("permission", "collection.json")}


def test_a_lapsed_release_by_somebody_i_do_not_trust_is_first_of_all_not_trusted(
    consented: Consented, ingredients: Ingredients
) -> None:
    release, later = consented(), date(2031, 1, 1)
    mine = frozenset({fingerprint(ingredients.key.public_key())})
    strange = verify(release, frozenset({"SHA256:" + "A" * 43}), on=later)
    assert (strange.status, strange.holds) == ("unknown", False)
    assert found(strange) == {("signer", "handstyle.json"), ("permission", "collection.json")}
    assert "not among the 1 you trust" in strange.words and "has ended" in strange.words
    known = verify(release, mine, on=later)
    assert (known.status, known.holds) == ("lapsed", False) and "whom you trust" in known.words


def edited(path: Path, change: Callable[[Any], None]) -> None:
    record = json.loads(path.read_text(encoding="utf-8"))
    change(record)
    path.write_text(json.dumps(record), encoding="utf-8")


@pytest.mark.parametrize(("days", "is_noticed"), [(0, False), (1, False), (2, True), (900, True)])
def test_a_release_from_a_day_that_has_not_come_is_noticed(
    consented: Consented, ingredients: Ingredients, days: int, is_noticed: bool
) -> None:
    release = consented()
    later = (TODAY + timedelta(days)).isoformat()
    signed_again(release, ingredients.key, lambda record: record.update(published=later))
    answer = verify(release, on=TODAY)
    assert (("permission", "handstyle.json") in found(answer), answer.status == "broken") == (is_noticed, is_noticed)


def claims(**change: Any) -> Callable[[dict[str, Any]], None]:
    return lambda record: next(iter(record["rights"].values())).update(change)


# Before it is published


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ({"distribution": "private"}, "clause: use"),
        ({"distribution": "named", "recipients": ["A Museum"]}, "clause: distribution"),
        ({"bases": ["sha256:" + "c" * 64]}, "clause: base"),
        ({"methods": ["full"]}, "clause: method"),
    ],
)
def test_what_the_consent_does_not_cover_is_not_published(scope: dict[str, Any], words: str) -> None:
    with pytest.raises(RightsMissing, match=words):
        cleared(signed(**scope))


def test_a_consent_for_named_people_is_published_for_them_alone() -> None:
    named = signed(distribution="named", recipients=["A Museum"])
    assert cleared(named, distribution="named").recipients == ("A Museum",)
    with pytest.raises(GateClosed, match="lets anybody pass it on"):
        cleared(signed(distribution="named", recipients=["A Museum"], derivatives=True, commercial=True),
                distribution="named", model_licence="CC-BY-4.0")  # fmt: skip


def test_without_derivatives_no_licence_gives_everybody_the_right_to_them() -> None:
    assert cleared(signed()).licence.name == "all-rights-reserved"
    with pytest.raises(GateClosed, match="clause: derivatives"):
        cleared(signed(commercial=True), model_licence="CC-BY-4.0")
    assert cleared(signed(commercial=True, derivatives=True), model_licence="CC-BY-4.0").licence.name == "CC-BY-4.0"


def test_a_release_is_for_where_every_consent_holds_and_under_no_licence_for_more() -> None:
    here = signed(territory=["DE", "FR"])
    found = cleared(here)
    assert found.territory == ("DE", "FR") and found.licence.name == "all-rights-reserved"
    assert any("only in DE, FR" in reason for reason in found.reasons)
    assert "only in DE, FR" in card.licence_text(found)
    with pytest.raises(GateClosed, match="clause: territory"):
        cleared(signed(territory=["DE"], commercial=True, derivatives=True), model_licence="CC-BY-4.0")


def test_works_that_have_no_country_in_common_are_not_published_together() -> None:
    one, two = collection_of(signed(territory=["DE"])), collection_of(signed(territory=["FR"]), *OTHER_WORKS)
    both = Collection(works=tuple(sorted((*one.works, *two.works), key=lambda work: work.name)),
                      rights={**one.rights, **two.rights})  # fmt: skip
    style = style_of(both, "a" * 64)
    with pytest.raises(RightsMissing, match="no country") as refused:
        clearance(both, style, report_on(style), "Soft outline", on=TODAY)
    assert len(refused.value.faults) == 2 and "holds in DE" in refused.value.faults[0]


def test_without_commercial_use_no_licence_permits_it() -> None:
    with pytest.raises(GateClosed, match="commercial"):
        cleared(signed(derivatives=True), model_licence="CC-BY-4.0")


@pytest.mark.parametrize(("use", "title"), [("in_title", "Ada lines"), ("in_title", "Аdа lines")])
def test_the_authors_name_takes_its_own_yes(use: str, title: str) -> None:
    def named(given: consent.Consent) -> Clearance:
        collection = collection_of(given)
        style = style_of(collection, "a" * 64)
        return clearance(collection, style, report_on(style), title, on=TODAY)

    with pytest.raises(GateClosed, match="name-in-title"):
        named(signed())
    assert named(signed(name={use: True})).title == title
