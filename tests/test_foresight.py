"""Is everything that the journey lacks said at once, with the letter that would get it?"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent / "collection"))  # what consents are made from in tests

from consents import ADA, TODAY, draft, signed

from handstyle.collection import consent
from handstyle.collection.rights import RightsRecord, from_consent, own_work
from handstyle.collection.rights_plan import ConsentGrant, Grant, RightsPlan, for_all
from handstyle.consenting import look_at
from handstyle.errors import UsageMistake
from handstyle.foresight import Foreseen, Intent, foresee

FAMILY: dict[str, Any] = {"base_family": "stable-diffusion-1", "base_sha256": "b" * 64}


@pytest.fixture
def works(tmp_path: Path) -> Path:
    folder = tmp_path / "works"
    folder.mkdir()
    for name, colour in {"a": "red", "b": "blue"}.items():
        Image.new("RGB", (30, 20), colour).save(folder / f"{name}.png")
    return folder


def refused(found: Foreseen) -> list[str]:
    return [verb.verb for verb in found.verbs if verb.faults]


def consented(works: Path, **scope: Any) -> RightsPlan:
    given = signed(works=look_at(works, "white", pictures=False)[0], **scope)
    return RightsPlan(consents=(ConsentGrant(given, from_consent(given)),))


def test_what_is_permitted_is_foreseen_as_permitted(works: Path) -> None:
    found = foresee(works, consented(works), Intent(**FAMILY, distribution="public", on=TODAY))
    assert found.is_allowed and found.works == 2
    assert foresee(works, for_all(own_work("Ada")), Intent(on=TODAY, commercial=True)).is_allowed


def test_every_verb_is_asked_and_every_clause_named_at_once(works: Path) -> None:
    intent = Intent(**{**FAMILY, "base_sha256": "c" * 64}, method="full", distribution="public", commercial=True,
                    show_works=True, name_in_title=True, on=TODAY)  # fmt: skip
    found = foresee(works, consented(works), intent)
    assert refused(found) == ["collect", "encode", "finetune", "generate", "publish"]
    training = next([str(fault) for fault in verb.faults] for verb in found.verbs if verb.verb == "finetune")
    assert any("clause: method" in fault for fault in training) and any("clause: base" in fault for fault in training)
    publishing = str([str(fault) for fault in found.verbs[-1].faults])
    for words in ("commercial use", "showing the works", "author's name in a model's title"):
        assert words in publishing
    assert all(fault.works == ("a.png", "b.png") for verb in found.verbs for fault in verb.faults)


def test_a_signature_that_lacks_is_said_with_everything_else(works: Path, tmp_path: Path) -> None:
    half = consent.signed(draft(works=look_at(works, "white", pictures=False)[0]), ADA)
    plan = RightsPlan(consents=(ConsentGrant(half, from_consent(half)),))
    found = foresee(works, plan, Intent(**FAMILY, commercial=True, on=TODAY), letters=tmp_path / "letters")
    assert refused(found) == ["collect", "encode", "finetune", "generate", "publish"]
    for verb in found.verbs:
        assert any("the signature of Example Press is missing (clause: all holders)" in str(fault)
                   for fault in verb.faults)  # fmt: skip
    assert "commercial use" in str([str(fault) for fault in found.verbs[-1].faults])
    assert found.letters
    asked = foresee(works, plan, Intent(**FAMILY, on=TODAY), letters=tmp_path / "no-letters")
    assert not asked.is_allowed and asked.letters == (), "the text is there, and waits to be signed"


def test_works_without_any_permission_are_refused_everywhere(works: Path) -> None:
    assert len(refused(foresee(works, RightsPlan(), Intent(on=TODAY)))) == 5


def test_the_letter_asks_for_exactly_what_lacks_and_its_answer_is_enough(works: Path, tmp_path: Path) -> None:
    intent = Intent(**FAMILY, distribution="public", commercial=True, keeper="Studio", contact="us@studio.example",
                    on=TODAY)  # fmt: skip
    found = foresee(works, consented(works), intent, letters=tmp_path / "letters")
    letter, page, file, terms = map(Path, found.letters)
    text = letter.read_text(encoding="utf-8")
    asked = consent.read(file)
    assert "To: Ada Example, Example Press" in text and asked.digest in text and "a.png" in text
    assert asked.digest in page.read_text(encoding="utf-8")
    assert 'key = "ssh-ed25519' in terms.read_text(encoding="utf-8")
    answered = consented(works, bases=["stable-diffusion-1"], commercial=True)
    assert answered.consents[0].consent.statement.predicate.scope.commercial
    assert asked.statement.predicate.scope.commercial and foresee(works, answered, intent).is_allowed


def test_everybody_gets_a_letter_of_their_own_and_none_is_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "works"
    folder.mkdir()
    authors = ["Ada Ö.", "Ada Ü.", "Ada 2", "Ada Ö."]  # all but one are `ada` as a file name
    grants = []
    for number, author in enumerate(authors):
        Image.new("RGB", (30, 20), (number, 0, 0)).save(folder / f"{number}.png")
        holders = (author, "A Press") if number == 3 else (author,)
        rights = RightsRecord.read(
            {"author": author, "holders": holders, "basis": "written-permission",
             "evidence": [{"file": "letter.pdf", "sha256": "e" * 64}], "permits": ["train"]}, where="here",
        )  # fmt: skip
        grants.append(Grant((f"{number}.png",), rights))
    intent = Intent(**FAMILY, commercial=True, on=TODAY)
    found = foresee(folder, RightsPlan(tuple(grants)), intent, letters=tmp_path / "letters")
    letters = [Path(path).read_text(encoding="utf-8") for path in found.letters if path.endswith("letter.txt")]
    assert len(set(found.letters)) == 4 * 4 and len(letters) == 4
    for number, letter in enumerate(letters):
        assert f"To: {authors[number]}" in letter and f"  {number}.png" in letter
    state = {path: path.read_bytes() for path in (tmp_path / "letters").rglob("*") if path.is_file()}
    shutil.rmtree(tmp_path / "letters" / "ada")
    with pytest.raises(UsageMistake, match="none is overwritten"):
        foresee(folder, RightsPlan(tuple(grants)), intent, letters=tmp_path / "letters")
    assert not (tmp_path / "letters" / "ada").exists(), "where one is in the way, none is written"
    assert all(path.read_bytes() == data for path, data in state.items() if path.exists())


def test_where_nothing_lacks_no_letter_is_written(works: Path, tmp_path: Path) -> None:
    found = foresee(works, consented(works), Intent(**FAMILY, on=TODAY), letters=tmp_path / "letters")
    assert found.letters == () and not (tmp_path / "letters").exists()
