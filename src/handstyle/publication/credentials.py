"""Which credentials do pictures and models carry for everybody else's tools?

C2PA manifests (https://spec.c2pa.org, 2.2): works -> model -> picture. A model's stands in a file of its own and names
the works by digest; a work that has a credential goes along with it, where it may be shown (`work_credentials.py`). A
picture's is inside it and holds the model's. Nothing shows a work: thumbnails are off, also those of the works' own
credentials, and a name is there only where its permission includes `show-works`.

c2pa-python is the extra `publish`; without it nothing here is written.
"""

from __future__ import annotations

import base64
import importlib.util
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509

from handstyle import __version__
from handstyle.collection.content_credentials import MIME
from handstyle.collection.works import Collection
from handstyle.errors import RecordDamaged
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.generation.signature import MadeFrom, Watermark
from handstyle.publication import picture_actions
from handstyle.publication.certificates import Credentials, pem, sha256_of
from handstyle.publication.disclosure import PublishedCollection, PublishedWork, published_collection
from handstyle.publication.work_credentials import WorkCredential, carried, thumbnails_in
from handstyle.records import read_whole, write

WEIGHTS = "application/octet-stream"
LEARNT = "http://c2pa.org/digitalsourcetype/trainedAlgorithmicData"
SIDECAR = "model-{number}.c2pa"
NOT_INSTALLED = "no C2PA credential is in them: `pip install handstyle[publish]` brings what writes one"
LARGEST_STORE = 16 << 20  # bytes of the credentials in a picture
LARGEST_SIDECAR = 1 << 20  # bytes; every picture holds it once more


@dataclass(frozen=True)
class Model:
    """A style's credential, as its pictures hold it."""

    title: str
    sidecar: bytes
    manifest: str  # its name inside the sidecar
    results: Mapping[str, Any]  # of its validation


def is_installed() -> bool:
    return importlib.util.find_spec("c2pa") is not None


def of_model(
    weights: Path,
    style: TrainedStyle,
    collections: Sequence[PublishedCollection],
    credentials: Credentials,
    own: Mapping[str, WorkCredential] | None = None,
) -> bytes:
    """The sidecar of a file of weights, with every work it learnt from as an ingredient by digest; `own` are the
    credentials of works, by the digest of the work's file. Where they would make it too large, none is in it."""
    own = own or {}
    sidecar = _sidecar(weights, style, collections, credentials, own)
    if own and (len(sidecar) > LARGEST_SIDECAR or any(thumbnails_in(_told(weights, sidecar)))):
        return _sidecar(weights, style, collections, credentials, {})
    return sidecar


def _sidecar(
    weights: Path,
    style: TrainedStyle,
    collections: Sequence[PublishedCollection],
    credentials: Credentials,
    own: Mapping[str, WorkCredential],
) -> bytes:
    import c2pa

    facts = {"tensors": style.tensors, "collection": style.collection, "recipe": style.recipe.digest}
    works = [work for found in collections for work in found.works if work.trained_on]
    made = {"action": "c2pa.created", "digitalSourceType": LEARNT}
    manifest = _manifest(
        style.name,
        [made],
        {"c2pa.asset-type": {"types": [{"type": "c2pa.types.model.pytorch"}]}, "org.handstyle.style": facts},
        [*(_work(work) for work in works if work.file_sha256 not in own), _base(style.base.name, style.base.sha256)],
    )
    along = [work for work in works if work.file_sha256 in own]
    if hidden := [name for work in along for name in own[work.file_sha256].thumbnails]:
        manifest["redactions"] = hidden
    with (
        context_for([credentials.root]) as context,
        _signer(credentials) as signer,
        c2pa.Builder(manifest, context) as builder,
    ):
        builder.set_no_embed()
        for work in along:
            found = own[work.file_sha256]
            with io.BytesIO(found.data) as file:
                builder.add_ingredient({**_work(work), "format": found.mime}, found.mime, file)
        with weights.open("rb") as file:
            return bytes(builder.sign(signer, WEIGHTS, file, io.BytesIO()))


def _work(work: PublishedWork) -> dict[str, str]:
    return {
        "title": work.name or f"work {work.file_sha256[:16]}",
        "format": "image/*",
        "relationship": "inputTo",
        "instance_id": f"urn:sha256:{work.file_sha256}",
        "description": f"pixels sha256 {work.pixels_sha256}",
    }


def _told(weights: Path, sidecar: bytes) -> Any:
    import c2pa

    with (
        weights.open("rb") as file,
        context_for([]) as context,
        c2pa.Reader(WEIGHTS, file, manifest_data=sidecar, context=context) as reader,
    ):
        return json.loads(reader.json())


def opened(title: str, weights: Path, sidecar: bytes, anchors: Sequence[x509.Certificate]) -> Model | None:
    """A model's credential, if it fits these weights and leads to one of these certificates."""
    import c2pa

    try:
        with (
            weights.open("rb") as file,
            context_for(anchors) as context,
            c2pa.Reader(WEIGHTS, file, manifest_data=sidecar, context=context) as reader,
        ):
            said = json.loads(reader.json())
            fits = reader.get_validation_state() == "Trusted"
    except (c2pa.C2paError, ValueError):
        return None
    return Model(title, sidecar, said["active_manifest"], said["validation_results"]) if fits else None


def kept(
    place: Path,
    weights: Path,
    style: TrainedStyle,
    collections: Sequence[tuple[Collection, Path]],
    credentials: Credentials,
) -> Model:
    """The credential of a style in `place`, made where there is none that fits. Each collection comes with the folder
    of its originals. Raises RecordDamaged."""
    path = place / f"{style.tensors[:16]}-{sha256_of(credentials.leaf)[:16]}.c2pa"
    anchors = [credentials.root]
    model = opened(style.name, weights, read_whole(path, LARGEST_STORE), anchors) if path.is_file() else None
    if model is None:
        published = [published_collection(collection) for collection, _ in collections]
        sidecar = of_model(weights, style, published, credentials, carried(collections))
        model = opened(style.name, weights, sidecar, anchors)
        if model is None:
            raise RecordDamaged(f"the credential of {weights} does not verify", hint="Try again.")
        write(path, sidecar)
    return model


def with_credential(
    png: bytes, made: MadeFrom, models: Sequence[Model], credentials: Credentials, watermark: Watermark | None
) -> bytes:
    """The file with a manifest inside. It is another one each time; the pixels are the same."""
    import c2pa

    ingredients = [
        {
            "title": model.title,
            "format": WEIGHTS,
            "relationship": "inputTo",
            "label": f"model-{number}",
            "manifest_data": {"format": "application/c2pa", "identifier": SIDECAR.format(number=number)},
            "active_manifest": model.manifest,
            "validation_results": model.results,
        }
        for number, model in enumerate(models)
    ]
    ingredients += [
        {**_base("style of another tool", tensors), "label": f"unknown-{number}"}
        for number, tensors in enumerate(made.of_other_tools)
    ]
    ingredients.append({**_base(made.base_name, made.base), "label": "base"})
    ingredients += picture_actions.source_ingredients(made)
    labels = [str(ingredient["label"]) for ingredient in ingredients]
    actions = picture_actions.actions(made, labels, watermark)
    bound = {} if watermark is None else {"c2pa.soft-binding": _soft_binding(watermark)}
    manifest = _manifest("sheet" if made.is_sheet else "picture", actions, bound, ingredients)
    file = io.BytesIO()
    with (
        context_for([credentials.root]) as context,
        _signer(credentials) as signer,
        c2pa.Builder(manifest, context) as builder,
    ):
        for number, model in enumerate(models):
            builder.add_resource(SIDECAR.format(number=number), io.BytesIO(model.sidecar))
        builder.sign(signer, MIME["PNG"], io.BytesIO(png), file)
    return file.getvalue()


def _manifest(
    title: str, actions: Sequence[Mapping[str, Any]], assertions: Mapping[str, Any], ingredients: Sequence[Any]
) -> dict[str, Any]:
    return {
        "claim_generator_info": [{"name": "handstyle", "version": __version__}],
        "title": title,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": list(actions)}},
            *({"label": label, "data": facts} for label, facts in assertions.items()),
        ],
        "ingredients": list(ingredients),
    }


def _soft_binding(watermark: Watermark) -> dict[str, Any]:
    """Which mark the action speaks of (C2PA 2.2, 18.10). Our method is on no list yet, so other tools only show it."""
    value = base64.b64encode(bytes.fromhex(watermark.payload)).decode()
    return {"alg": f"org.handstyle.{watermark.method}", "blocks": [{"scope": {}, "value": value}]}


def _base(name: str, sha256: str) -> dict[str, Any]:
    return {
        "title": name or "base model", "format": WEIGHTS, "relationship": "inputTo",
        "instance_id": f"urn:sha256:{sha256}",
    }  # fmt: skip


def context_for(anchors: Sequence[x509.Certificate]) -> Any:
    import c2pa

    return c2pa.Context.from_dict(
        {
            "verify": {
                "verify_after_sign": True, "verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False,
            },
            "builder": {"thumbnail": {"enabled": False}},
            "trust": {"user_anchors": pem(anchors).decode()} if anchors else {},
        }
    )  # fmt: skip


def _signer(credentials: Credentials) -> Any:
    import c2pa

    info = c2pa.C2paSignerInfo(b"es256", credentials.chain_pem, credentials.key_pem, None)
    try:
        return c2pa.Signer.from_info(info)
    except c2pa.C2paError as error:
        raise RecordDamaged(
            f"the certificate of your key cannot sign: {error}", hint="Check the clock of this computer."
        ) from error
