"""What do the hostile cases have at hand?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # tests are imported one by one; these share modules

from tests.hostile.case import Place
from tests.hostile.shelf import Shelf

from handstyle.terminal.command_line import ENVIRONMENT


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
