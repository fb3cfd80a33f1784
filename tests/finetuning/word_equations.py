"""What do text encoders read where a new word stands, and how do its vectors learn?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn.functional import pad

TABLE = "embeddings.token_embedding.weight"


class Word:
    """Rows behind an encoder's table (Gal et al. 2022), read by the classes of transformers; after `until` steps they
    are known, and stay."""

    def __init__(self, base: Path, called: str, rate: float, until: float) -> None:
        self.called, self.rate, self.until = called, rate, until
        self.base, self.index = base, json.loads((base / "model_index.json").read_text())
        self.pull = 0.1  # `retract_embeddings` in train_dreambooth_lora_sdxl_advanced.py
        self.parts: dict[str, tuple[Any, Any, str]] = {}

    def _loaded(self, part: str) -> tuple[Any, Any, str]:
        import transformers

        if part not in self.parts:
            encoder = getattr(transformers, self.index[part][1]).from_pretrained(self.base / part).requires_grad_(False)
            tokenizer = transformers.CLIPTokenizer.from_pretrained(
                self.base / part.replace("text_encoder", "tokenizer")
            )
            (table,) = (name for name, _ in encoder.named_parameters() if name.endswith(TABLE))
            self.parts[part] = encoder, tokenizer, table
        return self.parts[part]

    def read(self, texts: tuple[str, ...], weights: dict[str, Tensor]) -> Tensor:
        """The last states of the one encoder; or of two the last but one, side by side, and the summary of the second,
        all zeros where there are no words (Podell et al. 2023, section 2.1)."""
        hidden, found, ends, encoder = [], None, torch.empty(0), None
        for name in sorted(name for name in weights if self.is_its(name)):
            encoder, tokenizer, table = self._loaded(name.partition(".")[0])
            old = dict(encoder.named_parameters())[table]
            ids = torch.tensor([self._ids(tokenizer, text, len(old), len(weights[name])) for text in texts])
            ends = (ids == tokenizer.eos_token_id).int().argmax(dim=1)
            grown = {table: torch.cat([old, weights[name]])}
            found = functional_call(encoder, grown, (ids,), {"output_hidden_states": True})
            hidden.append(found.hidden_states[-2])
        if len(hidden) == 1:
            return found.last_hidden_state
        states = torch.cat(hidden, dim=-1)
        summary = encoder.text_projection(found.last_hidden_state[torch.arange(len(ends)), ends])
        rows = torch.cat([states, pad(summary, (0, states.shape[-1] - summary.shape[-1]))[:, None]], dim=1)
        silent = self.index.get("force_zeros_for_empty_prompt", True)
        return torch.stack([row * (0 if silent and not text else 1) for row, text in zip(rows, texts, strict=True)])

    def _ids(self, tokenizer: Any, text: str, first: int, vectors: int) -> list[int]:
        ids: list[int] = []
        for n, piece in enumerate(text.split(self.called)):
            ids += [*range(first, first + vectors)] if n else []
            ids += tokenizer(piece, add_special_tokens=False).input_ids
        room = tokenizer.model_max_length
        ids = [tokenizer.bos_token_id, *ids[: room - 2], tokenizer.eos_token_id]
        return ids + [tokenizer.pad_token_id] * (room - len(ids))

    def is_its(self, name: str) -> bool:
        return name.endswith(".emb_params")

    def rate_at(self, step: int) -> float:
        return self.rate if step < self.until else 0.0

    def draw_back(self, weights: dict[str, Tensor], step: int) -> None:
        """So that they stay about as long as other words."""
        for name in [name for name in weights if self.is_its(name) and step < self.until]:
            encoder, _, table = self._loaded(name.partition(".")[0])
            weights[name] *= (dict(encoder.named_parameters())[table].std() / weights[name].std()) ** self.pull
