"""Can a style be named after somebody who did not agree to it, in some way or other?

Each case is one way to try it: before publication, where the gate must refuse, and afterwards, in a release that its
own keeper edited and signed again, where whoever verifies it must see it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "publication"))  # what releases are made from in tests

from ingredients import KOHYA, TODAY, Ingredients, called, collected, gathered, report_on, signed_again, style_of

from handstyle.collection.rights import RightsRecord
from handstyle.collection.works import Collection
from handstyle.errors import GateClosed
from handstyle.publication.clearance import Clearance, clearance
from handstyle.publication.provenance import opened
from handstyle.publication.verification import verify
from handstyle.tensor_files import metadata_of, write_with_metadata

PERMITS = ("train", "publish-model", "show-works")


def hollies(**changes: Any) -> RightsRecord:
    """The permission of the illustrator of 2022, for everything but her name; Disney holds rights, too."""
    told: dict[str, Any] = {
        "author": "Hollie Mengert",
        "also_named": ("holliesketch", "H. M. Rosegarden"),
        "holders": ("Hollie Mengert", "Disney Enterprises"),
        "basis": "written-permission",
        "permits": PERMITS,
        "evidence": ({"file": "letter.pdf", "sha256": "e" * 64},),
    }
    return RightsRecord.model_validate({**told, **changes})


def cleared(title: str = "Soft outline", folder: str = "", caption: str = "", **recipe: Any) -> Clearance:
    collection = collected(hollies())
    if caption:
        works = tuple(work.model_copy(update={"caption": caption}) for work in collection.works)
        collection = Collection(works=works, rights=collection.rights)
    style = style_of(collection, "a" * 64, **recipe)
    return clearance(collection, style, report_on(style), title, on=TODAY, folder=folder)


TITLES = {
    "plainly": "Hollie Mengert style",
    "the surname": "mengert-diffusion",
    "the first name": "Hollie's world",
    "the other way round": "Mengert, Hollie",
    "initial and surname": "h.mengert",
    "run together": "holliemengertdiffusion",
    "run together the other way round": "mengerthollie",
    "taken apart": "ho llie men gert",
    "letter by letter": "h-o-l-l-i-e",
    "across words": "ho lliestyle",
    "Cyrillic letters": "Ноllіе Меngеrt",
    "Greek letters": "Hοllιε",
    "full-width letters": "Ｈｏｌｌｉｅ",
    "mathematical letters": "𝓗𝓸𝓵𝓵𝓲𝓮",
    "letters in circles": "ⓗⓞⓛⓛⓘⓔ",
    "letters in black circles": "🅗🅞🅛🅛🅘🅔 lines",
    "small capitals": "ʜᴏʟʟɪᴇ lines",
    "accents": "Hóllïé",
    "strokes through letters": "h\u0336ollie\u0336",
    "digits for letters": "H0111e",
    "signs for letters": "m€ng€rt",
    "a sign of no width": "hol\u200blie",
    "a soft hyphen": "men\u00adgert",
    "an alias": "holliesketch v2",
    "an alias in disguise": "ho11iesketch",
    "another holder": "Disney look",
    "another holder in disguise": "D1sn€y look",
}


@pytest.mark.parametrize("way", TITLES)
def test_a_title_that_names_somebody_is_refused(way: str) -> None:
    with pytest.raises(GateClosed, match="name of a person") as refused:
        cleared(TITLES[way])
    assert refused.value.exit_code == 3
    assert any("name-in-title" in fault for fault in refused.value.faults)
    assert "neutral" in refused.value.hint and "drawing" in refused.value.hint  # and some are offered


def test_a_title_that_is_read_backwards_is_refused() -> None:
    with pytest.raises(Exception, match="is no letter"):
        cleared("\u202etregnem")


PROMPTS: dict[str, dict[str, Any]] = {
    "identifier": {"identifier": "holliemengert"},
    "identifier without vowels": {"identifier": "hllmngrt"},
    "identifier without the vowels of the surname": {"identifier": "mngrt"},
    "identifier in disguise": {"identifier": "h0ll1e"},
    "identifier from an alias": {"identifier": "holliesketch"},
    "class words": {"class_words": "mengert drawing"},
    "class prompt": {"class_prompt": "a drawing by hollie"},
    "between identifier and class words": {"identifier": "men", "class_words": "gert"},
    "template": {"template": "{caption}, {identifier}, in the style of Hollie Mengert"},
    "caption": {"caption": "a fox, art by hollie mengert"},
    "caption in disguise": {"caption": "a fox, h.m.e.n.g.e.r.t"},
}


@pytest.mark.parametrize("way", PROMPTS)
def test_words_of_the_training_that_name_somebody_are_refused(way: str) -> None:
    with pytest.raises(GateClosed) as refused:
        cleared(**PROMPTS[way])
    assert any("name-as-trigger" in fault for fault in refused.value.faults)


def test_the_folder_of_a_release_is_no_way_round() -> None:
    with pytest.raises(GateClosed):
        cleared(folder="hollie-mengert")


def test_a_yes_to_the_title_is_none_to_the_prompts_and_none_for_other_holders() -> None:
    collection = collected(hollies(permits=(*PERMITS, "name-in-title")))
    style = style_of(collection, "a" * 64)
    clearance(collection, style, report_on(style), "Hollie Mengert", on=TODAY)
    with pytest.raises(GateClosed):
        clearance(collection, style, report_on(style), "Hollie Mengert at Disney", on=TODAY)
    called_so = style_of(collection, "a" * 64, identifier="mengert")
    with pytest.raises(GateClosed):
        clearance(collection, called_so, report_on(called_so), "Quiet lines", on=TODAY)


# A release of its own keeper's, edited and signed again.


@pytest.fixture
def made(tmp_path: Path) -> Ingredients:
    (tmp_path / "made").mkdir()
    return gathered(tmp_path / "made", hollies())


@pytest.fixture
def release(made: Ingredients, tmp_path: Path) -> Path:
    found = made.assemble(tmp_path / "release")
    assert verify(found).status == "intact"
    return found


def card(release: Path, words: str) -> None:
    path = release / "README.md"
    path.write_text(path.read_text(encoding="utf-8") + words, encoding="utf-8")


def tag(release: Path, words: str) -> None:
    path = release / "README.md"
    path.write_text(path.read_text(encoding="utf-8").replace("- dreambooth", f"- {words}"), encoding="utf-8")


def header(release: Path, key: str, value: str) -> None:
    path = release / KOHYA
    write_with_metadata(path.with_name("new"), path, metadata_of(path) | {key: value})
    path.with_name("new").replace(path)


def without_the_sentence(release: Path) -> None:
    path = release / "README.md"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("who permitted this in writing", "with her blessing"), encoding="utf-8")


def licence(release: Path) -> None:
    path = release / "LICENSE.md"
    path.write_text(path.read_text(encoding="utf-8") + "\nOfficial Hollie Mengert model.\n", encoding="utf-8")


def report(release: Path) -> None:
    path = release / "report.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | {"style_name": "mengert"}), encoding="utf-8")


EDITS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "a sentence on the card": ("README.md", lambda at: card(at, "\nAs seen in the work of Hollie Mengert!\n")),
    "a sentence in disguise": ("README.md", lambda at: card(at, "\nFor friends of h0llie m3ngert.\n")),
    "a holder on the card": ("README.md", lambda at: card(at, "\nDisney quality.\n")),
    "a tag": ("README.md", lambda at: tag(at, "hollie-mengert")),
    "the licence": ("LICENSE.md", licence),
    "the title in the header": (KOHYA, lambda at: header(at, "modelspec.title", "Hollie Mengert")),
    "tags in the header": (KOHYA, lambda at: header(at, "modelspec.tags", "art, hollie_mengert")),
    "captions in the header": (KOHYA, lambda at: header(at, "ss_tag_frequency", '{"mengert": 32}')),
    "a key of the header": (KOHYA, lambda at: header(at, "mengert", "1")),
    "the words of a prompt in the header": (KOHYA, lambda at: header(at, "modelspec.trigger_phrase", "hollie drawing")),
    "the report": ("report.json", report),
    "no word on who was asked": ("README.md", without_the_sentence),
}


@pytest.mark.parametrize("way", EDITS)
def test_an_edited_release_that_was_signed_again_does_not_verify(way: str, release: Path, made: Ingredients) -> None:
    where, edit = EDITS[way]
    edit(release)
    signed_again(release, made.key)
    answer = verify(release)
    assert answer.status == "broken"
    assert {(finding.kind, finding.where) for finding in answer.findings} == {("name", where)}


def test_a_release_under_a_persons_name_does_not_verify_whoever_signed_it(release: Path, made: Ingredients) -> None:
    answer = verify(called(release, "Hollie Mengert", made.key, identifier="mengert"))
    assert answer.status == "broken" and {finding.kind for finding in answer.findings} == {"name"}
    named = {finding.where for finding in answer.findings}
    assert {"handstyle.json", "style.json", "weights/hollie-mengert.safetensors"} <= named


def test_a_file_called_after_somebody_does_not_verify(release: Path, made: Ingredients) -> None:
    (release / "licences").mkdir(exist_ok=True)
    (release / "licences" / "hollie-mengert.txt").write_text("thanks", encoding="utf-8")

    def listed(content: dict[str, Any]) -> None:
        content["files"].append({"path": "licences/hollie-mengert.txt", "sha256": "0" * 64, "size": 0})
        content["files"].sort(key=lambda file: str(file["path"]))

    signed_again(release, made.key, listed, at_face_value=True)
    signed_again(release, made.key)
    findings = verify(release).findings
    assert [(finding.kind, finding.where) for finding in findings] == [("name", "licences/hollie-mengert.txt")]


def test_the_statement_cannot_say_that_she_was_asked(release: Path, made: Ingredients) -> None:
    def asked(content: dict[str, Any]) -> None:
        content["lineage"]["involvement"] = "The work is by Hollie Mengert, who consented on 2026-01-01 (signed)."

    signed_again(release, made.key, asked)
    assert {finding.where for finding in verify(release).findings} == {"handstyle.json", "README.md"}


def test_credit_is_no_naming(release: Path) -> None:
    text = (release / "README.md").read_text(encoding="utf-8")
    assert text.count("Hollie Mengert") == 4 and verify(release).status == "intact"
    statement, _ = opened((release / "handstyle.json").read_bytes())
    assert "Hollie Mengert" in statement.lineage.involvement
