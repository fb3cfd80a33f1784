"""Which folders do OneTrainer's concepts name, and what do they say of each?

A list of concepts as JSON, or a whole configuration with such a list in it (OneTrainer,
modules/util/config/ConceptConfig.py). Nothing in the file is executed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from handstyle.collection.captions import LARGEST_SIDECAR, cleaned, utf8
from handstyle.collection.kohya_datasets import Described, folder_named
from handstyle.collection.layout import Part, Role
from handstyle.collection.listing import Fault
from handstyle.errors import CollectionFaulty, RecordDamaged
from handstyle.records import load_json

ROLES: dict[str, Role] = {"STANDARD": "works", "VALIDATION": "validation", "PRIOR_PREDICTION": "class images"}
# What a concept may ask for besides, with the value that asks for nothing.
CHANGES = {
    *("enable_fixed_flip", "enable_random_rotate", "enable_fixed_rotate", "enable_random_brightness"),
    *("enable_fixed_brightness", "enable_random_contrast", "enable_fixed_contrast", "enable_random_saturation"),
    *("enable_fixed_saturation", "enable_random_hue", "enable_fixed_hue", "enable_resolution_override"),
    *("enable_random_circular_mask_shrink", "enable_random_mask_rotate_crop", "tag_dropout_enable"),
    "caps_randomize_enable",
}
OF_A_RECIPE = {"enable_random_flip": "random_flip", "enable_tag_shuffling": "shuffle_caption"}


def described(path: Path) -> Described:
    """Raises CollectionFaulty for what is no list of concepts."""
    try:
        content = load_json(path)
    except RecordDamaged as damaged:
        raise CollectionFaulty(damaged.what, hint="Correct the file.") from damaged
    concepts = content.get("concepts") if isinstance(content, dict) else content
    if not isinstance(concepts, list) or not concepts or not all(isinstance(one, dict) for one in concepts):
        raise CollectionFaulty(
            f"{path} holds no list of concepts", hint="Give OneTrainer's concepts.json, or a folder of works."
        )
    found = Described()
    for number, concept in enumerate(concepts, 1):
        name = str(concept.get("name") or number)
        where = f"{path.name} concept {name:.60}"
        if concept.get("enabled", True) is not True:
            found.notes.append(f"{where} is switched off, and left out")
            continue
        try:
            found.parts.append(_part(concept, where, path.parent))
            found.notes += _not_followed(concept, where)
        except ValueError as error:
            found.faults.append(Fault(where, str(error)))
    return found


def _part(concept: Mapping[str, Any], where: str, beside: Path) -> Part:
    named = concept.get("path")
    if not isinstance(named, str):
        raise ValueError("path: is missing")
    words = _table(concept, "text")
    source, balancing = words.get("prompt_source", "sample"), concept.get("balancing", concept.get("repeats", 1))
    if source not in ("sample", "concept", "filename"):
        raise ValueError("text.prompt_source: is sample, concept or filename")
    if isinstance(balancing, bool) or not isinstance(balancing, int | float) or not 0 < balancing < math.inf:
        raise ValueError("balancing: is a number above 0")
    kind = concept.get("type", "VALIDATION" if concept.get("validation_concept") is True else "STANDARD")
    if kind not in ROLES:
        raise ValueError(f"type: is one of {', '.join(ROLES)}")
    return Part(
        folder=folder_named(named, beside),
        named=where,
        role=ROLES[kind],
        repeats=Fraction(balancing),
        number=max(1, round(balancing)) if concept.get("balancing_strategy") == "SAMPLES" else None,
        recursive=concept.get("include_subdirectories") is True,
        suffix=".txt" if source == "sample" else "",
        by_file_name=source == "filename",
        words=_words_of_all(words, beside) if source == "concept" else "",
    )


def _words_of_all(words: Mapping[str, Any], beside: Path) -> str:
    named = words.get("prompt_path")
    if not isinstance(named, str) or not named or "\0" in named:
        raise ValueError("text.prompt_path: is missing")
    path = next((place / named for place in (beside, Path()) if (place / named).is_file()), None)
    if path is None:
        raise ValueError(f"text.prompt_path: {named:.200} is no file here: write where it lies now")
    lines = [line for line in utf8(path, LARGEST_SIDECAR).splitlines() if line.strip()]
    return cleaned(lines[0] if lines else "")


def _not_followed(concept: Mapping[str, Any], where: str) -> list[str]:
    said = {**_table(concept, "image"), **_table(concept, "text")}
    notes = []
    if asked := sorted(key for key in CHANGES if said.get(key) is True):
        notes.append(f"{where}: {', '.join(asked)} have no counterpart and are not followed")
    if asked := sorted(f"{key} ({ours})" for key, ours in OF_A_RECIPE.items() if said.get(key) is True):
        notes.append(f"{where}: {', '.join(asked)} belong to a recipe")
    if concept.get("loss_weight", 1) != 1:
        notes.append(f"{where}: loss_weight has no counterpart and is not followed")
    return notes


def _table(concept: Mapping[str, Any], key: str) -> dict[str, Any]:
    table = concept.get(key, {})
    if not isinstance(table, dict):
        raise ValueError(f"{key}: is no table")
    return table
