"""Does diffusers, given the exported vectors of a new word, read it as it was taught?

What was taught is computed here by the definition: at the places of the word, its vectors stand where those of other
words are looked up.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from handstyle.errors import RecordDamaged
from handstyle.publication import dialects
from handstyle.publication.outputs import REPORT, TOLERANCE

TOKENIZERS = {"text_encoder": "tokenizer", "text_encoder_2": "tokenizer_2"}
BEFORE, BEHIND = "a boat, ", " drawing"


def difference(base: Path, word: Mapping[str, Tensor], called: str, exported: Path, pipeline: Any) -> float:
    """The largest, of what the text encoders say of a prompt with the word, relative to the largest value.

    Raises RecordDamaged where it is not the word that was taught.
    """
    try:
        found = _difference(base, word, called, exported, pipeline)
    except Exception as error:  # the loaders raise whatever comes their way
        raise RecordDamaged(f"{exported.name} does not load again: {error}", hint=REPORT) from error
    if not found <= TOLERANCE:
        raise RecordDamaged(
            f"{exported.name}, loaded again, does not read the word as it was taught: what is said of it differs by "
            f"{found:.2g} of the largest value, where {TOLERANCE:g} is allowed",
            hint=REPORT,
        )
    return found


def _difference(base: Path, word: Mapping[str, Tensor], called: str, exported: Path, pipeline: Any) -> float:
    held = load_file(exported)
    names = dialects.OF_ONE_ENCODER if len(word) == 1 else dialects.OF_TWO_ENCODERS
    if held.keys() != {names[part] for part in word}:
        raise ValueError(f"it holds {sorted(held)}")
    found = []
    for part, rows_KD in word.items():
        taught = _taught(base, part, rows_KD)
        encoder, tokenizer = _encoder(base, part), CLIPTokenizer.from_pretrained(base / TOKENIZERS[part])
        state = held[names[part]] if len(word) > 1 else {names[part]: held[names[part]]}
        pipeline.load_textual_inversion(state, token=called, text_encoder=encoder, tokenizer=tokenizer)
        # With an old configuration, which says 2, the sum of a text would be taken at the new word.
        getattr(encoder, "text_model", encoder).eos_token_id = tokenizer.eos_token_id
        prompt = pipeline.maybe_convert_prompt(f"{BEFORE}{called}{BEHIND}", tokenizer)
        read = _said(encoder, _padded(tokenizer, tokenizer(prompt, add_special_tokens=False).input_ids))
        found.append(float((read - taught).abs().max() / taught.abs().max()))
    return max(found)


def _taught(base: Path, part: str, rows_KD: Tensor) -> Tensor:
    encoder, tokenizer = _encoder(base, part), CLIPTokenizer.from_pretrained(base / TOKENIZERS[part])
    before, behind = (tokenizer(words, add_special_tokens=False).input_ids for words in (BEFORE, BEHIND))
    first = 1 + len(before)  # behind the start of the text

    def put(table: object, given: object, found_BLD: Tensor) -> Tensor:
        found_BLD = found_BLD.clone()
        found_BLD[:, first : first + len(rows_KD)] = rows_KD
        return found_BLD

    encoder.get_input_embeddings().register_forward_hook(put)
    return _said(encoder, _padded(tokenizer, [*before, *[0] * len(rows_KD), *behind]))


def _encoder(base: Path, part: str) -> Any:
    library = CLIPTextModelWithProjection if part == "text_encoder_2" else CLIPTextModel
    return library.from_pretrained(base / part, local_files_only=True).float().eval()


def _padded(tokenizer: Any, tokens: list[int]) -> Tensor:
    inside = [tokenizer.bos_token_id, *tokens, tokenizer.eos_token_id]
    return torch.tensor([inside + [tokenizer.pad_token_id] * (tokenizer.model_max_length - len(inside))])


def _said(encoder: Any, tokens_BL: Tensor) -> Tensor:
    found = encoder(tokens_BL)
    summary = found.text_embeds if hasattr(found, "text_embeds") else found.pooler_output
    return torch.cat([found.last_hidden_state.flatten(), summary.flatten()])
