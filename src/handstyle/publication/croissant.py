"""How does a program that knows data sets read what a style was trained on?

Croissant 1.1 with the RAI vocabulary 1.0, as JSON-LD. It describes the works by the records that a release shows;
the works themselves are not part of it, and nothing in it says where they are.

https://docs.mlcommons.org/croissant/docs/croissant-spec.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from handstyle import __version__
from handstyle.collection.licences import LICENCES
from handstyle.publication.clearance import Clearance
from handstyle.publication.disclosure import PublishedCollection

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
FIELDS = (
    ("file_sha256", "sc:Text", "SHA-256 of the work's file"),
    ("pixels_sha256", "sc:Text", "SHA-256 of the work's decoded pixels"),
    ("width", "sc:Integer", "pixels"),
    ("height", "sc:Integer", "pixels"),
    ("trained_on", "sc:Boolean", "false: it was withheld from training, to check with"),
    ("rights", "sc:Text", "digest of the permission it stands on, under `rights` in the same file"),
)


def record(published: PublishedCollection, cleared: Clearance, collection_sha256: str) -> dict[str, Any]:
    """`collection_sha256` is the digest of the release's `collection.json`."""
    number = len(published.works)
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": f"{cleared.name}-works",
        "description": (
            f"What the style {cleared.title} was trained on and checked with: {number} works, by digest, with the "
            "permission for each. The works are not included, and this record permits nothing."
        ),
        "url": "./",
        "version": "1.0.0",
        "datePublished": cleared.on,
        "license": _licences(published),
        "usageInfo": [
            {"@type": "sc:CreativeWork", "name": line, "identifier": digest}
            for digest, line in ((digest, rights.standing) for digest, rights in sorted(published.rights.items()))
        ],
        "creator": [{"@type": "sc:Person", "name": name} for name in authors(published)],
        "citeAs": "; ".join(cleared.attributions),
        "isLiveDataset": False,
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": "collection.json",
                "name": "collection.json",
                "description": "Every work by digest, with its permission",
                "contentUrl": "collection.json",
                "encodingFormat": "application/json",
                "sha256": collection_sha256,
            }
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "works",
                "name": "works",
                "description": "One record for each work",
                "field": [_field(*field) for field in FIELDS],
            }
        ],
        **_responsible(published, number),
    }


def authors(published: PublishedCollection) -> list[str]:
    return sorted({rights.author for rights in published.rights.values()})


def _licences(published: PublishedCollection) -> list[str]:
    """Of the works, as addresses where they have one. What is used by permission is under none."""
    found = [rights.licence_choice or rights.licence for rights in published.rights.values()]
    named = {_address(name) for name in found if name}
    return sorted(named | ({"https://schema.org/CreativeWork#all-rights-reserved"} if None in found else set()))


def _address(licence: str) -> str:
    row = LICENCES.get(licence)
    return row.url if row else f"https://spdx.org/licenses/{licence.replace(' ', '+')}"


def _field(name: str, kind: str, description: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"works/{name}",
        "name": name,
        "description": description,
        "dataType": kind,
        "source": {"fileObject": {"@id": "collection.json"}, "extract": {"jsonPath": f"$.works[*].{name}"}},
    }


def _responsible(published: PublishedCollection, number: int) -> dict[str, Any]:
    reserved = sum(any(reading.objects for reading in work.reservations) for work in published.works)
    return {
        "rai:dataCollection": f"Chosen by hand, file by file, and collected with handstyle {__version__}; nothing was "
        "crawled or fetched.",
        "rai:dataCollectionType": ["Others"],
        "rai:dataCollectionMissingData": "None: every picture found became a work or was left out by name.",
        "rai:dataPreprocessingProtocol": [
            "Decoded, turned upright, converted to 8-bit sRGB and laid on a plain page; cropped to a square to train."
        ],
        "rai:dataManipulationProtocol": "The files themselves were not changed.",
        "rai:dataUseCases": [f"Training one style: {_only(rights.standing for rights in published.rights.values())}."],
        "rai:dataLimitations": [
            f"{number} works of one hand say nothing about drawing in general.",
            "Who gave a permission is recorded; whether they hold the rights, no record can show.",
        ],
        "rai:dataBiases": ["What these works show, and leave out, is what the style learns."],
        "rai:personalSensitiveInformation": [
            "Names of authors and holders, as the permissions name them. What the works depict was not examined."
        ],
        "rai:dataSocialImpact": "A style resembles somebody's hand; the permissions say whose, and what was agreed.",
        "rai:dataReleaseMaintenancePlan": f"Of {number} works {reserved} carried a reservation that a signed grant set "
        "aside. A permission can end: `handstyle verify` says so.",
    }


def _only(lines: Iterable[str]) -> str:
    return "; ".join(sorted(set(lines)))
