"""Which way of computing attention is the faster one, here and at this size?

On a processor the fused kernel saves memory traffic where the table of scores is large, and its backward pass costs
more than batched matrix products where the table is small. Measured on two processors, forward and backward, in fp32
and bf16, the two cross between 256 x 256 (products faster) and 1024 x 1024 (kernel faster); see docs/speed.md.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0
from torch import Tensor

LARGE = 512 * 1024  # scores of one head: queries x keys


class FasterAttention:
    """Chooses by the number of scores, so that one network may use both."""

    def __init__(self) -> None:
        self.products, self.kernel = AttnProcessor(), AttnProcessor2_0()

    def __call__(
        self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None, *rest: Any, **more: Any
    ) -> Tensor:
        tokens = hidden_states.shape[1] if hidden_states.ndim == 3 else hidden_states.shape[2:].numel()
        keys = tokens if encoder_hidden_states is None else encoder_hidden_states.shape[1]
        way = self.kernel if is_large(tokens, keys) else self.products
        answer: Tensor = way(attn, hidden_states, encoder_hidden_states, *rest, **more)
        return answer


def is_large(queries: int, keys: int) -> bool:
    return queries * keys >= LARGE


def use_faster_attention(unet: Any) -> None:
    """On CUDA the fused kernel, diffusers' own default, is the faster one at every size."""
    if not torch.cuda.is_available():
        unet.set_attn_processor(FasterAttention())


def use_plain_attention(unet: Any) -> None:
    """softmax(Q K^T / sqrt(d)) V as it is written (Vaswani et al. 2017, eq. 1)."""
    unet.set_attn_processor(AttnProcessor())
