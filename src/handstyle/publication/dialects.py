"""What does each tool call the same tensor?

    ours       unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight
    diffusers  the same; in the text encoder always with `text_model.`, which ComfyUI needs and diffusers accepts
    kohya      lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight
    of XL      lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.lora_down.weight, and lora_te1_, lora_te2_
    LyCORIS    kohya's modules, with .hada_w1_a and so on, as ours

    embedding  emb_params, the vectors of a new word; of XL clip_l and clip_g, one a text encoder; beside a LoRA in
               kohya's format with bundle_emb.WORD. before them, as A1111 and ComfyUI read it

Recent transformers have no `text_model.` level, so a style may have been saved without it. In kohya's format the U-Net
of SDXL has the names of the original code, since the trainer that gave the format its name has that U-Net.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path

from handstyle.diffusion.adapter_names import PAIR, WORD, Algorithm, is_of_a_word, taken_apart
from handstyle.diffusion.original_layout import renamed, unet_modules
from handstyle.errors import RecordDamaged
from handstyle.publication.provenance import Format
from handstyle.records import load_json
from handstyle.tensor_files import Tensor, scalar

DENOISERS = ("unet", "transformer")
PARTS = (*DENOISERS, "text_encoder", "text_encoder_2")
DOWN, UP = PAIR
OF_KOHYA = {DOWN: ".lora_down.weight", UP: ".lora_up.weight"}
# The style's own tensors, and the same for user interfaces, where those read this kind as it is.
FILES: Mapping[Algorithm, tuple[Format, Format | None]] = {
    "lora": ("diffusers-lora", "kohya-lora"),
    "dora": ("diffusers-lora", None),
    "loha": ("peft", "lycoris"),
    "lokr": ("peft", "lycoris"),
    "oft": ("peft", None),
    "textual-inversion": ("embedding", None),
}
OF_ONE_ENCODER = {"text_encoder": "emb_params"}
OF_TWO_ENCODERS = {"text_encoder": "clip_l", "text_encoder_2": "clip_g"}
BUNDLED = "bundle_emb."


def module_of(name: str) -> str:
    """The module a tensor of an adapter belongs to, with its part: `unet.mid_block…to_q`."""
    if parts := taken_apart(name):
        return parts[0]
    raise RecordDamaged(f"{name} is not a low-rank update", hint="Finetune again with the method `lora`.")


def files_of(algo: Algorithm, tensors: Mapping[str, Tensor]) -> tuple[Format, Format | None]:
    own, other = FILES[algo]
    return own, other if other == "kohya-lora" or not is_of_a_transformer(tensors) else None


def parted(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """What changes layers, and the vectors of a new word."""
    word = {name: tensor for name, tensor in tensors.items() if is_of_a_word(name)}
    return {name: tensor for name, tensor in tensors.items() if name not in word}, word


def as_embedding(word: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The vectors of a word as kohya's trainer, A1111 and ComfyUI name them."""
    names = OF_ONE_ENCODER if len(word) == 1 else OF_TWO_ENCODERS
    return {names[name.removesuffix(WORD)]: tensor for name, tensor in word.items()}


def from_embedding(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Back again. Raises KeyError for another name."""
    parts = {name: part for part, name in (OF_ONE_ENCODER if len(tensors) == 1 else OF_TWO_ENCODERS).items()}
    return {f"{parts[name]}{WORD}": tensor for name, tensor in tensors.items()}


def bundled(word: Mapping[str, Tensor], called: str) -> dict[str, Tensor]:
    """The same beside a LoRA in kohya's format (A1111's extensions-builtin/Lora/networks.py, `bundle_embeddings`)."""
    return {f"{BUNDLED}{called}.{name}": tensor for name, tensor in as_embedding(word).items()} if word else {}


def with_text_model(name: str) -> str:
    part, _, rest = name.partition(".")
    if part != "text_encoder" or rest.startswith(("text_model.", "text_projection.")):
        return name
    return f"{part}.text_model.{rest}"


def without_text_model(name: str) -> str:
    return name.replace("text_encoder.text_model.", "text_encoder.", 1)


@dataclass(frozen=True)
class Spelling:
    """How a base is spelled in kohya's format."""

    unet: Mapping[str, str] = field(
        default_factory=dict
    )  # diffusers' module -> the original's; empty where it keeps its name
    text_encoders: Mapping[str, str] = field(default_factory=lambda: {"text_encoder": "lora_te_"})

    def module(self, module: str) -> str:
        part, _, rest = with_text_model(module).partition(".")
        if part == "unet":
            name = renamed(f"{rest}.weight", self.unet) if self.unet else f"{rest}.weight"
            if name is not None:
                return "lora_unet_" + name.removesuffix(".weight").replace(".", "_")
        elif part in self.text_encoders:
            return self.text_encoders[part] + rest.replace(".", "_")
        raise RecordDamaged(f"kohya's format has no name for {module}", hint="Publish with the base it was trained on.")


ONE_TEXT_ENCODER = Spelling()
TWO = {"text_encoder": "lora_te1_", "text_encoder_2": "lora_te2_"}


def spelling_of(base: Path) -> Spelling:
    """Of a diffusers folder."""
    if not (base / "text_encoder_2" / "config.json").is_file():
        return ONE_TEXT_ENCODER
    return Spelling(_back(unet_modules(load_json(base / "unet" / "config.json"))), TWO)


@cache
def spellings() -> tuple[Spelling, ...]:
    """All there are: for whoever has no base beside the files. An original's names depend on how many layers a block
    has, and on which blocks of the way up attend."""
    return (ONE_TEXT_ENCODER, *_of_two_text_encoders())


def _of_two_text_encoders() -> Iterator[Spelling]:
    for layers, levels in product((1, 2, 3), (2, 3, 4)):
        for attends in product(("CrossAttn", ""), repeat=levels):
            shape = {"layers_per_block": layers, "down_block_types": ["CrossAttn"] * levels, "up_block_types": attends}
            yield Spelling(_back(unet_modules(shape)), TWO)


def _back(table: Mapping[str, str]) -> dict[str, str]:
    return {own: original for original, own in table.items()}


def as_diffusers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {with_text_model(name): tensor for name, tensor in tensors.items()}


def is_of_a_transformer(tensors: Mapping[str, Tensor]) -> bool:
    """Of which the other formats join several layers into one (`joined_layers.py`): a LoHa and a LoKr of the joined
    layer are not those of its parts."""
    return any(name.startswith("transformer.") for name in tensors)


def as_kohya(tensors: Mapping[str, Tensor], alpha: float, spelling: Spelling = ONE_TEXT_ENCODER) -> dict[str, Tensor]:
    """With the true alpha beside every module: readers that find none take the scale to be one."""
    renamed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        own = module_of(name)
        module, ending = spelling.module(own), name.removeprefix(own)
        renamed[module + OF_KOHYA.get(ending, ending)] = tensor
        renamed[f"{module}.alpha"] = scalar(alpha)
    if len(renamed) != len(tensors) + len({module_of(name) for name in tensors}):
        raise RecordDamaged("Two modules of the style have the same name in the kohya format")
    return renamed


def part_in(path: str) -> str:
    """The network of which a file holds all weights, by the folder it lies in, as diffusers lays it out; or nothing."""
    folder = path.partition("/")[0]
    return folder if "/" in path and folder in PARTS else ""


def part_of(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    """The tensors of one network, named from inside it."""
    return {name.removeprefix(f"{part}."): tensor for name, tensor in tensors.items() if name.startswith(f"{part}.")}


def rank_of(tensors: Mapping[str, Tensor]) -> int:
    """The rank every update has: the first axis of its `lora_A`."""
    ranks = {tensor.shape[0] for name, tensor in tensors.items() if name.endswith(DOWN)}
    if len(ranks) != 1:
        raise RecordDamaged(f"The style's updates have the ranks {sorted(ranks)} and must have one")
    return ranks.pop()
