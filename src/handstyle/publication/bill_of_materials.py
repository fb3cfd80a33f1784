"""How does a program that keeps bills of materials read what a style is made of?

A CycloneDX 1.6 ML-BOM: the style, the base it stands on, and the works as data without content, with whoever governs
them and the day on which a permission ends.

https://cyclonedx.org/docs/1.6/json/
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from handstyle import __version__
from handstyle.collection.licences import LICENCES
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.publication.clearance import Clearance
from handstyle.publication.disclosure import PublishedCollection, PublishedRights

SPACE = uuid.UUID("6f0b1f0c-6f3e-5b0e-9d3f-2f4a3c1d7a58")  # of the serial numbers of ours


def record(
    published: PublishedCollection,
    class_images: PublishedCollection | None,
    style: TrainedStyle,
    cleared: Clearance,
    weights: Mapping[str, str],
) -> dict[str, Any]:
    """`weights` are the release's files of weights with their SHA-256."""
    works = [
        _works(found, what, digest, rights)
        for what, found in (("work", published), ("class image", class_images))
        if found
        for digest, rights in sorted(found.rights.items())
    ]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(SPACE, style.tensors + cleared.name + cleared.on)}",
        "version": 1,
        "metadata": {
            "timestamp": f"{cleared.on}T00:00:00Z",
            "tools": {"components": [{"type": "application", "name": "handstyle", "version": __version__}]},
            "component": _style(style, cleared, [component["bom-ref"] for component in works]),
        },
        "components": [_base(style), *works, *(_file(path, sha256) for path, sha256 in sorted(weights.items()))],
        "dependencies": [
            {"ref": "style", "dependsOn": ["base", *(component["bom-ref"] for component in works)]},
            *({"ref": component["bom-ref"]} for component in [_base(style), *works]),
        ],
    }


def _style(style: TrainedStyle, cleared: Clearance, works: Sequence[str]) -> dict[str, Any]:
    kind = "A full finetuning" if style.recipe.method == "full" else "A low-rank update"
    if style.recipe.algo == "oft":
        kind = "A rotation of the weights"
    if style.recipe.algo == "textual-inversion":
        kind = "A new word"
    return {
        "type": "machine-learning-model",
        "bom-ref": "style",
        "name": cleared.title,
        "version": cleared.on,
        "description": f"{kind} of {style.base.name}",
        "licenses": [_licence(cleared.licence.name)],
        "modelCard": {
            "modelParameters": {
                "approach": {"type": "self-supervised"},
                "task": "text-to-image",
                "architectureFamily": style.base.family,
                "datasets": [{"ref": ref} for ref in works],
                "inputs": [{"format": "text"}],
                "outputs": [{"format": "image"}],
            },
            "considerations": {
                "technicalLimitations": ["What it cannot do, and what was not measured, stands in README.md."]
            },
        },
        "properties": [
            {"name": "handstyle:tensors", "value": style.tensors},
            {"name": "handstyle:collection", "value": style.collection},
            {"name": "handstyle:steps", "value": str(style.steps)},
            *([{"name": "handstyle:goes-on-from", "value": style.origin}] if style.origin else []),
        ],
    }


def _base(style: TrainedStyle) -> dict[str, Any]:
    source = style.base.source
    return {
        "type": "machine-learning-model",
        "bom-ref": "base",
        "name": style.base.name,
        "licenses": [_licence(style.base.licence)],
        "properties": [{"name": "handstyle:tensors-and-configuration", "value": style.base.sha256}],
        **({"externalReferences": [{"type": "distribution", "url": source}]} if source else {}),
    }


def _works(published: PublishedCollection, what: str, digest: str, rights: PublishedRights) -> dict[str, Any]:
    mine = [work for work in published.works if work.rights == digest]
    number = f"1 {what}" if len(mine) == 1 else f"{len(mine)} {what}s"
    return {
        "type": "data",
        "bom-ref": f"{what.replace(' ', '-')}s-{digest[:16]}",
        "name": f"{number} by {rights.author}",
        "description": f"{rights.standing}. Not included; {sum(work.trained_on for work in mine)} of them trained on.",
        "licenses": [_permission(rights)],
        "data": [
            {
                "type": "dataset",
                "name": f"{number} by {rights.author}",
                "classification": "not included",
                "governance": {"owners": [{"contact": {"name": holder}} for holder in rights.holders]},
            }
        ],
        "properties": [{"name": "handstyle:pixels-sha256", "value": work.pixels_sha256} for work in mine],
    }


def _permission(rights: PublishedRights) -> dict[str, Any]:
    """A licence by its name; anything else as what it is, with its last day."""
    if rights.licence:
        return _licence(rights.licence_choice or rights.licence)
    licensing: dict[str, Any] = {
        "licensor": {"individual": {"name": " and ".join(rights.holders)}},
        "licenseTypes": ["other"],
    }
    if rights.valid_until:
        licensing["expiration"] = f"{rights.valid_until.isoformat()}T23:59:59Z"
    return {"license": {"name": f"{rights.basis}: {', '.join(rights.permits)}", "licensing": licensing}}


def _licence(name: str) -> dict[str, Any]:
    return {"license": {"id": name} if name in LICENCES else {"name": name or "unknown"}}


def _file(path: str, sha256: str) -> dict[str, Any]:
    return {"type": "file", "bom-ref": f"file-{path}", "name": path, "hashes": [{"alg": "SHA-256", "content": sha256}]}
