"""What is made of another tool's file, and what of it is another choice than the default?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from handstyle.finetuning.foreign_recipes import translated
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.translation import Translated


def read(folder: Path, text: str, name: str) -> Translated:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return translated(path)


def differences(found: Translated) -> dict[str, Any]:
    default = Recipe().as_json()
    return {name: value for name, value in found.recipe.as_json().items() if value != default.get(name)}
