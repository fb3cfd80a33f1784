"""Do the records in a release belong to each other, and do the weights belong to the records?

Asked after the signature and every file held: a signer, too, can put together what does not belong together.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Set
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any, Literal

from handstyle import digests
from handstyle.diffusion import original_layout, original_transformers
from handstyle.errors import HandstyleError, RecordDamaged
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.publication import (
    adapter_headers,
    base_records,
    dialects,
    joined_layers,
    log_proof,
    name_records,
    permission_records,
)
from handstyle.publication.disclosure import CLASS_IMAGES, COLLECTION, PublishedCollection
from handstyle.publication.provenance import Statement
from handstyle.records import load_json, load_toml
from handstyle.tensor_files import Tensor, digest, metadata_of, tensors_in

CARD, RECIPE, STYLE, REPORT, REPORT_PAGE = "README.md", "recipe.toml", "style.json", "report.json", "report.html"
LICENCE = "LICENSE.md"
WEIGHTS, LICENCES = "weights", "licences"
SCHEDULE = f"{WEIGHTS}/scheduler/scheduler_config.json"
ALWAYS = (CARD, LICENCE, COLLECTION, RECIPE, STYLE, REPORT, REPORT_PAGE)

NOTHING: Mapping[str, Tensor] = {}
IN_ONE = "original-transformer"  # the format

# What comes of records that are JSON and not what they should be.
WRONG = (HandstyleError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, OSError, RecursionError)

Fault = tuple[Literal["record", "permission", "name", "log", "weights"], str, str]  # kind, where, words


def faults(folder: Path, statement: Statement, on: date) -> list[Fault]:
    """`on` is today: nothing was published on a day to come."""
    listed = {file.path for file in statement.files}
    found: list[Fault] = [("record", name, "belongs to every release") for name in ALWAYS if name not in listed]
    if found:
        return found
    records: dict[str, dict[str, Any]] = {}
    kinds: dict[str, type[TrainedStyle | PublishedCollection]] = {STYLE: TrainedStyle, COLLECTION: PublishedCollection}
    if CLASS_IMAGES in listed:
        kinds[CLASS_IMAGES] = PublishedCollection
    for name in (REPORT, RECIPE, *kinds):
        try:
            records[name] = _read(folder / name)
        except RecordDamaged as damaged:
            found.append(("record", name, damaged.what.removeprefix(f"{folder / name} ")))
    if found:
        return found
    read: dict[str, Any] = {}
    for name, kind in kinds.items():
        try:
            read[name] = kind.read(records[name], where=name)
        except RecordDamaged as damaged:
            found.append(("record", name, "; ".join([damaged.what, *damaged.faults])))
    if found:
        return found
    collections = {name: read[name] for name in kinds if name != STYLE}
    claims = name_records.Claims(folder, statement, collections, read[STYLE], records[REPORT])
    try:
        found += [("record", name, words) for name, words in _lineage_faults(records, statement)]
        found += [("permission", name, words) for name, words in permission_records.faults(
            folder, statement, collections, read[STYLE], on)]  # fmt: skip
        found += [("record", name, words) for name, words in base_records.faults(folder, statement, read[STYLE])]
        found += [("name", name, words) for name, words in name_records.faults(claims)]
        if log_proof.PROOF in listed:
            found += [("log", log_proof.PROOF, words) for words in log_proof.faults(
                folder / log_proof.PROOF, statement, list(collections.values()), read[STYLE])]  # fmt: skip
        found += [("weights", name, words) for name, words in _weights_faults(folder, records[STYLE], statement)]
    except WRONG as error:
        found.append(("record", STYLE, f"does not describe these files: {error}"))
    return found


def collections_in(folder: Path, statement: Statement) -> dict[str, PublishedCollection]:
    """Works and class images, by the names of their files."""
    listed = {file.path for file in statement.files}
    names = [name for name in (COLLECTION, CLASS_IMAGES) if name in listed]
    return {name: PublishedCollection.read(_read(folder / name), where=name) for name in names}


def _read(path: Path) -> dict[str, Any]:
    content = load_toml(path) if path.suffix == ".toml" else load_json(path)
    if not isinstance(content, dict):
        raise RecordDamaged(f"{path} is not a record")
    return content


def _lineage_faults(records: Mapping[str, dict[str, Any]], statement: Statement) -> Iterator[tuple[str, str]]:
    style, report, collection, lineage = records[STYLE], records[REPORT], records[COLLECTION], statement.lineage
    works = collection["works"]
    claims = [
        (STYLE, "other tensors", style["tensors"], lineage.tensors),
        (STYLE, "another collection", style["collection"], lineage.collection),
        (STYLE, "another base model", style["base"]["sha256"], lineage.base),
        (STYLE, "another recipe", digests.of_json(style["recipe"]), lineage.recipe),
        (RECIPE, "another recipe", records[RECIPE], _without_nothing(style["recipe"])),
        (REPORT, "other tensors", report["style"], lineage.tensors),
        (REPORT, "another collection", report["collection"], lineage.collection),
        (COLLECTION, "another collection", collection["collection"], lineage.collection),
        (COLLECTION, "another number of works", len(works), lineage.number_of_works),
    ]
    for name, what, found, expected in claims:
        if found != expected:
            yield name, f"speaks of {what} than the signed lineage"
    if records.get(CLASS_IMAGES, {}).get("collection", "") != style.get("class_images", ""):
        yield CLASS_IMAGES, "does not hold the class images the style was trained with"


def _without_nothing(recipe: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in recipe.items() if value is not None}  # TOML has no null


def _weights_faults(folder: Path, style: Mapping[str, Any], statement: Statement) -> Iterator[tuple[str, str]]:
    listed = {file.path for file in statement.files}
    with ExitStack() as open_files:
        held: dict[str, dict[str, Tensor]] = {}
        for weights in statement.weights:
            path = f"{WEIGHTS}/{weights.path}"
            if path not in listed:
                yield path, "is named as weights and is not part of the release"
                return
            key = dialects.part_in(weights.path) or weights.format
            held[key] = open_files.enter_context(tensors_in(folder / path))
            if digest(held[key]) != weights.tensors:
                yield path, "holds other tensors than were signed"
        if style["recipe"].get("rescale_betas_zero_snr") and not _ends_in_noise(folder, listed):
            yield SCHEDULE, "does not say that the last step is nothing but noise, as it was trained"
        paths: dict[str, str] = {weights.format: f"{WEIGHTS}/{weights.path}" for weights in statement.weights}
        if style["recipe"]["method"] == "lora":
            yield from _low_rank_faults(folder, style, held, paths)
        else:
            yield from _full_faults(folder, style, held, paths)
        held.clear()


def _ends_in_noise(folder: Path, listed: Set[str]) -> bool:
    return SCHEDULE in listed and _read(folder / SCHEDULE).get("rescale_betas_zero_snr") is True


def _low_rank_faults(
    folder: Path, style: Mapping[str, Any], held: Mapping[str, dict[str, Tensor]], paths: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    recipe = Recipe.model_validate(style["recipe"])
    algo, alpha = recipe.algo, recipe.lora_alpha
    own = held.get(dialects.FILES[algo][0], {}) if algo != "textual-inversion" else {}
    first, other = dialects.files_of(algo, own)
    if other is not None and other not in held and dialects.is_of_a_transformer(own):
        other = None  # releases had none before
    formats = [format for format in (first, other) if format is not None]
    formats += ["embedding"] if recipe.teaches_a_word and first != "embedding" else []
    if set(held) != set(formats):
        number = {1: "one file", 2: "two files"}.get(len(formats), f"{len(formats)} files")
        yield WEIGHTS, f"does not hold the {number} of a low-rank style"
        return
    word = dialects.from_embedding(held["embedding"]) if recipe.teaches_a_word else {}
    if not _are_the_style({**own, **word}, style):
        yield paths[first], "does not hold the tensors that were trained and inspected"
        return
    bundle = dialects.bundled(word, recipe.identifier)
    if other is not None and not _is_the_same_in_kohyas_format(own, alpha, held[other], bundle):
        yield paths[other], "holds other weights, or another alpha, than the diffusers file"
    header = metadata_of(folder / paths[first])
    if first == "peft":
        if adapter_headers.of_peft(own, recipe) != header:
            yield paths[first], "does not say how it was trained"
    elif first != "embedding" and _told(header) != {(algo == "dora", alpha)}:
        yield paths[first], "does not say the alpha it was trained with"


def _told(header: Mapping[str, str]) -> set[tuple[bool, float | None]]:
    """Of each network: whether it is a DoRA, and its alpha."""
    settings = json.loads(header.get("lora_adapter_metadata", "{}"))
    parts = {key.partition(".")[0] for key in settings}
    return {(bool(settings.get(f"{part}.use_dora")), settings.get(f"{part}.lora_alpha")) for part in parts}


def _is_the_same_in_kohyas_format(
    own: dict[str, Tensor], alpha: float, held: dict[str, Tensor], bundle: Mapping[str, Tensor] = NOTHING
) -> bool:
    if dialects.is_of_a_transformer(own):
        return joined_layers.is_the_same(own, alpha, held)
    for spelling in dialects.spellings():
        try:
            expected = {**dialects.as_kohya(own, alpha, spelling), **bundle}
        except RecordDamaged:  # not the spelling of this base
            continue
        if expected.keys() == held.keys():
            return all(_content(held[name]) == _content(tensor) for name, tensor in expected.items())
    return False


def _full_faults(
    folder: Path, style: Mapping[str, Any], held: Mapping[str, dict[str, Tensor]], paths: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """`held` by the folder a network lies in; and all of them in one file, where there is one."""
    parts = {part: tensors for part, tensors in held.items() if part != IN_ONE}
    own = {f"{part}.{name}": tensor for part, tensors in parts.items() for name, tensor in tensors.items()}
    if not _are_the_style(own, style):
        yield WEIGHTS, "does not hold the tensors that were trained and inspected"
    elif IN_ONE in held and not _is_the_same_in_one(folder, parts, held[IN_ONE]):
        yield paths[IN_ONE], "holds other weights than the folders beside it"


def _is_the_same_in_one(folder: Path, parts: Mapping[str, dict[str, Tensor]], held: Mapping[str, Tensor]) -> bool:
    config = _read(folder / WEIGHTS / "transformer" / "config.json")
    if max(config["num_layers"], config.get("num_single_layers") or 0) > len(parts["transformer"]):
        return False  # a number costs a stranger nothing, and a layer of a layout some time
    names = set()
    for name, tensor in original_transformers.each_of_parts(parts, {"transformer": config}):
        names.add(name)
        if name not in held or _content(held[name]) != _content(tensor):
            return False
    return names == held.keys() - {original_layout.UNET + original_transformers.PLACES_THERE}  # is the base's


def _are_the_style(tensors: Mapping[str, Tensor], style: Mapping[str, Any]) -> bool:
    """Under one of the two names that a text encoder's tensors can have been saved with."""
    flat = {dialects.without_text_model(name): tensor for name, tensor in tensors.items()}
    return style["tensors"] in (digest(tensors), digest(flat))


def _content(tensor: Tensor) -> tuple[str, tuple[int, ...], str]:
    return tensor.kind, tensor.shape, digests.of_bytes(tensor.data)
