"""Where does a training begin that goes on from a file of another tool?

At low-rank updates that compute what the file computes: a pair of a smaller rank is filled up, its scale goes into B,
and what is no pair (LoHa, LoKr, whole differences) becomes one by its singular values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from handstyle import digests
from handstyle.diffusion import adapters, factoring, low_rank
from handstyle.diffusion.checkpoints import read_tensors, write_tensors
from handstyle.diffusion.family import ModelFamily
from handstyle.diffusion.pairs import Adapter, Pair
from handstyle.errors import UsageMistake
from handstyle.finetuning.recipe import Recipe
from handstyle.tensor_files import metadata_of

FILE = "origin.safetensors"  # beside a run's manifest: whoever trains it again needs it


@dataclass(frozen=True)
class Origin:
    """`tensors` by the names that learn, with the rank and the alpha of the recipe."""

    digest: str  # of the tensors in the file as it came
    tensors: Mapping[str, Tensor]
    missed: float = 0.0  # share of the file's change that the rank does not hold

    def layers(self, part: str) -> list[str]:
        """Of one network: what the file changes learns, whatever the recipe says."""
        inside = low_rank.split(self.tensors, part)
        return [name.removesuffix(low_rank.DOWN) for name in inside if name.endswith(low_rank.DOWN)]

    def save(self, run: Path) -> Path:
        return write_tensors(run / FILE, self.tensors, {"format": "pt"})


def of_run(run: Path, digest: str) -> Origin | None:
    """That of a run that was begun so; None for all others."""
    return Origin(digest, read_tensors(run / FILE)[0]) if digest else None


def settings_of(path: Path, base: Path) -> dict[str, Any]:
    """What a recipe needs to go on from this file: its rank, its alpha, and its text encoder where it has one."""
    adapter = adapters.read(path, base)
    pairs = [update for update in adapter.values() if isinstance(update, Pair)]
    found: dict[str, Any] = {}
    if pairs:
        rank = max(pair.rank for pair in pairs)
        alphas = Counter(pair.alpha for pair in pairs if pair.rank == rank and pair.alpha > 0)
        found = {"rank": rank, "lora_alpha": alphas.most_common(1)[0][0] if alphas else rank}
    if _has_text(adapter):
        found["train_text_encoder"] = True
    if skipped := clip_skip_of(metadata_of(path)):
        found["clip_skip"] = skipped
    return found


def clip_skip_of(header: Mapping[str, str]) -> int | None:
    """What kohya's trainer says of it, where the last layer counts as 1; None where nothing is said."""
    said = header.get("ss_clip_skip", "")
    return max(0, int(said) - 1) if said.isdecimal() and len(said) < 3 else None


def origin(path: Path, family: ModelFamily, recipe: Recipe) -> Origin:
    """Raises UsageMistake where the recipe cannot go on from this file."""
    adapter = adapters.read(path, family.folder)
    if recipe.method != "lora":
        raise UsageMistake(
            "a full finetuning goes on from a model, and this file holds low-rank updates",
            hint="Merge them first (`handstyle convert FILE --as folder --to merged`) and name that with --base.",
        )
    if recipe.algo != "lora":
        raise UsageMistake(f"what goes on from a file goes on as LoRA, not as {recipe.algo}", hint="Leave algo out.")
    if _has_text(adapter) and not recipe.train_text_encoder:
        raise UsageMistake(
            f"{path} changes the text encoder, and the recipe leaves that as it is",
            hint="Set train_text_encoder=true: what the file says there goes on learning.",
        )
    factored = factoring.as_pairs(adapter, family.folder, recipe.rank)
    tensors: dict[str, Tensor] = {}
    for layer, pair in factored.pairs.items():
        part, _, inside = layer.partition(".")
        tensors |= _filled(part, family.networks[part], inside, pair, recipe)
    return Origin(digests.of_tensor_file(path), tensors, factored.missed)


def _has_text(adapter: Adapter) -> bool:
    return any(layer.startswith("text_encoder") for layer in adapter)


def _filled(part: str, network: nn.Module, layer: str, pair: Pair, recipe: Recipe) -> dict[str, Tensor]:
    """A pair of the recipe's rank and alpha with the same product: rows of chance in A meet columns of zeros in B."""
    name = module_in(network, layer)
    out, *into = network.get_parameter(f"{name}.weight").shape
    chance = torch.Generator().manual_seed(recipe.seed)
    scale = (pair.alpha / pair.rank) / (recipe.lora_alpha / recipe.rank)
    down = pair.down.float().reshape(pair.rank, *into)
    more = torch.randn(recipe.rank - pair.rank, *into, generator=chance) * down.std()
    up = pair.up.float().reshape(out, pair.rank) * scale
    up = torch.cat([up, torch.zeros(out, recipe.rank - pair.rank)], dim=1)
    shape = (out, recipe.rank, 1, 1) if len(into) == 3 else (out, recipe.rank)
    return {
        f"{part}.{name}{low_rank.DOWN}": torch.cat([down, more]).contiguous(),
        f"{part}.{name}{low_rank.UP}": up.reshape(shape).contiguous(),
    }


def module_in(network: nn.Module, layer: str) -> str:
    """Recent transformers have no `text_model.` level, which files always have."""
    return layer if layer in dict(network.named_modules()) else layer.removeprefix("text_model.")
