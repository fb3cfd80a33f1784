"""How does a new word join the vocabulary of text encoders, and leave it without a trace?

A word has a row of numbers for each of its vectors. They stand behind the table of the encoder, which keeps its own
rows bit for bit; the tokenizer is a copy that knows one word more (Gal et al. 2022, "An Image is Worth One Word").
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn

from handstyle.diffusion.family import ModelFamily
from handstyle.errors import UsageMistake


def spelled(word: str, vectors: int) -> list[str]:
    """`hndst`, `hndst_1`, `hndst_2`: as diffusers calls the vectors of one word (loaders/textual_inversion.py)."""
    return [word, *(f"{word}_{n}" for n in range(1, vectors))]


@contextmanager
def joined(family: ModelFamily, word: str, vectors: Mapping[str, Tensor]) -> Iterator[dict[str, nn.Parameter]]:
    """Text encoder -> its rows for the word (KD). Yields them as the parameters that are read meanwhile.

    Raises UsageMistake where the word is there already.
    """
    check(family, word, vectors)
    with ExitStack() as stack:
        yield {part: stack.enter_context(_grown(family, part, word, rows_KD)) for part, rows_KD in vectors.items()}


def check(family: ModelFamily, word: str, parts: Sequence[str] | Mapping[str, Tensor]) -> None:
    """Raises UsageMistake where this base has no table that a word can join, or knows the word."""
    if not family.word_tables or not set(parts) <= set(family.word_tables):
        raise UsageMistake(
            f"{family.known_as} cannot be taught a new word: not by CLIP's tables alone does it read words",
            hint="Stable Diffusion 1.x, 2.x and XL can be; or finetune without a new word.",
        )
    for part in parts:
        known = _tokenizer(family, part).get_vocab()
        if found := {word, f"{word}_1", f"{word}</w>"} & known.keys():
            raise UsageMistake(
                f"`{word}` is no new word: the base knows `{min(found)}` already",
                hint="Choose another identifier, such as one of rare letters; of two styles with one word, wear one.",
            )


def table(family: ModelFamily, part: str) -> Tensor:
    """The rows of the words that a text encoder knows."""
    return cast(Tensor, family.text_encoders[part].get_input_embeddings().weight.detach())


def tokens(family: ModelFamily, part: str, words: str) -> list[int]:
    """Which rows of the table some words are."""
    return list(_tokenizer(family, part)(words, add_special_tokens=False).input_ids)


def _tokenizer(family: ModelFamily, part: str) -> Any:
    return family.tokenizers[list(family.text_encoders).index(part)]


@contextmanager
def _grown(family: ModelFamily, part: str, word: str, rows_KD: Tensor) -> Iterator[nn.Parameter]:
    place, encoder = list(family.text_encoders).index(part), family.text_encoders[part]
    network = getattr(encoder, "text_model", encoder)
    before, own, end = family.tokenizers[place], network.embeddings.token_embedding, network.eos_token_id
    if rows_KD.ndim != 2 or rows_KD.shape[1] != own.weight.shape[1]:
        raise UsageMistake(
            f"the vectors of `{word}` are of another width than those of the base", hint="Give its own base: --base."
        )
    tokenizer = GrownTokenizer(before, word, len(rows_KD))
    grown = GrownTable(own, rows_KD.to(own.weight), tokenizer.first)
    try:
        family.tokenizers[place] = tokenizer
        network.embeddings.token_embedding = grown
        # Old configurations say 2, and then a text is summed up where its token of the largest number stands: that is
        # its end only as long as no word is new. kohya has the same (`pool_workaround`, library/train_util.py).
        network.eos_token_id = tokenizer.eos_token_id
        yield grown.rows
    finally:
        family.tokenizers[place], network.embeddings.token_embedding, network.eos_token_id = before, own, end


class GrownTable(nn.Module):
    """A table with rows behind it. Its own weight keeps its name in the network."""

    def __init__(self, table: nn.Module, rows_KD: Tensor, first: int) -> None:
        super().__init__()
        self._table = [table]  # in a list: no part of the network under a second name
        self.weight = table.weight
        self.rows = nn.Parameter(rows_KD.clone(), requires_grad=False)
        self.first = first

    def forward(self, tokens_BL: Tensor) -> Tensor:
        is_new_BL = tokens_BL >= self.first
        known_BLD = self._table[0](tokens_BL.clamp_max(self.first - 1))
        new_BLD = nn.functional.embedding((tokens_BL - self.first).clamp(0, len(self.rows) - 1), self.rows)
        return torch.where(is_new_BL[..., None], new_BLD, known_BLD)


class GrownTokenizer:
    """Reads as the one it was made from, and knows one word more, which stands for all of its vectors."""

    def __init__(self, tokenizer: Any, word: str, vectors: int) -> None:
        self._own = copy.deepcopy(tokenizer)
        names = spelled(word, vectors)
        self._own.add_tokens(names)
        self.first = int(self._own.convert_tokens_to_ids(word))
        self._word = re.compile(re.escape(word) + r"(?!_\d)")
        self._written = " ".join(names)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_own":  # asked for while it is copied
            raise AttributeError(name)
        return getattr(self._own, name)

    def __len__(self) -> int:
        return len(self._own)

    def __call__(self, texts: str | list[str], **how: Any) -> Any:
        if not isinstance(texts, str):
            return self._own([self._word.sub(self._written, text) for text in texts], **how)
        found = self._own(self._word.sub(self._written, texts), **how)
        if how.get("return_offsets_mapping"):
            found["offset_mapping"] = self._in_text(texts, found["offset_mapping"])
        return found

    def _in_text(self, text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Spans of what was written, as spans of `text`."""
        origin: list[tuple[int, int]] = []  # of each letter that was written
        place = 0
        for found in self._word.finditer(text):
            origin += [(n, n + 1) for n in range(place, found.start())]
            origin += [found.span()] * len(self._written)
            place = found.end()
        origin += [(n, n + 1) for n in range(place, len(text))]
        return [(origin[start][0], origin[end - 1][1]) if end > start else (0, 0) for start, end in spans]
