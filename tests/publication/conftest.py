"""What do the tests of publication start from?"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handstyle.collection.rights import RightsRecord

sys.path.insert(0, str(Path(__file__).parent))  # tests are imported one by one, so what they share needs a place

from ingredients import Ingredients, gathered


@pytest.fixture(scope="session")
def ingredients(tmp_path_factory: pytest.TempPathFactory) -> Ingredients:
    return gathered(tmp_path_factory.mktemp("ingredients"))


@pytest.fixture
def release(ingredients: Ingredients, tmp_path: Path) -> Path:
    return ingredients.assemble(tmp_path / "soft-outline")


@pytest.fixture
def permission() -> Callable[..., RightsRecord]:
    """A written permission by Ana Ruiz, changed as a test asks."""

    def make(**changes: Any) -> RightsRecord:
        return RightsRecord.model_validate(
            {
                "author": "Ana Ruiz",
                "basis": "written-permission",
                "permits": ("train", "publish-model", "commercial", "show-works"),
                "evidence": ({"file": "letter.pdf", "sha256": "e" * 64, "says": "a letter"},),
                **changes,
            }
        )

    return make
