"""What does a picture's credential say was done, and to what?

A picture that a model drew was created; one that a model painted into was opened and edited, and is a composite (IPTC
NewsCodes, digital source type: "such as with inpainting or outpainting operations"). C2PA 2.2, section 18.15.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from handstyle.generation.signature import MadeFrom, Watermark

SOURCE, SOURCE_LABEL = "image/*", "source"


def source_ingredients(made: MadeFrom) -> list[dict[str, Any]]:
    """The picture it began as, by digest alone: neither its name nor its pixels go along."""
    if not made.source or made.is_sheet:
        return []
    return [
        {
            "title": "picture it was made from",
            "format": SOURCE,
            "relationship": "parentOf" if made.is_composite else "inputTo",
            "label": SOURCE_LABEL,
            "instance_id": f"urn:sha256:{made.source}",
        }
    ]


def actions(made: MadeFrom, labels: Sequence[str], watermark: Watermark | None) -> list[dict[str, Any]]:
    """`labels` are those of all that went into it."""
    drawn = {"digitalSourceType": made.digital_source_type, "parameters": {"ingredientIds": list(labels)}}
    if made.is_composite and not made.is_sheet:
        others = [label for label in labels if label != SOURCE_LABEL]
        found: list[dict[str, Any]] = [
            {"action": "c2pa.opened", "parameters": {"ingredientIds": [SOURCE_LABEL]}},
            {"action": "c2pa.edited", **drawn, "parameters": {"ingredientIds": others}},
        ]
    else:
        found = [{"action": "c2pa.created", **drawn}]
    if watermark is not None:
        mark = f"{watermark.method}: {watermark.payload}"
        found.append({"action": "c2pa.watermarked", "parameters": {"description": mark}})
    return found
