"""Which credentials do pictures and models carry for everybody else's tools, and what are those of a file worth?

C2PA manifests (https://spec.c2pa.org, 2.2): works -> model -> picture. A model's stands in a file of its own and names
the works by digest; a picture's is inside it and holds the model's. Nothing shows a work: thumbnails are off, and a
name is there only where its permission includes `show-works`.

c2pa-python is the extra `publish`; without it nothing here is written or judged. "Valid" means to that library that
somebody signed: only a certificate that the verifier has named makes a credential trusted.
"""

from __future__ import annotations

import base64
import importlib.util
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cryptography import x509

from handstyle import __version__
from handstyle.collection.content_credentials import MIME
from handstyle.collection.formats import FileFormat
from handstyle.collection.works import Collection
from handstyle.errors import RecordDamaged
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.generation.signature import MadeFrom, Watermark
from handstyle.publication.certificates import Credentials, pem, sha256_of
from handstyle.publication.disclosure import PublishedCollection, published_collection
from handstyle.records import Record, read_whole, write

WEIGHTS = "application/octet-stream"
DRAWN = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
LEARNT = "http://c2pa.org/digitalsourcetype/trainedAlgorithmicData"
SIDECAR = "model-{number}.c2pa"
NOT_INSTALLED = "no C2PA credential is in them: `pip install handstyle[publish]` brings what writes one"
LARGEST_STORE = 16 << 20  # bytes of the credentials in a picture

State = Literal["trusted", "by a stranger", "broken", "unreadable", "not looked for"]


class Credential(Record):
    """What the credential of a file is worth. `trusted`: by a certificate that the verifier named."""

    state: State
    words: str
    issuer: str | None = None  # as the certificate calls itself
    generated: bool = False  # it says that a model made the picture
    models: tuple[str, ...] = ()  # what it says that model was
    faults: tuple[str, ...] = ()


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
    weights: Path, style: TrainedStyle, collections: Sequence[PublishedCollection], credentials: Credentials
) -> bytes:
    """The sidecar of a file of weights, with every work it learnt from as an ingredient by digest."""
    import c2pa

    facts = {"tensors": style.tensors, "collection": style.collection, "recipe": style.recipe.digest}
    ingredients = [
        {
            "title": work.name or f"work {work.file_sha256[:16]}",
            "format": "image/*",
            "relationship": "inputTo",
            "instance_id": f"urn:sha256:{work.file_sha256}",
            "description": f"pixels sha256 {work.pixels_sha256}",
        }
        for works in collections
        for work in works.works
        if work.trained_on
    ]
    made = {"action": "c2pa.created", "digitalSourceType": LEARNT}
    manifest = _manifest(
        style.name,
        [made],
        {"c2pa.asset-type": {"types": [{"type": "c2pa.types.model.pytorch"}]}, "org.handstyle.style": facts},
        [*ingredients, _base(style.base.name, style.base.sha256)],
    )
    with _context([credentials.root]) as context, _signer(credentials) as signer, c2pa.Builder(manifest, context) as b:
        b.set_no_embed()
        with weights.open("rb") as file:
            return bytes(b.sign(signer, WEIGHTS, file, io.BytesIO()))


def opened(title: str, weights: Path, sidecar: bytes, anchors: Sequence[x509.Certificate]) -> Model | None:
    """A model's credential, if it fits these weights and leads to one of these certificates."""
    import c2pa

    try:
        with (
            weights.open("rb") as file,
            _context(anchors) as context,
            c2pa.Reader(WEIGHTS, file, manifest_data=sidecar, context=context) as reader,
        ):
            said = json.loads(reader.json())
            fits = reader.get_validation_state() == "Trusted"
    except (c2pa.C2paError, ValueError):
        return None
    return Model(title, sidecar, said["active_manifest"], said["validation_results"]) if fits else None


def kept(
    place: Path, weights: Path, style: TrainedStyle, collections: Sequence[Collection], credentials: Credentials
) -> Model:
    """The credential of a style in `place`, made where there is none that fits. Raises RecordDamaged."""
    path = place / f"{style.tensors[:16]}-{sha256_of(credentials.leaf)[:16]}.c2pa"
    anchors = [credentials.root]
    model = opened(style.name, weights, read_whole(path, LARGEST_STORE), anchors) if path.is_file() else None
    if model is None:
        sidecar = of_model(weights, style, [*map(published_collection, collections)], credentials)
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
    ingredients.append({**_base(made.base_name, made.base), "label": "base"})
    labels = [ingredient["label"] for ingredient in ingredients]
    actions = [
        {"action": "c2pa.created", "digitalSourceType": DRAWN, "parameters": {"ingredientIds": labels}},
    ]
    if watermark is not None:
        mark = f"{watermark.method}: {watermark.payload}"
        actions.append({"action": "c2pa.watermarked", "parameters": {"description": mark}})
    bound = {} if watermark is None else {"c2pa.soft-binding": _soft_binding(watermark)}
    manifest = _manifest("sheet" if made.is_sheet else "picture", actions, bound, ingredients)
    file = io.BytesIO()
    with _context([credentials.root]) as context, _signer(credentials) as signer, c2pa.Builder(manifest, context) as b:
        for number, model in enumerate(models):
            b.add_resource(SIDECAR.format(number=number), io.BytesIO(model.sidecar))
        b.sign(signer, MIME["PNG"], io.BytesIO(png), file)
    return file.getvalue()


def judged(data: bytes, kind: FileFormat, anchors: Sequence[x509.Certificate]) -> Credential | None:
    """The credential in a picture's file; None where there is none. Nothing is fetched."""
    store = size_of_store(data, kind)
    if store == 0:
        return None
    if not is_installed():
        words = "there is a credential, which the extra `publish` is needed for"
        return Credential(state="not looked for", words=words)
    if store > LARGEST_STORE:
        words = f"the credential is larger than {LARGEST_STORE >> 20} MB, and was not opened"
        return Credential(state="unreadable", words=words)
    import c2pa

    try:
        with _context(anchors) as context:
            reader = c2pa.Reader.try_create(MIME[kind], io.BytesIO(data), context=context)
            if reader is None:
                return Credential(state="unreadable", words="what stands in the credential's place is none")
            with reader:
                return _judgement(json.loads(reader.json()), reader.get_validation_state())
    except (c2pa.C2paError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        return Credential(state="unreadable", words=f"the credential cannot be read: {str(error)[:200]}")


def _judgement(said: Mapping[str, Any], state: str | None) -> Credential:
    manifest = said["manifests"][said["active_manifest"]]
    about = {
        "issuer": manifest.get("signature_info", {}).get("common_name"),
        "generated": DRAWN in _source_types(manifest),
        "models": tuple(
            str(part["title"])
            for part in manifest.get("ingredients", ())
            if part.get("active_manifest") and part.get("format") == WEIGHTS
        ),
    }
    faults = tuple(sorted({str(fault["code"]) for fault in said.get("validation_status", ())}))
    if state == "Trusted":
        return Credential(state="trusted", words="a credential by a certificate you named", **about)
    if state == "Valid":
        words = "a credential, signed by a certificate nobody vouched for"
        return Credential(state="by a stranger", words=words, **about)
    words = "a credential that does not fit this file: it was altered, or the credential is another picture's"
    return Credential(state="broken", words=words, faults=faults, **about)


def _source_types(manifest: Mapping[str, Any]) -> set[str]:
    actions = [
        action
        for assertion in manifest.get("assertions", ())
        if str(assertion.get("label", "")).startswith("c2pa.actions")
        for action in assertion["data"].get("actions", ())
    ]
    return {str(action.get("digitalSourceType")) for action in actions}


def size_of_store(data: bytes, kind: str) -> int:
    """Of the credentials in a picture, in bytes, before a library is let at them. 0 where there are none.

    PNG: chunks `caBX`; others: from the first mark of a JUMBF box of C2PA to the end, which is at least as much
    (C2PA 2.2, A.3).
    """
    if kind == "PNG":
        at, size = 8, 0
        while at + 8 <= len(data):
            length = int.from_bytes(data[at : at + 4])
            size += length if data[at + 4 : at + 8] == b"caBX" else 0
            at += 12 + length
        return size
    begin = data.find(b"jumb")
    return len(data) - begin if begin >= 0 and b"c2pa" in data[begin:] else 0


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


def _context(anchors: Sequence[x509.Certificate]) -> Any:
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
