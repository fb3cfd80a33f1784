"""Which pictures and folders do the tests of collecting start from?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

Drawing = Callable[..., Image.Image]
FolderOf = Callable[..., Path]


@pytest.fixture(scope="session")
def drawing() -> Drawing:
    """Every seed another picture: a red corner at the top left, and a bar whose colour is the seed."""

    def draw(seed: int = 0, size: tuple[int, int] = (24, 16)) -> Image.Image:
        image = Image.new("RGB", size, "white")
        image.paste("red", (0, 0, 6, 6))
        image.paste((seed % 256, seed // 256, 90), (8, 0, 12, 6))
        return image

    return draw


@pytest.fixture
def folder_of(tmp_path: Path, drawing: Drawing) -> FolderOf:
    """A folder with one picture a name, all different."""

    def fill(*names: str) -> Path:
        folder = tmp_path / "works"
        for seed, name in enumerate(names, 1):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            drawing(seed).save(folder / name)
        return folder

    return fill
