"""Which folders does a data set in kohya's TOML name, and what does it say of each?

`[[datasets]]` hold `[[datasets.subsets]]`; what a subset does not say, its data set says, then `[general]`
(sd-scripts, docs/config_README-en.md and library/config_util.py). Nothing in the file is executed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeGuard

from handstyle.collection.layout import Part
from handstyle.collection.listing import Fault
from handstyle.collection.works import MOST_REPEATS
from handstyle.errors import CollectionFaulty
from handstyle.records import load_toml

SUFFIX = ".caption"  # of sidecars, where nothing is said
TEXTS = ("image_dir", "class_tokens", "caption_extension", "caption_prefix", "caption_suffix", "conditioning_data_dir")
TAKEN = (*TEXTS, "num_repeats", "is_reg")
OF_A_RECIPE = (
    *("resolution", "batch_size", "enable_bucket", "min_bucket_reso", "max_bucket_reso", "bucket_reso_steps"),
    *("bucket_no_upscale", "shuffle_caption", "keep_tokens", "caption_dropout_rate", "flip_aug", "prior_loss_weight"),
    "alpha_mask",
)
WITHOUT_COUNTERPART = (
    *("color_aug", "face_crop_aug_range", "random_crop", "keep_tokens_separator", "secondary_separator"),
    *("enable_wildcard", "token_warmup_min", "token_warmup_step", "caption_dropout_every_n_epochs"),
    *("caption_tag_dropout_rate", "network_multiplier", "cache_info", "caption_separator", "custom_attributes"),
    *("validation_split", "validation_seed", "resize_interpolation", "skip_image_resolution", "metadata_file"),
)
KNOWN = (*TAKEN, *OF_A_RECIPE, *WITHOUT_COUNTERPART)


@dataclass
class Described:
    """What a description says, and what is wrong with it."""

    parts: list[Part] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def described(path: Path) -> Described:
    """Raises CollectionFaulty for what is no TOML."""
    found = Described()
    content = load_toml(path, CollectionFaulty)
    told: dict[str, set[str]] = {}
    for where, layers in _subsets(path.name, content, found.faults):
        said = {key: value for layer in reversed(layers) for key, value in layer.items() if key != "subsets"}
        found.faults += [Fault(where, words) for words in _wrong(said)]
        for key in said.keys() & {*OF_A_RECIPE, *WITHOUT_COUNTERPART}:
            if said[key] not in (False, 0, None):
                told.setdefault("recipe" if key in OF_A_RECIPE else "nothing", set()).add(key)
        _take(said, where, path.parent, found)
    if keys := told.get("recipe"):
        found.notes.append(
            f"{path.name}: {', '.join(sorted(keys))} belong to a recipe: `handstyle recipe {path.name}` writes one"
        )
    if keys := told.get("nothing"):
        found.notes.append(f"{path.name}: {', '.join(sorted(keys))} have no counterpart and are not followed")
    return found


def _subsets(name: str, content: Mapping[str, Any], faults: list[Fault]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Each subset, with the tables that speak for it: the nearest first."""
    general = content.get("general", {})
    datasets = content.get("datasets")
    faults += [Fault(name, f"{key}: unknown table") for key in content if key not in ("general", "datasets")]
    if not isinstance(general, dict) or not _are_tables(datasets):
        faults.append(Fault(name, "there is no `[[datasets]]` table"))
        return
    for number, dataset in enumerate(datasets, 1):
        subsets = dataset.get("subsets")
        if not _are_tables(subsets):
            faults.append(Fault(f"{name} [[datasets]] {number}", "there is no `[[datasets.subsets]]` table"))
            continue
        for place, subset in enumerate(subsets, 1):
            yield f"{name} [[datasets]] {number}, subset {place}", [subset, dataset, general]


def _are_tables(value: object) -> TypeGuard[list[dict[str, Any]]]:
    return isinstance(value, list) and bool(value) and all(isinstance(table, dict) for table in value)


def _wrong(said: Mapping[str, Any]) -> Iterator[str]:
    for key in said:
        if key not in KNOWN:
            nearest = difflib.get_close_matches(key, KNOWN, n=1)
            yield f"{key}: unknown key" + (f"; did you mean `{nearest[0]}`?" if nearest else "")
    yield from (f"{key}: is not text" for key in TEXTS if not isinstance(said.get(key, ""), str))
    repeats = said.get("num_repeats", 1)
    if type(repeats) is not int or not 1 <= repeats <= MOST_REPEATS:
        yield f"num_repeats: is a whole number from 1 to {MOST_REPEATS}"
    if not isinstance(said.get("is_reg", False), bool):
        yield "is_reg: is true or false"
    if "metadata_file" in said:
        yield "metadata_file: is not read; write the words into a file beside each picture, or into metadata.jsonl"
    if "image_dir" not in said:
        yield "image_dir: is missing"


def _take(said: Mapping[str, Any], where: str, beside: Path, found: Described) -> None:
    folders = {}
    for key in ("image_dir", "conditioning_data_dir"):
        if isinstance(named := said.get(key), str):
            try:
                folders[key] = folder_named(named, beside)
            except ValueError as error:
                found.faults.append(Fault(where, f"{key}: {error}"))
    repeats = said.get("num_repeats", 1)
    if "image_dir" not in folders or type(repeats) is not int:
        return
    part = Part(
        folder=folders["image_dir"],
        named=where,
        role="class images" if said.get("is_reg") is True else "works",
        repeats=Fraction(repeats),
        suffix=str(said.get("caption_extension", SUFFIX)) or SUFFIX,
        words=str(said.get("class_tokens", "")),
        before=str(said.get("caption_prefix", "")),
        after=str(said.get("caption_suffix", "")),
        masks=folders.get("conditioning_data_dir"),
    )
    again = next((one for one in found.parts if one.folder == part.folder), None)
    if again and (again.role, again.repeats, again.suffix) == (part.role, part.repeats, part.suffix):
        found.notes.append(f"{where} names the folder of {again.named} again: its works count once")
        return
    if len(part.suffix) < 2 or not part.suffix.startswith(".") or set(part.suffix) & set("/\\\0"):
        found.faults.append(Fault(where, 'caption_extension: is the end of a file name, such as ".txt"'))
        return
    found.parts.append(part)


def folder_named(named: str, beside: Path) -> Path:
    """Absolute, or beside the description, or where the command was typed. Raises ValueError."""
    if not named.strip() or "\0" in named:
        raise ValueError("names no folder")
    for place in (beside, Path()):
        try:
            if (place / named).is_dir():
                return (place / named).resolve()
        except (OSError, RuntimeError):
            continue
    raise ValueError(f"{named:.200} is no folder here: write where it lies now")
