"""What does the header of a LoHa, a LoKr or an OFT say, so that other tools compute what was trained?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from handstyle.finetuning.recipe import Recipe
from handstyle.publication import dialects
from handstyle.tensor_files import Tensor

PEFT_CONFIG = "peft_config"


def of_peft(tensors: Mapping[str, Tensor], recipe: Recipe) -> dict[str, str]:
    """By network, what `peft.get_peft_config` takes; modules are matched from the end of their names, so both spellings
    of a text encoder are found."""
    settings = {}
    for part in dialects.PARTS:
        inside = {name.removeprefix("text_model."): tensor for name, tensor in dialects.part_of(tensors, part).items()}
        if inside:
            settings[part] = _config(inside, recipe)
    return {"format": "pt", PEFT_CONFIG: json.dumps(settings, sort_keys=True)}


def _config(tensors: Mapping[str, Tensor], recipe: Recipe) -> dict[str, Any]:
    modules = sorted({dialects.module_of(name) for name in tensors})
    config: dict[str, Any] = {"peft_type": recipe.algo.upper(), "target_modules": modules}
    if recipe.algo == "oft":
        return config | {"r": 0, "oft_block_size": recipe.rank, "use_cayley_neumann": False}
    config |= {"r": recipe.rank, "alpha": recipe.lora_alpha}
    if recipe.algo == "lokr":
        # Two whole matrices have no rank to scale by: this is LyCORIS' rule, which PEFT has to be told.
        whole = [name for name in modules if {f"{name}.lokr_w1", f"{name}.lokr_w2"} <= tensors.keys()]
        config |= {"decompose_factor": recipe.lokr_factor, "alpha_pattern": dict.fromkeys(whole, recipe.rank)}
    return config


def of_lycoris(recipe: Recipe) -> dict[str, str]:
    """As LyCORIS' `kohya.py` is asked for; user interfaces show it, and compute from the tensors."""
    arguments: dict[str, str] = {"algo": recipe.algo}
    if "convolution" in recipe.lora_modules:
        arguments |= {"conv_dim": str(recipe.rank), "conv_alpha": str(recipe.lora_alpha)}
    if recipe.algo == "lokr":
        arguments["factor"] = str(recipe.lokr_factor)
    return {"ss_network_module": "lycoris.kohya", "ss_network_args": json.dumps(arguments)}
