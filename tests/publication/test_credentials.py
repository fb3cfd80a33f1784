"""Do credentials lead from works to model to picture, show no work, and fit nothing else?"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ingredients import DIFFUSERS, Ingredients, collected
from PIL import Image
from tests.attacks.case import ANOTHER, KEY, drawing, needs_the_extra

from handstyle.collection.rights import RightsRecord
from handstyle.generation.signature import MadeFrom
from handstyle.publication import credentials
from handstyle.publication.certificates import credentials_of
from handstyle.publication.credential_judgement import judged
from handstyle.publication.credentials import Model, kept, of_model, opened, with_credential
from handstyle.publication.disclosure import published_collection
from handstyle.publication.foreign_seals import CREDENTIALS
from handstyle.publication.marking import Marking

OWN, OTHERS = credentials_of(KEY), credentials_of(ANOTHER)


def model_of(ingredients: Ingredients, place: Path) -> Model:
    weights = ingredients.evidence / "style.safetensors"
    return kept(place, weights, ingredients.style, [(ingredients.collection, ingredients.evidence)], OWN)


def store_of(data: bytes) -> dict[str, Any]:
    """All manifests of a picture, as the library tells them."""
    import c2pa

    context = c2pa.Context.from_dict({"trust": {"user_anchors": OWN.root_pem.decode()}})
    with c2pa.Reader("image/png", io.BytesIO(data), context=context) as reader:
        said: dict[str, Any] = json.loads(reader.json())
        return said


@pytest.fixture
def drawn(ingredients: Ingredients, tmp_path: Path) -> bytes:
    style = ingredients.style
    made = MadeFrom("small-base", style.base.sha256, (style.tensors,), (style.collection,))
    return Marking(KEY, [model_of(ingredients, tmp_path)])(drawing(), made)


@needs_the_extra
def test_a_picture_holds_its_model_and_its_model_every_work(drawn: bytes, ingredients: Ingredients) -> None:
    said = store_of(drawn)
    assert said["validation_state"] == "Trusted"
    picture = said["manifests"][said["active_manifest"]]
    model, base = picture["ingredients"]
    assert (model["title"], model["relationship"]) == (ingredients.style.name, "inputTo")
    assert base["instance_id"] == f"urn:sha256:{ingredients.style.base.sha256}"
    trained = said["manifests"][model["active_manifest"]]
    works = {work["instance_id"] for work in trained["ingredients"]}
    assert {f"urn:sha256:{work.file_sha256}" for work in ingredients.collection.works} <= works


@needs_the_extra
def test_a_picture_says_that_a_model_made_it_and_that_it_is_marked(drawn: bytes) -> None:
    said = store_of(drawn)
    assertions = {part["label"]: part["data"] for part in said["manifests"][said["active_manifest"]]["assertions"]}
    created, watermarked = assertions["c2pa.actions.v2"]["actions"]
    assert created["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert watermarked["action"] == "c2pa.watermarked" and "c2pa.soft-binding" in assertions
    found = judged(drawn, "PNG", [OWN.root])
    assert found is not None and found.state == "trusted" and found.generated and len(found.models) == 1


@needs_the_extra
def test_no_work_is_shown_or_named_where_it_may_not_be(drawn: bytes, ingredients: Ingredients, tmp_path: Path) -> None:
    for secret in (b"thumbnail", b"hidden caption"):
        assert secret not in drawn
    text = json.dumps(store_of(drawn))
    assert "secret-0.png" in text, "an open licence lets it be named"


@needs_the_extra
def test_a_name_stays_at_home_without_permission_to_show(
    permission: Callable[..., RightsRecord], ingredients: Ingredients, tmp_path: Path
) -> None:
    collection = collected(permission(permits=("train", "publish-model")), permission(permits=("train", "show-works")))
    style = ingredients.style.model_copy(update={"collection": collection.digest})
    weights = ingredients.evidence / "style.safetensors"
    sidecar = of_model(weights, style, [published_collection(collection)], OWN)
    assert b"secret-0" not in sidecar and b"secret-1" in sidecar
    assert collection.works[0].file_sha256.encode() in sidecar


@needs_the_extra
def test_a_models_credential_fits_its_weights_alone(ingredients: Ingredients, tmp_path: Path) -> None:
    weights = ingredients.evidence / "style.safetensors"
    model = model_of(ingredients, tmp_path)
    assert opened("x", weights, model.sidecar, [OWN.root]) is not None
    assert opened("x", weights, model.sidecar, [OTHERS.root]) is None, "by a certificate that nobody named"
    assert opened("x", weights, model.sidecar, []) is None
    changed = tmp_path / "changed.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    changed.write_bytes(data)
    assert opened("x", changed, model.sidecar, [OWN.root]) is None
    assert opened("x", weights, b"no credential", [OWN.root]) is None


@needs_the_extra
def test_it_is_made_once_and_again_where_it_does_not_fit(ingredients: Ingredients, tmp_path: Path) -> None:
    first = model_of(ingredients, tmp_path)
    assert model_of(ingredients, tmp_path).sidecar == first.sidecar
    (path,) = tmp_path.glob("*.c2pa")
    path.write_bytes(b"damaged")
    again = model_of(ingredients, tmp_path)
    assert again.sidecar == path.read_bytes() != b"damaged"


@needs_the_extra
def test_a_release_carries_one_for_each_file_of_weights(release: Path, ingredients: Ingredients) -> None:
    sidecar = (release / CREDENTIALS / "diffusers-lora.c2pa").read_bytes()
    anchors = [credentials_of(ingredients.key).root]
    assert opened("x", release / DIFFUSERS, sidecar, anchors) is not None


@needs_the_extra
def test_a_file_without_a_credential_has_none() -> None:
    assert judged(Marking(KEY)(drawing(64), MadeFrom("b", "b" * 64)), "PNG", [OWN.root]) is None


def test_without_the_extra_a_credential_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "is_installed", lambda: False)
    png = b"\x89PNG\r\n\x1a\n\0\0\0\x01caBXx\0\0\0\0"
    found = judged(png, "PNG", [])
    assert found is not None and found.state == "not looked for"


@needs_the_extra
def test_pixels_are_the_same_with_and_without(drawn: bytes) -> None:
    plain = Marking(KEY)(drawing(), MadeFrom("small-base", "b" * 64))
    signed = with_credential(plain, MadeFrom("b", "b" * 64), [], OWN, None)
    assert Image.open(io.BytesIO(signed)).tobytes() == Image.open(io.BytesIO(plain)).tobytes()
