"""What do the hostile cases have at hand?"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# Tests are imported one by one, so what they share needs a place.
sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "publication"))

from handstyle.terminal.command_line import ENVIRONMENT
from hostile.case import Place


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Place:
    """An empty folder for what is given, and none yet for the workspace."""
    (tmp_path / "given").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ENVIRONMENT:
        monkeypatch.setenv(name, "")
    return Place(tmp_path / "given", tmp_path / "workspace", request)
