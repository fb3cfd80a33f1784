"""How is a file of another tool worn?

Read are LoRA, LoCon, LoHa, LoKr and full differences, under every name `diffusion/adapters.py` knows. Pairs stay pairs,
with their scale in the second half, so that what is held is as small as the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from handstyle import digests
from handstyle.collection.plain_text import is_unwelcome, unwelcome_in
from handstyle.diffusion import adapters, low_rank
from handstyle.diffusion.family import ModelFamily
from handstyle.diffusion.pairs import Adapter, Pair
from handstyle.errors import UsageMistake
from handstyle.finetuning import origin
from handstyle.finetuning.foreign_style import ForeignStyle
from handstyle.finetuning.trained_style import BaseIdentity
from handstyle.generation.generate import Worn
from handstyle.tensor_files import metadata_of

TRIGGER, MERGED_FROM = "modelspec.trigger_phrase", "modelspec.merged_from"  # ModelSpec 1.0.1
LONGEST_TRIGGER, LONGEST_NAME = 200, 80  # letters


def worn_file(path: Path, weight: float, family: ModelFamily) -> Worn:
    """Raises UsageMistake where a tensor finds no layer in this base, or is of a kind that is not read."""
    if path.suffix != ".safetensors":
        raise UsageMistake(
            f"{path} is no .safetensors file", hint="Others can hold code: let the tool that made it save it as one."
        )
    adapter = adapters.read(path, family.folder)
    said, card = metadata_of(path), family.card
    style = ForeignStyle(
        name="".join(letter for letter in path.stem if not is_unwelcome(letter))[:LONGEST_NAME] or "unnamed",
        tensors=digests.of_tensor_file(path),
        base=BaseIdentity(
            name=card.name, family=family.kind, sha256=family.digest, licence=card.licence, source=card.source
        ),
        resolution=family.resolution,
        trigger=_trigger(said),
        merged_from=said.get(MERGED_FROM, ""),
        clip_skip=origin.clip_skip_of(said),
    )
    return Worn(style, by_parameter(adapter, family), weight, path)


def by_parameter(adapter: Adapter, family: ModelFamily) -> dict[str, Tensor]:
    """What is added to the networks as they are in memory: pairs as `lora_A` and `lora_B`, whole differences under the
    parameter's own name."""
    found: dict[str, Tensor] = {}
    for layer, update in adapter.items():
        part, _, inside = layer.partition(".")
        name = f"{part}.{origin.module_in(family.networks[part], inside)}"
        if isinstance(update, Pair):
            found[name + low_rank.DOWN] = update.down.float()
            found[name + low_rank.UP] = update.up.float() * (update.alpha / update.rank)
        else:
            found[f"{name}.weight"] = update
    return found


def _trigger(said: Mapping[str, str]) -> str:
    """Words in a stranger's file: what is no text is none."""
    words = " ".join(said.get(TRIGGER, "").split(" "))
    return "" if len(words) > LONGEST_TRIGGER or unwelcome_in(words) else words.strip()
