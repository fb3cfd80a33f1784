"""What are the tensors of an adapter called, by the algorithm that made it?

As PEFT names them, without its adapter level: `unet.<module>.lora_A.weight`, `unet.<module>.hada_w1_a`. LyCORIS has the
same endings for LoHa and LoKr. The vectors of a new word are `text_encoder.emb_params`, `text_encoder_2.emb_params`.
"""

from __future__ import annotations

import re
from typing import Literal

Algorithm = Literal["lora", "dora", "loha", "lokr", "oft", "textual-inversion"]

PAIR = (".lora_A.weight", ".lora_B.weight")
MAGNITUDE = ".lora_magnitude_vector"
ROTATION = ".oft_R.weight"
WORD = ".emb_params"  # the vectors of a new word, in whichever text encoder; kohya's name for them
ENDINGS: dict[Algorithm, tuple[str, ...]] = {
    "lora": PAIR,
    "dora": (*PAIR, MAGNITUDE),
    "loha": (".hada_w1_a", ".hada_w1_b", ".hada_w2_a", ".hada_w2_b"),
    "lokr": (".lokr_w1", ".lokr_w2", ".lokr_w2_a", ".lokr_w2_b"),
    "oft": (ROTATION,),
    "textual-inversion": (),  # it changes no layer: what it learns are the vectors of a word
}
KNOWN_AS: dict[Algorithm, str] = {
    "lora": "LoRA",
    "dora": "DoRA",
    "loha": "LoHa",
    "lokr": "LoKr",
    "oft": "OFT",
    "textual-inversion": "textual inversion",
}

_ALL = tuple(dict.fromkeys(ending for endings in ENDINGS.values() for ending in endings))
_IN_PEFT = re.compile(r"\.(lora_(A|B|magnitude_vector)|hada_w[12]_[ab]|lokr_w[12](_[ab])?|oft_R)\.default\b")


def is_of_a_word(name: str) -> bool:
    return name.endswith(WORD)


def taken_apart(name: str) -> tuple[str, str] | None:
    """The module a tensor belongs to, and its ending; None for what is of no adapter."""
    ending = next((ending for ending in _ALL if name.endswith(ending)), None)
    return None if ending is None else (name.removesuffix(ending), ending)


def from_peft(name: str) -> str | None:
    """The name of one of PEFT's parameters as its files have it; None for what is no part of an adapter."""
    if not _IN_PEFT.search(name):
        return None
    plain = _IN_PEFT.sub(lambda found: found[0].removesuffix(".default"), name)
    return plain.removesuffix(".weight") if plain.endswith(f"{MAGNITUDE}.weight") else plain
