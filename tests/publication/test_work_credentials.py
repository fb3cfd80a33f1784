"""Do the credentials that works carry go along with the model, and only as far as they may?"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from ingredients import Ingredients
from tests.attacks.case import ANOTHER, KEY, drawing, needs_the_extra

from handstyle import digests
from handstyle.collection.rights import RightsRecord
from handstyle.collection.works import Collection, Work
from handstyle.generation.signature import MadeFrom
from handstyle.publication import credentials, renaming, work_credentials
from handstyle.publication.certificates import credentials_of
from handstyle.publication.credential_judgement import judged
from handstyle.publication.credentials import WEIGHTS, context_for, kept
from handstyle.publication.detection import detect
from handstyle.publication.foreign_seals import CREDENTIALS
from handstyle.publication.marking import Marking
from handstyle.publication.new_words import Asked
from handstyle.publication.work_credentials import WorkCredential, carried

OWN, ARTIST = credentials_of(KEY), credentials_of(ANOTHER)
PERMITTED = ("train", "publish-model", "show-works")
MANIFEST = {
    "claim_generator_info": [{"name": "paint program", "version": "1"}],
    "title": "Heron at dusk",
    "assertions": [
        {
            "label": "c2pa.actions.v2",
            "data": {"actions": [{"action": "c2pa.created",
                                  "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCreation"}]},
        }
    ],
}  # fmt: skip


def signed_work(*, thumbnail: bool = False, ingredient: bytes | None = None, kind: str = "PNG") -> bytes:
    """A drawing that the artist's own program signed, with the artist's own certificate."""
    import c2pa

    page, file, mime = io.BytesIO(), io.BytesIO(), f"image/{kind.lower()}"
    drawing(64).save(page, kind)
    settings = {
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
        "builder": {"thumbnail": {"enabled": thumbnail}},
        "trust": {"user_anchors": ARTIST.root_pem.decode()},
    }
    info = c2pa.C2paSignerInfo(b"es256", ARTIST.chain_pem, ARTIST.key_pem, None)
    with (
        c2pa.Context.from_dict(settings) as context,
        c2pa.Signer.from_info(info) as signer,
        c2pa.Builder(MANIFEST, context) as builder,
    ):
        if ingredient is not None:
            sketch = {"title": "sketch", "relationship": "componentOf", "label": "sketch"}
            builder.add_ingredient(sketch, "image/png", io.BytesIO(ingredient))
        builder.sign(signer, mime, io.BytesIO(page.getvalue()), file)
    return file.getvalue()


def collection_of(folder: Path, data: bytes, rights: RightsRecord, kind: Any = "PNG") -> Collection:
    (folder / "heron.png").write_bytes(data)
    work = Work(
        name="heron.png",
        file_format=kind,
        file_sha256=digests.of_bytes(data),
        pixels_sha256="d" * 64,
        width=64,
        height=64,
        caption="a heron",
        caption_from="file name",
        rights=rights.digest,
    )
    return Collection(works=(work,), rights={rights.digest: rights})


def model(collection: Collection, folder: Path, ingredients: Ingredients) -> credentials.Model:
    weights = ingredients.evidence / "style.safetensors"
    return kept(folder / "kept", weights, ingredients.style, [(collection, folder)], OWN)


def told(made: credentials.Model, ingredients: Ingredients) -> dict[str, Any]:
    import c2pa

    weights = (ingredients.evidence / "style.safetensors").read_bytes()
    with (
        context_for([OWN.root]) as context,
        c2pa.Reader(WEIGHTS, io.BytesIO(weights), manifest_data=made.sidecar, context=context) as reader,
    ):
        said: dict[str, Any] = json.loads(reader.json())
        return said


def work_in(said: dict[str, Any]) -> dict[str, Any]:
    ingredients = said["manifests"][said["active_manifest"]]["ingredients"]
    (work,) = [part for part in ingredients if part["format"] != WEIGHTS]
    found: dict[str, Any] = work
    return found


@pytest.fixture
def shown(permission: Callable[..., RightsRecord]) -> RightsRecord:
    return permission(permits=PERMITTED)


@needs_the_extra
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_the_chain_begins_with_the_artists_own_signature(
    kind: str, shown: RightsRecord, ingredients: Ingredients, tmp_path: Path
) -> None:
    collection = collection_of(tmp_path, signed_work(kind=kind), shown, kind)
    made = model(collection, tmp_path, ingredients)
    said = told(made, ingredients)
    work = work_in(said)
    assert work["instance_id"] == f"urn:sha256:{collection.works[0].file_sha256}"
    assert said["manifests"][work["active_manifest"]]["title"] == "Heron at dusk"
    style = ingredients.style
    picture = Marking(KEY, [made])(drawing(), MadeFrom("b", style.base.sha256, (style.tensors,)))
    found = judged(picture, "PNG", [OWN.root])
    assert found is not None and (found.state, found.works, found.works_with_credentials) == ("trusted", 1, 1)
    assert judged(picture, "PNG", [ARTIST.root]).state == "by a stranger", "who signed a work has signed no picture"  # type: ignore[union-attr]


@needs_the_extra
def test_no_thumbnail_comes_along(shown: RightsRecord, ingredients: Ingredients, tmp_path: Path) -> None:
    data = signed_work(thumbnail=True)
    assert work_credentials.size_of_store(data) > 3 * work_credentials.size_of_store(signed_work())
    made = model(collection_of(tmp_path, data, shown), tmp_path, ingredients)
    said = told(made, ingredients)
    assert work_in(said)["active_manifest"], "and the signature still does"
    assert not list(work_credentials.thumbnails_in(said)) and b"JFIF" not in made.sidecar


@needs_the_extra
def test_nor_one_of_what_a_work_was_made_from(shown: RightsRecord, ingredients: Ingredients, tmp_path: Path) -> None:
    data = signed_work(thumbnail=True, ingredient=signed_work(thumbnail=True))
    made = model(collection_of(tmp_path, data, shown), tmp_path, ingredients)
    assert not list(work_credentials.thumbnails_in(told(made, ingredients))) and b"JFIF" not in made.sidecar


@needs_the_extra
def test_without_permission_to_show_it_stays_at_home(
    permission: Callable[..., RightsRecord], ingredients: Ingredients, tmp_path: Path
) -> None:
    collection = collection_of(tmp_path, signed_work(), permission(permits=("train", "publish-model")))
    made = model(collection, tmp_path, ingredients)
    assert b"Heron" not in made.sidecar and b"paint program" not in made.sidecar
    assert work_in(told(made, ingredients))["instance_id"] == f"urn:sha256:{collection.works[0].file_sha256}"


@needs_the_extra
@pytest.mark.parametrize("what", ["altered", "gone", "another", "too large"])
def test_one_that_does_not_hold_is_left_out(
    what: str, shown: RightsRecord, ingredients: Ingredients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = signed_work()
    if what == "altered":
        data = data[:-20] + bytes([data[-20] ^ 1]) + data[-19:]
    collection = collection_of(tmp_path, data, shown)
    if what == "gone":
        (tmp_path / "heron.png").unlink()
    if what == "another":
        (tmp_path / "heron.png").write_bytes(signed_work())
    if what == "too large":
        monkeypatch.setattr(work_credentials, "LARGEST", 100)
    assert not carried([(collection, tmp_path)])
    assert work_in(told(model(collection, tmp_path, ingredients), ingredients)).get("active_manifest") is None


@needs_the_extra
def test_a_model_that_would_grow_too_large_names_its_works_only(
    shown: RightsRecord, ingredients: Ingredients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "LARGEST_SIDECAR", 1000)
    made = model(collection_of(tmp_path, signed_work(), shown), tmp_path, ingredients)
    assert work_in(told(made, ingredients)).get("active_manifest") is None


def test_without_the_extra_nothing_is_looked_for(
    shown: RightsRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_credentials.importlib.util, "find_spec", lambda name: None)
    assert not carried([(collection_of(tmp_path, b"anything", shown), tmp_path)])


@needs_the_extra
def test_an_artists_own_drawing_is_not_told_to_be_a_models(tmp_path: Path) -> None:
    path = tmp_path / "heron.png"
    path.write_bytes(signed_work())
    found = detect(path)
    assert (
        found.status == "signed" and found.words == "signed in its credential, which does not say that a model drew it"
    )


@needs_the_extra
def test_whoever_looks_at_a_picture_is_told_how_many_works_are_signed(
    shown: RightsRecord, ingredients: Ingredients, tmp_path: Path
) -> None:
    made = model(collection_of(tmp_path, signed_work(), shown), tmp_path, ingredients)
    path = tmp_path / "picture.png"
    path.write_bytes(Marking(KEY, [made])(drawing(), MadeFrom("b", "b" * 64, ("a" * 64,))))
    assert "credential: it names 1 works that the model learnt from, by digest; 1 of them are signed themselves" in (
        detect(path).notes
    )


@needs_the_extra
@pytest.mark.parametrize(("says", "goes_along"), [("Heron at dusk", True), ("A study for Soft Outline", False)])
def test_under_another_name_one_that_tells_the_old_name_stays_behind(
    says: str, goes_along: bool, release: Path, ingredients: Ingredients, tmp_path: Path
) -> None:
    own = {ingredients.collection.works[0].file_sha256: WorkCredential("image/png", signed_work(), (), says)}
    asked = Asked("Quiet lines", None, date(2026, 12, 1))
    (tmp_path / "renamed").mkdir()
    renaming.release(release, tmp_path / "renamed", asked, KEY, None, own)
    sidecar = (tmp_path / "renamed" / CREDENTIALS / "diffusers-lora.c2pa").read_bytes()
    assert (b"paint program" in sidecar) == goes_along
