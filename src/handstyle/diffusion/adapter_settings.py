"""What do a file's header, and PEFT's configuration beside it, say of how its tensors count?

lora_adapter_metadata   in the header, by diffusers: the configuration of each network, its keys with `unet.` before
peft_config             in the header of handstyle's own releases: by network, what `peft.get_peft_config` takes
adapter_config.json     beside `adapter_model.safetensors`, as PEFT saves a folder: of one network
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handstyle.errors import RecordDamaged, UsageMistake
from handstyle.records import load_json

BESIDE = "adapter_config.json"
FOLDER = "adapter_model.safetensors"  # as PEFT calls the weights in such a folder
SERIES = 5  # terms, where PEFT's configuration does not say how many


@dataclass(frozen=True)
class Settings:
    """Configurations by network; under no name what speaks of any."""

    by_part: Mapping[str, Mapping[str, Any]]

    def of(self, layer: str) -> Mapping[str, Any]:
        return self.by_part.get(layer.partition(".")[0], self.by_part.get("", {}))

    def alpha(self, layer: str, rank: int) -> float:
        """Of a low-rank pair; where nothing is said, the scale is one."""
        own = self.of(layer)
        alpha = _of_layer(own, "alpha_pattern", layer, own.get("lora_alpha", own.get("alpha", rank)))
        return float(alpha) * (math.sqrt(rank) if own.get("use_rslora") else 1.0)

    def scale(self, layer: str) -> float | None:
        """Of a LoHa or a LoKr, as PEFT counts it, whatever its matrices are; None where nothing is said."""
        own = self.of(layer)
        if "alpha" not in own or "r" not in own:
            return None
        rank = float(_of_layer(own, "rank_pattern", layer, own["r"]))
        return float(_of_layer(own, "alpha_pattern", layer, own["alpha"])) / rank

    def terms(self, layer: str) -> int | None:
        """Of the series by which PEFT takes the rotation of an OFT; None where it is computed exactly. Raises
        ValueError where the file cannot be read without being told."""
        own = self.of(layer)
        if not own:
            raise ValueError(f"how PEFT's OFT turns it stands in {BESIDE}, which is not beside it")
        if own.get("coft"):
            raise ValueError("it is bound to small turns (coft), which is not read")
        return int(own.get("num_cayley_neumann_terms", SERIES)) if own.get("use_cayley_neumann", True) else None

    def shares(self, layer: str) -> bool:
        """Whether one rotation turns every block."""
        return bool(self.of(layer).get("block_share"))


def settings_of(path: Path, metadata: Mapping[str, str]) -> Settings:
    """Raises UsageMistake where the configuration beside a file is none."""
    if flat := _told(metadata, "lora_adapter_metadata"):
        parts: dict[str, dict[str, Any]] = {}
        for key, value in flat.items():
            part, _, setting = key.partition(".")
            parts.setdefault(part, {})[setting] = value
        return Settings(parts)
    if found := _told(metadata, "peft_config"):
        return Settings({part: own for part, own in found.items() if isinstance(own, dict)})
    beside = path.with_name(BESIDE)
    if path.name != FOLDER or not beside.is_file():
        return Settings({})
    try:
        told = load_json(beside)
    except RecordDamaged as damaged:
        raise UsageMistake(f"{beside} cannot be read: {damaged.what}", hint="Save the adapter again.") from damaged
    if not isinstance(told, dict):
        raise UsageMistake(f"{beside} is no configuration of PEFT", hint="Save the adapter again.")
    return Settings({"": told})


def _told(metadata: Mapping[str, str], key: str) -> dict[str, Any]:
    try:
        found = json.loads(metadata.get(key, "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _of_layer(own: Mapping[str, Any], key: str, layer: str, otherwise: Any) -> Any:
    """By the first pattern that fits the end of the layer's name (PEFT's `get_pattern_key`)."""
    patterns = own.get(key)
    inside = layer.partition(".")[2].removeprefix("text_model.")
    if not isinstance(patterns, dict):
        return otherwise
    return next((value for name, value in patterns.items() if re.fullmatch(rf"(.*\.)?({name})", inside)), otherwise)
