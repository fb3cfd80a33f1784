"""Does `handstyle rename` call the stage with what was typed, and say what changed?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from handstyle import renaming
from handstyle.publication.renaming import Renamed
from handstyle.terminal import command_line


def renamed(**changes: Any) -> Renamed:
    told: dict[str, Any] = {
        "folder": "quiet-lines",
        "title": "Quiet lines",
        "name": "quiet-lines",
        "name_before": "soft-outline",
        "identifier": "hndst",
        "withdrew_identifier": False,
        "tensors": "a" * 64,
        "signer": "SHA256:new",
        "signer_before": "SHA256:new",
        "files_searched": 12,
        "left_out": (),
    }
    return Renamed.model_validate(told | changes)


def test_what_was_typed_reaches_the_stage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    heard: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    monkeypatch.setattr(renaming, "rename", lambda *words, **options: heard.append((words, options)) or renamed())
    typed = ["rename", "soft-outline", "Quiet lines", "--identifier", "qlines", "--to", str(tmp_path), "--remove-old"]
    assert command_line.answer(typed) == 0
    ((_, style, title), options) = heard[0]
    assert (style, title) == ("soft-outline", "Quiet lines")
    assert options == {"identifier": "qlines", "to": tmp_path, "remove_old": True}
    shown = capsys.readouterr()
    assert "12 files searched" in shown.out and "quiet-lines" in shown.out and "less surely" not in shown.err


def test_it_says_what_a_reader_has_to_know(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    told = renamed(withdrew_identifier=True, signer_before="SHA256:old", left_out=("notes.bin",))
    monkeypatch.setattr(renaming, "rename", lambda *words, **options: told)
    assert command_line.answer(["rename", "soft-outline", "Quiet lines"]) == 0
    said = capsys.readouterr().err
    assert "to the old word still" in said and "SHA256:old" in said and "notes.bin" in said
