"""How is attention computed as fast as the machine can, here and at this size?

On a processor: softmax(Q K^T / sqrt(d)) V as matrix products, block by block, so that a block of scores stays in the
cache. The blocks are kept for the way back while they are small in all, and computed again where they are large.
Measured on two cores of a Zen 5 in bf16 for 8 heads, 4096 x 4096, width 40: 67 + 89 ms forward and backward, where the
fused kernel takes 145 + 240 (`python -m benchmarks.speed.parts`). Where there is no way back and the tables are small,
one fused kernel takes the place of ten operations, each of which costs more to begin than to do: 6 heads, 16 x 77, for
a picture with guidance 75 µs beside 237 on two cores of a Xeon. On CUDA the fused kernel is the faster one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0
from torch import Tensor, nn

from handstyle.diffusion.packing import computed_in

BLOCK = 2 << 20  # scores: 4 MB in bf16
KEPT = 512 << 20  # bytes of scores that one layer may keep for the way back
SMALL = 1 << 16  # scores of a head
Block = tuple[slice, slice]  # heads, queries


class BlockedAttention:
    """A processor of diffusers' attention layers."""

    def __init__(self) -> None:
        self.other = AttnProcessor2_0()

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *rest: Any,
        **more: Any,
    ) -> Tensor:
        if not self._is_plain(attn, hidden_states, attention_mask):
            return cast(Tensor, self.other(attn, hidden_states, encoder_hidden_states, attention_mask, *rest, **more))
        keyed = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        batch, heads = len(hidden_states), attn.heads
        parts = attn.to_q(hidden_states), attn.to_k(keyed), attn.to_v(keyed)
        # Most of PEFT's layers give back the precision they were given, which is not that of the products.
        query, key, value = (part.to(computed_in(part, part)) for part in parts)
        if not torch.is_grad_enabled() and query.shape[1] * key.shape[1] <= SMALL:
            mixed_BNC = fused(query, key, value, heads, attn.scale)
        else:
            mixed_HND = attention(_by_head(query, heads), _by_head(key, heads), _by_head(value, heads), attn.scale)
            mixed_BNC = mixed_HND.reshape(batch, heads, *mixed_HND.shape[1:]).transpose(1, 2).flatten(2)
        answer: Tensor = attn.to_out[1](attn.to_out[0](mixed_BNC))
        return answer

    @staticmethod
    def _is_plain(attn: Any, hidden_states: Tensor, mask: Tensor | None) -> bool:
        """Whether nothing but the four products is asked for, as in every U-Net of Stable Diffusion."""
        special = (attn.spatial_norm, attn.group_norm, attn.norm_q, attn.norm_k, attn.norm_cross or None)
        return (
            mask is None
            and hidden_states.ndim == 3
            and all(norm is None for norm in special)
            and not attn.residual_connection
            and attn.rescale_output_factor == 1
        )


def fused(query_BNC: Tensor, key_BMC: Tensor, value_BMC: Tensor, heads: int, scale: float) -> Tensor:
    """The same in torch's own kernel, BNC; the heads lie side by side in C."""
    query, key, value = (_heads_apart(part, heads) for part in (query_BNC, key_BMC, value_BMC))
    return nn.functional.scaled_dot_product_attention(query, key, value, scale=scale).transpose(1, 2).flatten(2)


def attention(query_HND: Tensor, key_HMD: Tensor, value_HMD: Tensor, scale: float) -> Tensor:
    """softmax(scale Q K^T) V, HND (Vaswani et al. 2017, eq. 1); H counts the heads of all rows."""
    return cast(Tensor, Attention.apply(query_HND * scale, key_HMD, value_HMD))  # type: ignore[no-untyped-call]


class Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query_HND: Tensor, key_HMD: Tensor, value_HMD: Tensor) -> Tensor:
        keys_HDM = key_HMD.transpose(1, 2)
        mixed_HND = torch.empty_like(query_HND)
        keeps, shares = any(ctx.needs_input_grad) and _is_small(query_HND, key_HMD), []
        for heads, queries in blocks(len(query_HND), query_HND.shape[1], key_HMD.shape[1]):
            share = _shares(query_HND[heads, queries], keys_HDM[heads])
            mixed_HND[heads, queries] = torch.bmm(share, value_HMD[heads])
            if keeps:
                shares.append(share)
        ctx.save_for_backward(query_HND, key_HMD, value_HMD, *shares)
        return mixed_HND

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """With shares P: dV = P^T dO; dS = P (dP - sum(P dP)), dP = dO V^T; dQ = dS K; dK = dS^T Q."""
        (gradient_HND,) = gradients
        query_HND, key_HMD, value_HMD, *kept = ctx.saved_tensors
        values_HDM = value_HMD.transpose(1, 2)
        query_slope_HND = torch.empty_like(query_HND)
        # Turned, so that the narrow factor stands on the left: faster, and no large table is turned.
        key_slope_HDM = torch.zeros(values_HDM.shape)
        value_slope_HDM = torch.zeros(values_HDM.shape)
        for number, (heads, queries) in enumerate(blocks(len(query_HND), query_HND.shape[1], key_HMD.shape[1])):
            query, gradient = query_HND[heads, queries], gradient_HND[heads, queries]
            share = kept[number] if kept else _shares(query, key_HMD[heads].transpose(1, 2))
            slope = torch.bmm(gradient, values_HDM[heads])
            torch.ops.aten._softmax_backward_data.out(slope, share, -1, slope.dtype, grad_input=slope)
            query_slope_HND[heads, queries] = torch.bmm(slope, key_HMD[heads])
            key_slope_HDM[heads] += torch.bmm(query.transpose(1, 2), slope)
            value_slope_HDM[heads] += torch.bmm(gradient.transpose(1, 2), share)
        key_slope_HMD, value_slope_HMD = key_slope_HDM.transpose(1, 2), value_slope_HDM.transpose(1, 2)
        return query_slope_HND, key_slope_HMD.to(key_HMD.dtype), value_slope_HMD.to(value_HMD.dtype)


def blocks(heads: int, queries: int, keys: int) -> Sequence[Block]:
    """All heads and queries, in blocks of about BLOCK scores: several heads where they are small, else parts of one."""
    of_heads = max(1, min(heads, BLOCK // max(1, queries * keys)))
    of_queries = max(1, min(queries, BLOCK // (of_heads * keys)))
    return [
        (slice(head, head + of_heads), slice(query, query + of_queries))
        for head in range(0, heads, of_heads)
        for query in range(0, queries, of_queries)
    ]


def _shares(query_HND: Tensor, keys_HDM: Tensor) -> Tensor:
    """HNM, in the place of the scores: a second table would not fit into the cache beside the first."""
    scores_HNM = torch.bmm(query_HND, keys_HDM)
    return torch.softmax(scores_HNM, -1, out=scores_HNM)


def _is_small(query_HND: Tensor, key_HMD: Tensor) -> bool:
    scores = query_HND.shape[0] * query_HND.shape[1] * key_HMD.shape[1]
    return scores * query_HND.element_size() <= KEPT


def _by_head(part_BNC: Tensor, heads: int) -> Tensor:
    """BNC -> HND."""
    return _heads_apart(part_BNC, heads).flatten(0, 1)


def _heads_apart(part_BNC: Tensor, heads: int) -> Tensor:
    """BNC -> B x heads x N x D, where it lies."""
    batch, rows, channels = part_BNC.shape
    return part_BNC.reshape(batch, rows, heads, channels // heads).transpose(1, 2)


def use_plain_attention(unet: Any) -> None:
    """softmax(Q K^T / sqrt(d)) V as it is written (Vaswani et al. 2017, eq. 1)."""
    unet.set_attn_processor(AttnProcessor())
