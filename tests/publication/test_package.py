"""Is a release whole, never overwritten, and does it keep what may not be shown to itself?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ingredients import ALPHA, EMBEDDED, TODAY, Ingredients, collected, mozilla, numbers, report_on, style_of

from handstyle import digests
from handstyle.collection.rights import RightsRecord
from handstyle.errors import RecordDamaged, ReleaseBroken, UsageMistake, WorkspaceBusy, WriteFailed
from handstyle.finetuning.recipe import Recipe
from handstyle.keys import fingerprint
from handstyle.publication import exports, model_signature, package
from handstyle.publication.clearance import clearance
from handstyle.publication.disclosure import PublishedCollection
from handstyle.publication.provenance import Weights, opened
from handstyle.publication.verification import Verification, verify
from handstyle.records import load_json
from handstyle.tensor_files import digest, write_tensors

Permission = Callable[..., RightsRecord]


def test_a_release_holds_everything_and_verifies(ingredients: Ingredients, release: Path) -> None:
    names = {path.relative_to(release).as_posix() for path in release.rglob("*") if path.is_file()}
    (licence,) = (name for name in names if name.startswith("licences/"))
    assert {name for name in names - {licence} if not for_other_tools(name)} == {
        *("README.md", "LICENSE.md", "collection.json", "recipe.toml", "style.json", "report.json", "report.html"),
        *("croissant.json", "bom.cdx.json", "TRAINING_SUMMARY.md"),
        *("weights/pytorch_lora_weights.safetensors", "weights/soft-outline.safetensors", "handstyle.json"),
    }
    found = verify(release)
    assert (found.status, found.findings) == ("intact", ())
    assert found.words == f"intact, signer {fingerprint(ingredients.key.public_key())} unknown"
    assert Recipe.from_toml(release / "recipe.toml").lora_alpha == ALPHA


def test_the_same_ingredients_are_the_same_release(ingredients: Ingredients, tmp_path: Path) -> None:
    """Byte for byte but for the credentials of other tools, which hold a moment and a number of chance."""
    one, two = (ingredients.assemble(tmp_path / name) for name in ("one", "two"))
    statements = [opened((folder / "handstyle.json").read_bytes())[0] for folder in (one, two)]
    listed = [[file for file in statement.files if not for_other_tools(file.path)] for statement in statements]
    assert listed[0] == listed[1] and len(listed[0]) >= 9
    if not any(for_other_tools(file.path) for file in statements[0].files):
        assert (one / "handstyle.json").read_bytes() == (two / "handstyle.json").read_bytes()


def for_other_tools(path: str) -> bool:
    return path.startswith("credentials/") or path in (model_signature.SIGNATURE, model_signature.CERTIFICATE)


def test_a_release_is_never_overwritten(ingredients: Ingredients, release: Path) -> None:
    before = (release / "handstyle.json").read_bytes()
    with pytest.raises(UsageMistake, match="never overwritten"):
        ingredients.assemble(release)
    assert (release / "handstyle.json").read_bytes() == before


def test_a_disk_that_is_full_leaves_nothing_behind(
    ingredients: Ingredients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(WriteFailed, match="No space left"):
        ingredients.assemble(tmp_path / "release")
    assert list(tmp_path.iterdir()) == []


def test_stopping_halfway_leaves_nothing_behind(
    ingredients: Ingredients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(package, "verify", stop)
    with pytest.raises(KeyboardInterrupt):
        ingredients.assemble(tmp_path / "release")
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_belong_together_is_not_published(ingredients: Ingredients, tmp_path: Path) -> None:
    other = ingredients.report.model_copy(update={"style": "c" * 64})
    files = {"report.json": digests.canonical(other.as_json()), "report.html": b""}
    with pytest.raises(ReleaseBroken, match="not published") as refused:
        ingredients.assemble(tmp_path / "release", report_files=files)
    assert "report.json" in refused.value.faults[0]
    assert list(tmp_path.iterdir()) == []


def test_hidden_works_keep_their_names_and_captions(
    ingredients: Ingredients, tmp_path: Path, permission: Permission
) -> None:
    collection = collected(mozilla(), permission(permits=("train", "publish-model", "commercial")))
    style = style_of(collection, ingredients.style.tensors)
    report = report_on(style)
    release = ingredients.assemble(
        tmp_path / "release",
        collection=collection,
        style=style,
        cleared=clearance(collection, style, report, "Soft outline", on=TODAY),
        report_files={"report.json": digests.canonical(report.as_json()), "report.html": b""},
    )
    published = PublishedCollection.load(release / "collection.json")
    assert {(work.name, work.caption) for work in published.works} == {
        ("secret-0.png", "hidden caption 0"),
        (None, None),
    }
    everything = b"".join(path.read_bytes() for path in release.rglob("*") if path.is_file())
    assert b"secret-1" not in everything and b"hidden caption 1" not in everything
    assert b"letter.pdf" not in everything, "the letter that proves a permission stays at home"
    assert style.base.source and style.base.source.encode() not in everything, "where the base lay is no one's concern"
    assert style.collection == published.collection == collection.digest


def test_no_file_of_weights_tells_what_was_trained_on(release: Path) -> None:
    for path in (release / "weights").iterdir():
        header, _ = digests.safetensors_header(path)
        told = str(header["__metadata__"])
        assert "caption" not in told and "secret" not in told and "ss_tag" not in told


def test_licence_texts_go_along_and_must_be_the_ones_that_were_recorded(
    ingredients: Ingredients, tmp_path: Path, release: Path
) -> None:
    (text,) = (release / "licences").iterdir()
    assert text.read_text() == "Apache License\n"
    with pytest.raises(RecordDamaged, match="gone or have changed") as refused:
        ingredients.assemble(tmp_path / "other", evidence_folders=[])
    assert refused.value.faults == ("LICENSE.md",)


def test_the_chain_is_signed_link_by_link(ingredients: Ingredients, release: Path) -> None:
    statement, _ = opened((release / "handstyle.json").read_bytes())
    lineage = statement.lineage
    assert lineage.collection == ingredients.collection.digest
    assert (
        lineage.recipe
        == ingredients.style.recipe.digest
        == digests.of_json(load_json(release / "style.json")["recipe"])
    )
    assert lineage.base == ingredients.style.base.sha256
    assert lineage.tensors == ingredients.style.tensors
    assert lineage.report == ingredients.report.digest


@pytest.mark.parametrize("level", ["", "text_model."])
def test_a_full_finetuning_is_released_and_verified_too(ingredients: Ingredients, tmp_path: Path, level: str) -> None:
    tensors = {"unet.conv_in.weight": numbers((2, 2), 1), f"text_encoder.{level}norm.weight": numbers((2,), 2)}
    own = write_tensors(tmp_path / "style.safetensors", tensors, {})
    style = style_of(ingredients.collection, digest(tensors), method="full")
    report = report_on(style)
    cleared = clearance(ingredients.collection, style, report, "Soft outline", on=TODAY)
    written = exports.write_files(tmp_path / "weights", style, own, EMBEDDED, cleared)
    release = ingredients.assemble(
        tmp_path / "release",
        style=style,
        cleared=cleared,
        weights_folder=tmp_path / "weights",
        weights=tuple(
            Weights(path=path, format=format, tensors=inside, largest_difference=0.0)
            for path, format, inside in written
        ),
        report_files={"report.json": digests.canonical(report.as_json()), "report.html": b""},
    )
    assert verify(release).status == "intact"
    assert (release / "weights" / "unet" / "config.json").read_bytes() == (EMBEDDED / "unet/config.json").read_bytes()


def test_what_a_killed_publication_left_is_gone_with_the_next(ingredients: Ingredients, tmp_path: Path) -> None:
    for name in (".release.abc.part/weights", ".release-2.abc.part"):
        (tmp_path / "out" / name).mkdir(parents=True)
    (tmp_path / "out" / ".release.lock").write_text("")
    ingredients.assemble(tmp_path / "out" / "release")
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert left == {"release", ".release-2.abc.part"}, "of another name another process may be making"


def test_nobody_else_publishes_under_the_same_name_meanwhile(
    ingredients: Ingredients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, refused = tmp_path / "out" / "release", []

    def another_comes(folder: Path) -> Verification:
        with pytest.raises(WorkspaceBusy, match="another handstyle process is publishing") as busy:
            ingredients.assemble(target)
        refused.append(busy)
        return verify(folder)

    monkeypatch.setattr(package, "verify", another_comes)
    ingredients.assemble(target)
    assert len(refused) == 1 and verify(target).status == "intact"
    assert [path.name for path in target.parent.iterdir()] == ["release"]
