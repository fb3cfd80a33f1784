"""How is a file of another tool worn?

Read are LoRA, LoCon, LoHa, LoKr, DoRA, OFT and full differences, under every name `diffusion/adapters.py` knows, and
new words. Pairs stay pairs, with their scale in the second half, so that what is held is as small as the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from handstyle import digests
from handstyle.collection.plain_text import is_unwelcome, unwelcome_in
from handstyle.diffusion import adapters, low_rank
from handstyle.diffusion.adapter_names import WORD
from handstyle.diffusion.checkpoints import plain, read_tensors
from handstyle.diffusion.embedding_files import word_in
from handstyle.diffusion.family import ModelFamily
from handstyle.diffusion.pairs import Adapter, Pair
from handstyle.errors import UsageMistake
from handstyle.finetuning import origin
from handstyle.finetuning.foreign_style import ForeignStyle
from handstyle.finetuning.trained_style import BaseIdentity
from handstyle.generation.generate import Worn
from handstyle.tensor_files import digest, metadata_of

TRIGGER, MERGED_FROM = "modelspec.trigger_phrase", "modelspec.merged_from"  # ModelSpec 1.0.1
LONGEST_TRIGGER, LONGEST_NAME = 200, 80  # letters


def worn_file(path: Path, weight: float, family: ModelFamily) -> Worn:
    """Raises UsageMistake where a tensor finds no layer in this base, or is of a kind that is not read."""
    if path.suffix != ".safetensors":
        raise UsageMistake(
            f"{path} is no .safetensors file", hint="Others can hold code: let the tool that made it save it as one."
        )
    word = word_in(path, read_tensors(path)[0], family.word_tables)
    adapter = {} if word and word.is_all else adapters.read(path, family.folder, without_word=word is not None)
    vectors = {f"{part}{WORD}": rows for part, rows in word.vectors.items()} if word else {}
    said, card = metadata_of(path), family.card
    style = ForeignStyle(
        name="".join(letter for letter in path.stem if not is_unwelcome(letter))[:LONGEST_NAME] or "unnamed",
        tensors=digests.of_tensor_file(path),
        base=BaseIdentity(
            name=card.name, family=family.kind, sha256=family.digest, licence=card.licence, source=card.source
        ),
        resolution=family.resolution,
        trigger=_trigger(said) or (word.word if word else ""),
        word=word.word if word else "",
        ends_in_noise=said.get("ss_zero_terminal_snr") == "True",
        merged_from=" ".join(filter(None, [said.get(MERGED_FROM, ""), _digest_here(vectors)])),
        clip_skip=origin.clip_skip_of(said),
    )
    return Worn(style, by_parameter(adapter, family) | vectors, weight, path)


def _digest_here(vectors: Mapping[str, Tensor]) -> str:
    """Of a word under the names it has in a style: one that was taught here is found again, its permission asked."""
    return f"sha256:{digest(plain(vectors))[:16]}" if vectors else ""


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
