"""Does a record come back as it went, whole or not at all?"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from handstyle import records
from handstyle.errors import RecipeInvalid, RecordDamaged, UsageMistake, WriteFailed
from handstyle.records import Record, load_json, load_toml, write, write_with


class Boat(Record):
    name: str
    number_of_masts: int = 1
    tenders: tuple[str, ...] = ()


def test_a_record_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    boat = Boat(name="Zoë \U0001f6a2\n", number_of_masts=3, tenders=("a", "b"))
    path = boat.save(tmp_path / "new" / "folder" / "boat.json")
    assert Boat.load(path) == boat
    assert "Zoë" in path.read_text(encoding="utf-8"), "people read these files"
    assert Boat.load(path).digest == boat.digest != Boat(name="other").digest


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Boat(name="a").name = "b"  # type: ignore[misc]


def test_an_unknown_key_is_refused_with_the_nearest() -> None:
    with pytest.raises(RecordDamaged) as damaged:
        Boat.read({"name": "a", "number_of_mast": 2, "zzz": 1}, where="boat.json")
    assert damaged.value.faults == ("number_of_mast: unknown key; did you mean `number_of_masts`?", "zzz: unknown key")


def test_all_faults_are_named_at_once_with_where_they_are() -> None:
    with pytest.raises(UsageMistake) as mistake:
        Boat.read({"number_of_masts": "many", "tenders": [1]}, where="the boat", error=UsageMistake)
    assert [fault.split(":")[0] for fault in mistake.value.faults] == ["name", "number_of_masts", "tenders.0"]
    assert mistake.value.what == "the boat is not a valid Boat" and mistake.value.hint


@pytest.mark.parametrize("data", [None, 3, [], "text"])
def test_what_is_no_table_is_refused(data: Any) -> None:
    with pytest.raises(RecordDamaged, match=r"boat\.json is not a valid Boat"):
        Boat.read(data, where="boat.json")


DAMAGED = {"empty": b"", "cut": b"{", "no text": b"\xff\xfe", "deep": b"[" * 200_000, "two": b"{} {}"}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=list(DAMAGED))
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "boat.json"
    path.write_bytes(content)
    with pytest.raises(RecordDamaged, match=r"boat\.json cannot be read"):
        load_json(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordDamaged, match=r"boat\.json does not exist"):
        load_json(tmp_path / "boat.json")
    with pytest.raises(RecipeInvalid, match=r"boat\.toml does not exist"):
        load_toml(tmp_path / "boat.toml", RecipeInvalid)


def test_a_file_too_large_for_a_record_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "LARGEST_RECORD", 10)
    monkeypatch.setattr(records, "LARGEST_TOML", 10)
    path = write(tmp_path / "boat.json", b'{"name": "a long one"}')
    for load in (load_json, load_toml):
        with pytest.raises(RecordDamaged, match="larger than"):
            load(path)


# Writing


def full(*given: Any) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("moment", [(Path, "write_bytes"), (os, "fsync"), (Path, "replace")], ids=lambda m: m[1])
def test_where_writing_fails_what_stood_there_stands_there_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: tuple[Any, str]
) -> None:
    path = write(tmp_path / "boat.json", b"before")
    with monkeypatch.context() as patch:
        patch.setattr(*moment, full)
        with pytest.raises(WriteFailed, match=r"boat\.json could not be written: No space left on device"):
            write(path, b"after")
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path], "nothing is left beside it"


def test_an_interruption_leaves_nothing_beside_it(tmp_path: Path) -> None:
    def interrupted(beside: Path) -> None:
        beside.write_bytes(b"half")
        raise KeyboardInterrupt

    path = write(tmp_path / "boat.json", b"before")
    with pytest.raises(KeyboardInterrupt):
        write_with(path, interrupted)
    assert path.read_bytes() == b"before" and list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WriteFailed):
        write(tmp_path / "file" / "boat.json", b"")


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of another kind")
def test_others_may_read_what_is_written(tmp_path: Path) -> None:
    assert write(tmp_path / "boat.json", b"").stat().st_mode & 0o777 == 0o644


def test_names_of_any_length_and_kind_can_be_written(tmp_path: Path) -> None:
    for name in ("é" * 60 + ".json", "a b.json", ".hidden"):
        assert write(tmp_path / name, b"x").read_bytes() == b"x"
