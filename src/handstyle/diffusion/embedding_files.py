"""Which new word does a file of another tool hold, beside a LoRA or alone?

emb_params                       kohya's trainer and A1111, of one text encoder; the word is the file's name
clip_l, clip_g                   the same of Stable Diffusion XL
WORD                             diffusers: one tensor, called as the word
bundle_emb.WORD.emb_params       beside a LoRA: A1111, ComfyUI, OneTrainer
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from handstyle.errors import UsageMistake

BUNDLED = "bundle_emb."
TABLES = {"emb_params": "text_encoder", "clip_l": "text_encoder", "clip_g": "text_encoder_2"}
WORD = re.compile(r"[\w<>.-]{1,80}")


@dataclass(frozen=True)
class NewWord:
    word: str
    vectors: Mapping[str, Tensor]  # text encoder -> KD
    is_all: bool  # there is nothing else in the file


def word_in(path: Path, tensors: Mapping[str, Tensor], word_tables: Sequence[str]) -> NewWord | None:
    """None where there is none. Raises UsageMistake for several, and for one of other text encoders than these."""
    beside: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith(BUNDLED):
            word, _, key = name.removeprefix(BUNDLED).rpartition(".")
            beside.setdefault(word, {})[key] = tensor
    if len(beside) > 1:
        raise UsageMistake(f"{path} holds {len(beside)} new words, and one is read", hint="Take them apart first.")
    for word, own in beside.items():
        return _checked(path, word, own, word_tables, is_all=False)
    if tensors and tensors.keys() <= TABLES.keys():
        return _checked(path, path.stem, tensors, word_tables, is_all=True)
    if len(tensors) == 1 and (one := next(iter(tensors))) and not one.endswith((".weight", ".alpha")):
        return _checked(path, one, {"emb_params": tensors[one]}, word_tables, is_all=True)
    return None


def _checked(path: Path, word: str, own: Mapping[str, Tensor], word_tables: Sequence[str], *, is_all: bool) -> NewWord:
    vectors = {TABLES[key]: rows.float() for key, rows in own.items() if key in TABLES}
    vectors = {part: rows[None] if rows.ndim == 1 else rows for part, rows in vectors.items()}
    if len(vectors) < len(own) or vectors.keys() != set(word_tables):
        raise UsageMistake(
            f"{path} holds a new word of other text encoders than this base has",
            hint="Name the base it was made for with --base.",
        )
    if not WORD.fullmatch(word):
        raise UsageMistake(
            f"the new word in {path} is called `{word:.80}`, which is not one word",
            hint="Where the file is called as its word, give it another name; else have it made again.",
        )
    if any(rows.ndim != 2 or not len(rows) for rows in vectors.values()):
        raise UsageMistake(f"{path} holds no vectors of a word", hint="Give a file as kohya or diffusers write it.")
    return NewWord(word, vectors, is_all)
