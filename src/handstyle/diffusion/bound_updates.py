"""What does a file add to a layer where that depends on the weights the layer has: DoRA and OFT?

DoRA gives a changed weight other lengths, OFT turns it. LyCORIS' formulas are those of KohakuBlueleaf/LyCORIS 01ca138,
lycoris/modules/locon.py and diag_oft.py; ComfyUI computes alike, but for two things (comfy/weight_adapter/base.py
9c0cf36, oft.py 3684cff): lengths of rows it takes of the weight before it is changed, and the bound of an OFT it does
not multiply by the layer's width. sd-scripts' OFT is its networks/oft.py (077f6a4). PEFT's are its 0.21.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

MAGNITUDE, SCALE = "lora_magnitude_vector", "dora_scale"  # PEFT's name, and LyCORIS'
SKEW, BLOCKS, RESCALE = "oft_R.weight", "oft_blocks", "rescale"  # PEFT's, and LyCORIS' two


def decomposed(weight: Tensor, change: Tensor, magnitude: Tensor) -> Tensor:
    """m (W + s B A) / ||W + s B A|| - W, a magnitude for each row (Liu et al. 2024, eq. 5; PEFT's `dora.py`)."""
    changed = weight.float() + change
    norms_O = torch.linalg.vector_norm(changed.flatten(1), dim=1)
    scale_O: Tensor = magnitude.float().flatten() / norms_O
    difference: Tensor = scale_O.view(-1, *[1] * (weight.ndim - 1)) * changed - weight
    return difference


def decomposed_as_lycoris(weight: Tensor, change: Tensor, scale: Tensor) -> Tensor:
    """The same, a magnitude for each row or for each column, as the shape says; lengths are kept from zero."""
    changed = weight.float() + change
    ones = [1] * (weight.ndim - 2)
    if tuple(scale.shape) == (len(weight), 1, *ones):
        norms = torch.linalg.vector_norm(changed.flatten(1), dim=1).reshape(-1, 1, *ones)
    elif tuple(scale.shape) == (1, weight.shape[1], *ones):
        norms = torch.linalg.vector_norm(changed.transpose(0, 1).flatten(1), dim=1).reshape(1, -1, *ones)
    else:
        raise ValueError(f"its magnitudes have the shape {tuple(scale.shape)}")
    difference: Tensor = changed * (scale.float() / (norms + torch.finfo(torch.float32).eps)) - weight
    return difference


def turned_in_blocks(weight: Tensor, group: Mapping[str, Tensor], *, of_kohya: bool) -> Tensor:
    """R^T W - W in blocks along the output, R = (I + Q)(I - Q)^-1, with Q no longer than alpha times the output is
    wide; LyCORIS has no such bound where alpha is 0, and may have a factor for each row."""
    blocks_KNN = group[BLOCKS].float()
    if blocks_KNN.ndim != 3 or blocks_KNN.shape[0] * blocks_KNN.shape[1] != len(weight):
        raise ValueError(f"its blocks have the shape {tuple(blocks_KNN.shape)}")
    q_KNN, one = blocks_KNN - blocks_KNN.mT, torch.eye(blocks_KNN.shape[-1])
    length, most = torch.linalg.vector_norm(q_KNN), float(group.get("alpha", torch.tensor(0.0))) * len(weight)
    if of_kohya:
        q_KNN = q_KNN * ((length.clamp(max=most) + 1e-8) / (length + 1e-8))
    elif most > 0 and length + 1e-8 > most:
        q_KNN = q_KNN * most / (length + 1e-8)
    r_KNN = (one + q_KNN) @ torch.linalg.inv(one - q_KNN)
    rows_KNI = weight.float().reshape(len(r_KNN), r_KNN.shape[-1], -1)
    turned = torch.einsum("knm,kni->kmi", r_KNN, rows_KNI).reshape(weight.shape)
    if RESCALE in group:
        turned = group[RESCALE].float().reshape(-1, *[1] * (weight.ndim - 1)) * turned
    return turned - weight


def turned_as_peft(weight: Tensor, skew_NE: Tensor, terms: int | None, *, shares: bool = False) -> Tensor:
    """W R^T - W in blocks along the input. `terms`: of the series that PEFT takes for R where it is asked to."""
    width = weight.flatten(1).shape[1]
    size = round((1 + (1 + 8 * skew_NE.shape[1]) ** 0.5) / 2)
    number = width // size if shares else len(skew_NE)
    if number * size != width or size * (size - 1) // 2 != skew_NE.shape[1] or (shares and len(skew_NE) != 1):
        raise ValueError(f"its blocks have the shape {tuple(skew_NE.shape)}")
    r_NKK = rotation(skew_NE.float(), size, terms).expand(number, -1, -1)
    turned = torch.einsum("onc,nkc->onk", weight.float().reshape(len(weight), number, size), r_NKK)
    return turned.reshape(weight.shape) - weight


def rotation(skew_NE: Tensor, size: int, terms: int | None = None) -> Tensor:
    """R = (I - Q)(I + Q)^-1 in blocks, each from the E numbers of a skew-symmetric Q (Qiu et al. 2023; Cayley 1846).
    PEFT's series has the other sign: I + 2 Q + 2 Q^2 + ... + Q^n (`_cayley_batch`)."""
    first, second = torch.triu_indices(size, size, 1)
    q_NKK = skew_NE.new_zeros(len(skew_NE), size, size)
    q_NKK[:, first, second] = skew_NE
    q_NKK = q_NKK - q_NKK.mT
    one = torch.eye(size, dtype=q_NKK.dtype, device=q_NKK.device)
    if terms is None:
        exact: Tensor = torch.linalg.solve(one + q_NKK, one - q_NKK, left=False)
        return exact
    terms = 4 if terms == 3 else terms  # which PEFT does not tell apart
    found, power = one.expand_as(q_NKK).clone(), q_NKK
    for order in range(1, terms):
        found = found + (1 if order == terms - 1 and order > 1 else 2) * power
        power = power @ q_NKK
    return found
