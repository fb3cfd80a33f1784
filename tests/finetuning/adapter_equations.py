"""What does each adapter make of a layer's weights, by the definition in its paper?"""

from __future__ import annotations

import re

import torch
from torch import Tensor

LEVELS = re.compile(r"\.(?=lora_|hada_|lokr_|oft_)")


def changed(own: dict[str, Tensor], weights: dict[str, Tensor], algo: str, scale: float) -> dict[str, Tensor]:
    """Of each layer that has an adapter. `scale` is alpha / rank."""
    layers: dict[str, dict[str, Tensor]] = {}
    for name, tensor in weights.items():
        if not name.endswith(".emb_params"):
            layer, level = LEVELS.split(name)
            layers.setdefault(layer, {})[level.removesuffix(".weight")] = tensor
    return {f"{layer}.weight": of_one(own[f"{layer}.weight"], part, algo, scale) for layer, part in layers.items()}


def of_one(w: Tensor, part: dict[str, Tensor], algo: str, scale: float) -> Tensor:
    """Filters are rows of numbers here, one for each channel that comes out."""
    flat = w.flatten(1)
    if algo == "lora":  # W + s B A (Hu et al. 2021, eq. 3)
        found = flat + scale * part["lora_B"].flatten(1) @ part["lora_A"].flatten(1)
    elif (
        algo == "dora"
    ):  # m (W + s B A) / |W + s B A|, whose length is no function of A and B (Liu et al. 2024, eq. 11)
        turned = flat + scale * part["lora_B"].flatten(1) @ part["lora_A"].flatten(1)
        length = turned.detach().square().sum(dim=1, keepdim=True).sqrt()
        found = part["lora_magnitude_vector"].reshape(-1, 1) * turned / length
    elif algo == "loha":  # W + s (B1 A1) * (B2 A2), place by place (Hyeon-Woo et al. 2022, eq. 3)
        one, two = (part[f"hada_w{n}_a"] @ part[f"hada_w{n}_b"] for n in (1, 2))
        found = flat + scale * (one * two).reshape(flat.shape)
    elif algo == "lokr":  # W + s C x (B A), the Kronecker product; s is 1 where both are whole (Yeh et al. 2024, eq. 6)
        whole = "lokr_w2" in part
        second = part["lokr_w2"].flatten(1) if whole else part["lokr_w2_a"] @ part["lokr_w2_b"].flatten(1)
        rows = [torch.cat([number * second for number in row], dim=1) for row in part["lokr_w1"]]
        found = flat + (1.0 if whole else scale) * torch.cat(rows)
    else:  # each block of what comes in is turned by R = (I - Q)(I + Q)^-1, Q = -Q^T (Qiu et al. 2023, section 3.2)
        blocks, size = len(part["oft_R"]), flat.shape[1] // len(part["oft_R"])
        q, one, (i, j) = torch.zeros(blocks, size, size), torch.eye(size), torch.triu_indices(size, size, 1)
        q[:, i, j] = part["oft_R"]
        q = q - q.transpose(1, 2)
        r = (one - q) @ torch.linalg.inv(one + q)
        turned_blocks = [block @ turn.T for block, turn in zip(flat.chunk(blocks, dim=1), r, strict=True)]
        found = torch.cat(turned_blocks, dim=1)
    return found.reshape(w.shape)
