"""Does a style get its new name everywhere, with the same weights, and is nothing left of the old one?"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from huggingface_hub import ModelCard
from ingredients import DIFFUSERS, KOHYA, TODAY, Ingredients, called, gathered, low_rank_tensors, signature_with

from handstyle import digests
from handstyle.collection.rights import RightsRecord
from handstyle.errors import GateClosed, ReleaseBroken, UsageMistake
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.keys import fingerprint
from handstyle.publication import card, new_words, renaming
from handstyle.publication.disclosure import COLLECTION, PublishedCollection
from handstyle.publication.new_words import Asked
from handstyle.publication.renaming import Renamed
from handstyle.publication.verification import verify
from handstyle.tensor_files import metadata_of, write_tensors

Permission = Callable[..., RightsRecord]
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
DAY = date(2026, 12, 1)


def renamed(source: Path, title: str, identifier: str | None = None, key: Ed25519PrivateKey = OTHER_KEY) -> Renamed:
    into = source.with_name("renamed")
    into.mkdir()
    return renaming.release(source, into, Asked(title, identifier, DAY), key)


def everything_in(folder: Path) -> bytes:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return b"\n".join(str(path.relative_to(folder)).encode() + path.read_bytes() for path in files)


@pytest.fixture
def of_ana(tmp_path: Path, permission: Permission) -> Ingredients:
    (tmp_path / "made").mkdir()
    return gathered(tmp_path / "made", permission())


@pytest.fixture
def named_after_ana(of_ana: Ingredients, tmp_path: Path) -> Path:
    """A release called after somebody who did not permit that, as in 2022."""
    release = of_ana.assemble(tmp_path / "old")
    return called(release, "Ana Ruiz pencil", of_ana.key, identifier="anaruiz")


def test_the_old_name_is_nowhere_and_the_weights_are_the_same(release: Path) -> None:
    made, folder = renamed(release, "Quiet lines"), release.with_name("renamed")
    assert verify(folder).status == "intact"
    content = everything_in(folder).lower()
    assert b"soft outline" not in content and b"soft-outline" not in content
    style = TrainedStyle.load(release / "style.json")
    assert (made.name, made.tensors, made.left_out) == ("quiet-lines", style.tensors, ())
    kohya = folder / "weights" / "quiet-lines.safetensors"
    for new, old in ((kohya, release / KOHYA), (folder / DIFFUSERS, release / DIFFUSERS)):
        assert digests.of_tensor_file(new) == digests.of_tensor_file(old)
        assert tensors_of(new) == tensors_of(old)
    assert metadata_of(kohya)["modelspec.title"] == "Quiet lines"
    assert made.files_searched == sum(path.is_file() for path in folder.rglob("*"))


def tensors_of(path: Path) -> bytes:
    _, start = digests.safetensors_header(path)
    return path.read_bytes()[start:]


def test_the_old_release_is_left_as_it_was(release: Path) -> None:
    before = everything_in(release)
    renamed(release, "Quiet lines")
    assert everything_in(release) == before and verify(release).status == "intact"


def test_it_is_signed_by_whoever_renames_and_says_when(release: Path) -> None:
    made, folder = renamed(release, "Quiet lines"), release.with_name("renamed")
    assert made.signer == verify(folder).signer == fingerprint(OTHER_KEY.public_key()) != made.signer_before
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "It got another name on 2026-12-01; the weights are the same." in card
    assert f"signer's key is `{made.signer}`" in card
    assert verify(folder).published == TODAY.isoformat()


def test_a_release_named_after_somebody_does_not_verify_until_it_is_renamed(named_after_ana: Path) -> None:
    answer = verify(named_after_ana)
    assert answer.status == "broken" and {finding.kind for finding in answer.findings} == {"name"}
    made, folder = renamed(named_after_ana, "Quiet lines"), named_after_ana.with_name("renamed")
    assert verify(folder).status == "intact"
    assert made.withdrew_identifier and made.identifier.startswith("hs")
    content = everything_in(folder).lower()
    assert b"anaruiz" not in content and b"ana ruiz pencil" not in content


def test_credit_stands(named_after_ana: Path) -> None:
    renamed(named_after_ana, "Quiet lines")
    card = (named_after_ana.with_name("renamed") / "README.md").read_text(encoding="utf-8")
    assert "The work is by Ana Ruiz, who permitted this in writing" in card
    assert "1 work by Ana Ruiz" in card
    assert "was never trained and calls it less surely" in card and "anaruiz" not in card
    data = ModelCard(card).data.to_dict()
    assert "ruiz" not in json.dumps(data).lower()


def test_words_of_the_training_that_name_somebody_are_put_away(of_ana: Ingredients, tmp_path: Path) -> None:
    recipe = of_ana.style.recipe.changed(template="{caption} by Ana Ruiz, {identifier}", class_words="ruiz drawing")
    place, into = tmp_path / "run" / "style", tmp_path / "new"
    write_tensors(place / "style.safetensors", low_rank_tensors(), {})
    of_ana.style.model_copy(update={"recipe": recipe}).save(place / "style.json")
    into.mkdir()
    renaming.run(place, None, of_ana.collection, None, Asked("Quiet lines", None, DAY), into)
    found = TrainedStyle.open(into / "style").recipe
    assert (found.template, found.class_words) == ("{caption}, {identifier}", "drawing")
    assert b"ruiz" not in everything_in(into).lower()


def test_the_report_speaks_of_the_same_tensors(named_after_ana: Path, of_ana: Ingredients) -> None:
    renamed(named_after_ana, "Quiet lines")
    report = json.loads((named_after_ana.with_name("renamed") / "report.json").read_text(encoding="utf-8"))
    assert report["style"] == of_ana.style.tensors and "ruiz" not in json.dumps(report).lower()


def test_the_identifier_stays_where_it_names_nobody(release: Path) -> None:
    made = renamed(release, "Quiet lines")
    assert (made.identifier, made.withdrew_identifier) == ("hndst", False)


def test_another_identifier_can_be_asked_for(release: Path) -> None:
    made = renamed(release, "Quiet lines", "qlines")
    folder = release.with_name("renamed")
    assert (made.identifier, made.withdrew_identifier) == ("qlines", True)
    assert b"hndst" not in everything_in(folder) and verify(folder).status == "intact"


def test_a_digest_or_a_signature_is_not_renamed(release: Path) -> None:
    style = TrainedStyle.load(release / "style.json")
    collections = {COLLECTION: PublishedCollection.load(release / COLLECTION)}
    words = new_words.words_for(Asked("Quiet lines", "hndsu", DAY), "Soft outline", style, None, collections)
    old, digest = words.identifier_before, "04a2d560200fcaa624ac6cda"
    signature = signature_with(old)
    assert words.say(f"a fox, {old}; {digest} {signature}") == f"a fox, hndsu; {digest} {signature}"
    assert not words.holds(signature)


@pytest.mark.parametrize("title", ["Ana Ruiz sketches", "an4 ru1z", "Ruiz"])
def test_the_new_name_must_be_nobodys_and_neutral_ones_are_offered(named_after_ana: Path, title: str) -> None:
    with pytest.raises(GateClosed) as refused:
        renamed(named_after_ana, title)
    assert refused.value.exit_code == 3 and "drawing" in refused.value.hint and "uiz" not in refused.value.hint


@pytest.mark.parametrize("title", ["Soft outline", "soft-OUTLINE", "Very soft outlines"])
def test_the_new_name_must_be_another(release: Path, title: str) -> None:
    with pytest.raises(UsageMistake):
        renamed(release, title)


def test_a_release_that_does_not_hold_is_not_signed_under_another_name(release: Path) -> None:
    card = release / "README.md"
    card.write_bytes(card.read_bytes() + b" ")
    with pytest.raises(ReleaseBroken, match="does not hold"):
        renamed(release, "Quiet lines")


def test_a_trace_that_is_left_stops_it(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card, "licence_text", lambda cleared: "See S0ft-0utline.")
    with pytest.raises(ReleaseBroken, match="could not be put away") as refused:
        renamed(release, "Quiet lines")
    assert refused.value.faults == ("LICENSE.md holds 'Soft outline'",)


def test_a_run_is_renamed_with_its_inspection(of_ana: Ingredients, tmp_path: Path) -> None:
    recipe = of_ana.style.recipe.changed(identifier="anaruiz")
    style = of_ana.style.model_copy(update={"recipe": recipe, "name": "ana-pencil"})
    place, inspection, into = tmp_path / "run" / "style", tmp_path / "inspection", tmp_path / "new"
    write_tensors(place / "style.safetensors", low_rank_tensors(), {"ss_output_name": "ana-pencil"})
    style.save(place / "style.json")
    (inspection / "pictures").mkdir(parents=True)
    of_ana.report.model_copy(update={"style_name": style.name}).save(inspection / "report.json")
    into.mkdir()
    made = renaming.run(place, inspection, of_ana.collection, None, Asked("Quiet lines", "qlines", DAY), into)
    found = TrainedStyle.open(into / "style")
    assert (found.name, found.recipe.identifier, found.tensors) == ("quiet-lines", "qlines", style.tensors)
    assert found.renamed[0].on == DAY and found.renamed[0].withdrew_identifier
    assert metadata_of(into / "style" / "style.safetensors") == {"ss_output_name": "quiet-lines"}
    assert (into / "inspection" / "report.html").is_file()
    assert b"anaruiz" not in everything_in(into) and b"ana-pencil" not in everything_in(into)
    assert made.signer is None
