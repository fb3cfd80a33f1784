"""What do the hostile cases have at hand?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Tests are imported one by one, so what they share needs a place.
sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "publication"))

from handstyle.terminal.command_line import ENVIRONMENT
from hostile.case import Place
from hostile.shelf import Shelf


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Shelf]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ENVIRONMENT:
            patch.setenv(name, "")
        yield Shelf(tmp_path_factory.mktemp("shelf"), lambda: request.getfixturevalue("tiny_base"))


@pytest.fixture
def place(tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An empty folder for what is given, and none yet for the workspace."""
    (tmp_path / "given").mkdir()
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path / "given", tmp_path / "workspace", shelf)
