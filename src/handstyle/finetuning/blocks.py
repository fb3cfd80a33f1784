"""Which layers of the denoiser lie in the blocks that are to learn?

A block is named as diffusers names it (`up_blocks.0.attentions.1`), or by a preset of the family: `style`, `content`.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from handstyle.diffusion.family import ModelFamily
from handstyle.errors import RecipeInvalid
from handstyle.finetuning.recipe import Recipe


def layers(family: ModelFamily, recipe: Recipe) -> list[str]:
    """Those of the recipe's kinds and blocks. Raises RecipeInvalid naming every block in which there are none."""
    of_kinds = family.low_rank_targets(recipe.lora_modules)
    if not recipe.lora_blocks:
        return of_kinds
    found: dict[str, list[str]] = {}
    for asked in recipe.lora_blocks:
        part, _, inside = asked.partition(".")
        plain = inside if part in family.networks and inside else asked
        names = family.block_presets.get(plain, (plain,))
        found[asked] = [layer for layer in of_kinds if any(_lies_in(layer, name) for name in names)]
    if missing := [asked for asked, inside_ in found.items() if not inside_]:
        raise _no_such(missing, family, of_kinds)
    chosen = {layer for inside_ in found.values() for layer in inside_}
    return [layer for layer in of_kinds if layer in chosen]


def _lies_in(layer: str, block: str) -> bool:
    return layer == block or layer.startswith(f"{block}.")


def _no_such(missing: Sequence[str], family: ModelFamily, of_kinds: Sequence[str]) -> RecipeInvalid:
    known = _blocks_with(of_kinds)
    nearest = difflib.get_close_matches(missing[0], [*family.block_presets, *known], n=1)
    presets = ", ".join(family.block_presets) or "none for this base"
    return RecipeInvalid(
        f"lora_blocks: in {', '.join(missing)} there is no layer of this base that the recipe lets learn",
        hint=f"{f'Nearest is {nearest[0]}. ' if nearest else ''}Presets: {presets}. Blocks: {', '.join(known)}.",
    )


def _blocks_with(of_kinds: Sequence[str]) -> list[str]:
    """`up_blocks.0`, `up_blocks.0.attentions.1`, `mid_block` and so on: up to the second number of a name."""
    found: dict[str, None] = {}
    for layer in of_kinds:
        parts = layer.split(".")
        numbers = [place for place, part in enumerate(parts) if part.isdecimal()]
        for place in numbers[:2]:
            found.setdefault(".".join(parts[: place + 1]))
    return list(found)
