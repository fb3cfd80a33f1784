"""What does a network say to input that is random, small and always the same?"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from handstyle.diffusion import kinds

Networks = dict[str, nn.Module]

# In fp32 the two networks add the same numbers in another order; a wrong alpha is thousands of times farther away.
TOLERANCE = 1e-4
REPORT = "Nothing was published. Please report this with the versions of diffusers and peft."


def outputs_of(networks: Networks) -> dict[str, Tensor]:
    """By network."""
    random = torch.Generator().manual_seed(0)
    outputs: dict[str, Tensor] = {}
    for part, network in networks.items():
        config: Any = network.config
        if part == "unet":
            latents_BCHW = torch.randn(1, config.in_channels, 8, 8, generator=random)
            words_BTC = torch.randn(1, 7, config.cross_attention_dim, generator=random)
            more = _sizes_and_summary(config, random) if config.addition_embed_type == "text_time" else None
            outputs[part] = network(latents_BCHW, torch.tensor(500), words_BTC, added_cond_kwargs=more).sample
        elif part == "transformer":
            outputs[part] = _of_transformer(network, config, random)
        else:
            tokens_BT = torch.arange(1, min(16, config.max_position_embeddings))[None] % config.vocab_size
            found = network(tokens_BT)
            outputs[part] = torch.cat([found.last_hidden_state.flatten(), *_summary(found)])
    return outputs


def _of_transformer(network: Any, config: Any, random: torch.Generator) -> Tensor:
    words_BTC = torch.randn(1, 7, config.joint_attention_dim, generator=random)
    given = {
        "encoder_hidden_states": words_BTC,
        "pooled_projections": torch.randn(1, config.pooled_projection_dim, generator=random),
    }
    kind = kinds.with_denoiser(type(network).__name__)
    if kind and kind.reads_tokens:
        tokens_BND = torch.randn(1, 16, config.in_channels, generator=random)
        given |= {"txt_ids": torch.zeros(7, 3), "img_ids": torch.cartesian_prod(*(torch.arange(n) for n in (1, 4, 4)))}
        given |= {"guidance": torch.ones(1)} if config.guidance_embeds else {}
        return cast(Tensor, network(tokens_BND, timestep=torch.tensor([0.5]), **given).sample)
    latents_BCHW = torch.randn(1, config.in_channels, 8, 8, generator=random)
    return cast(Tensor, network(latents_BCHW, timestep=torch.tensor([500.0]), **given).sample)


def _sizes_and_summary(config: Any, random: torch.Generator) -> dict[str, Tensor]:
    """What SDXL's U-Net is told besides words: six sizes, and one row for the whole text."""
    width = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
    return {
        "text_embeds": torch.randn(1, width, generator=random),
        "time_ids": torch.tensor([[64.0, 64, 0, 0, 64, 64]]),
    }


def _summary(found: Any) -> list[Tensor]:
    return [found.text_embeds.flatten()] if hasattr(found, "text_embeds") else []
