"""What do attackers start from?"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# Tests are imported one by one, so what they share needs a place.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1] / "collection"))
sys.path.insert(0, str(Path(__file__).parents[1] / "publication"))

from ingredients import gathered
from tests.attacks.scene import Scene


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> object:
    """What a release is made from, made once."""
    return gathered(tmp_path_factory.mktemp("ingredients"))


@pytest.fixture
def scene(shelf: object, tmp_path: Path, request: pytest.FixtureRequest) -> Scene:
    return Scene(tmp_path, shelf, lambda: Path(request.getfixturevalue("tiny_base")))
