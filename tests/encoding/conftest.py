"""What is there to encode?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handstyle.collection.intake import collect
from handstyle.collection.rights import own_work
from handstyle.collection.rights_plan import for_all
from handstyle.collection.works import Collection
from handstyle.encoding.cache import Cache

Collecting = Callable[[], Collection]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five pictures of chance, named by their captions; the last is wide."""
    folder = tmp_path / "works"
    folder.mkdir()
    for number, name in enumerate(["ant", "bee", "cow", "dog", "wide elk"]):
        pixels = np.random.default_rng(number).integers(0, 256, (20, 48 if "wide" in name else 20, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def collected(folder: Path) -> Collecting:
    return lambda: collect(folder, rights=for_all(own_work("Ada Brush")), validation=None)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")
