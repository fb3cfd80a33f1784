"""What do the tests of exactness share? A scene, and the journeys on it that nobody disturbs."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # tests are imported one by one; these share modules

from tests.exactness.campaign import Player
from tests.exactness.journey import Scene, Undisturbed

if sys.platform == "win32":  # which has neither SIGKILL nor forks
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def player(tmp_path_factory: pytest.TempPathFactory) -> Player:
    return Player(Scene(tmp_path_factory.mktemp("exactness") / "scene").make())


@pytest.fixture(scope="session")
def scene(player: Player) -> Scene:
    return player.scene


@pytest.fixture(scope="session")
def undisturbed(player: Player) -> Callable[[str], Undisturbed]:
    return functools.partial(player.reference)
