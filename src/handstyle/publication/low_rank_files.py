"""How is a low-rank update of many ranks written for diffusers, and for the tools that read kohya's format?

Each layer keeps its own rank and alpha, and every tensor its bits: what is read again is what was written.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from handstyle.errors import RecordDamaged
from handstyle.publication import dialects, exports
from handstyle.publication.descent import MERGED_FROM
from handstyle.tensor_files import Tensor, scalar, write_tensors

if TYPE_CHECKING:
    from handstyle.diffusion.pairs import Pair


def write_diffusers(path: Path, pairs: Mapping[str, Pair], merged_from: str) -> None:
    tensors: dict[str, Tensor] = {}
    for layer, pair in pairs.items():
        down, up = _plain(pair)
        tensors |= {f"{layer}{dialects.DOWN}": down, f"{layer}{dialects.UP}": up}
    settings = json.dumps(_settings(pairs), sort_keys=True)
    write_tensors(path, tensors, {"format": "pt", "lora_adapter_metadata": settings, MERGED_FROM: merged_from})


def _settings(pairs: Mapping[str, Pair]) -> dict[str, object]:
    """PEFT's configuration of each network; layers of another rank or alpha than most are named one by one."""
    settings: dict[str, object] = {}
    for part in dialects.PARTS:
        # Matched from the end of a module's name, so both spellings of the text encoder are found.
        inside = {
            layer.removeprefix(f"{part}.").removeprefix("text_model."): pair
            for layer, pair in pairs.items()
            if layer.startswith(f"{part}.")
        }
        if inside:
            rank = Counter(pair.rank for pair in inside.values()).most_common(1)[0][0]
            alpha = Counter(pair.alpha for pair in inside.values()).most_common(1)[0][0]
            settings |= {
                f"{part}.r": rank,
                f"{part}.lora_alpha": alpha,
                f"{part}.target_modules": sorted(inside),
                f"{part}.rank_pattern": {name: pair.rank for name, pair in inside.items() if pair.rank != rank},
                f"{part}.alpha_pattern": {name: pair.alpha for name, pair in inside.items() if pair.alpha != alpha},
            }
    return settings


def write_kohya(
    path: Path, pairs: Mapping[str, Pair], base: Path, title: str, base_name: str, merged_from: str
) -> None:
    tensors: dict[str, Tensor] = {}
    for module, pair in _modules(pairs, base).items():
        down, up = _plain(pair)
        tensors |= {f"{module}.lora_down.weight": down, f"{module}.lora_up.weight": up}
        tensors[f"{module}.alpha"] = scalar(pair.alpha)
    most = max(pairs.values(), key=lambda pair: pair.rank)
    facts = exports.facts_of_network(base, tensors, most.rank, most.alpha, base_name)
    told = {"modelspec.title": title, "modelspec.date": date.today().isoformat(), MERGED_FROM: merged_from}
    write_tensors(path, tensors, {**facts, **told})


def _modules(pairs: Mapping[str, Pair], base: Path) -> dict[str, Pair]:
    """As sd-scripts calls them; of a transformer, as its original code does, which joins several into one."""
    from handstyle.diffusion import adapter_places
    from handstyle.diffusion.pairs import joined, turned
    from handstyle.diffusion.pipeline_folder import denoiser_of

    if denoiser_of(base) == "unet":
        spelling = dialects.spelling_of(base)
        return {spelling.module(layer): pair for layer, pair in pairs.items()}
    shapes, left = adapter_places.layers_of(base), dict(pairs)
    found: dict[str, Pair] = {}
    for original, place in adapter_places.places_in_original(base).items():
        own = [left.pop(layer, None) for layer in place.layers]
        if any(own):
            pair = joined(own, place.rows(shapes)) if len(own) > 1 else own[0]
            assert pair is not None, "one of them is there"
            found[f"lora_unet_{original.replace('.', '_')}"] = turned(pair) if place.is_turned else pair
    for layer, pair in left.items():
        part, _, inside = layer.partition(".")
        if part not in dialects.TWO:
            raise RecordDamaged(f"kohya's format has no name for {layer}", hint="Choose --as diffusers.")
        found[dialects.TWO[part] + inside.replace(".", "_")] = pair
    return found


def _plain(pair: Pair) -> tuple[Tensor, Tensor]:
    from handstyle.diffusion.checkpoints import plain

    found = plain({"down": pair.down, "up": pair.up})
    return found["down"], found["up"]
