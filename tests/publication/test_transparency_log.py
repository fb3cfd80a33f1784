"""Does the log only grow, whatever happens while it is written, and is nothing signed that is not there?"""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from handstyle import records
from handstyle.errors import LogBroken, RecordDamaged, UsageMistake, WriteFailed
from handstyle.keys import KeySigner
from handstyle.publication import merkle, transparency_log
from handstyle.publication.log_copy import copy_at
from handstyle.publication.log_entries import Kept, RenamingRecord, kept
from handstyle.publication.transparency_log import TransparencyLog

OWN = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
BEGAN = datetime(2026, 11, 25, 12, tzinfo=UTC)


def renamed(number: int) -> RenamingRecord:
    return RenamingRecord(before=f"name {number}", after="another", tensors="a" * 64)


@pytest.fixture
def log(tmp_path: Path) -> TransparencyLog:
    return transparency_log.start(tmp_path / "log", "studio.example/log", lambda: OWN, lambda: BEGAN)


def again(log: TransparencyLog) -> TransparencyLog:
    return transparency_log.opened(log.folder, log.signer, log.clock)


def test_what_is_appended_is_there_and_signed(log: TransparencyLog) -> None:
    logged = [log.append(renamed(number)) for number in range(5)]
    newest = again(log).checkpoint()
    assert [one.index for one in logged] == list(range(5)) and newest.size == 5
    assert newest.root == merkle.root([one.entry.leaf for one in logged])
    assert again(log).logged() == logged
    assert copy_at(log.folder).checkpoint == newest


def test_names_are_neither_in_the_entries_nor_in_what_is_published(log: TransparencyLog) -> None:
    log.append(renamed(1))
    assert b"name 1" in (log.folder / "records" / "000000.json").read_bytes()
    for file in ("entries.jsonl", "log.txt", "checkpoint"):
        assert b"name" not in (log.folder / file).read_bytes()


def test_the_same_record_twice_looks_like_two_others(log: TransparencyLog) -> None:
    first, second = log.append(renamed(1)), log.append(renamed(1))
    assert first.entry.salted != second.entry.salted
    assert len({kept(renamed(1)).salt for _ in range(100)}) == 100


def test_what_is_erased_is_gone_and_the_tree_stays_valid(log: TransparencyLog) -> None:
    for number in range(3):
        log.append(renamed(number))
    before = log.checkpoint()
    log.erase(1)
    assert [one.kept is None for one in again(log).logged()] == [False, True, False]
    log.append(renamed(3))
    leaves = [entry.leaf for entry in log.entries()]
    after = log.checkpoint()
    assert merkle.is_consistent(3, 4, before.root, after.root, merkle.consistency(3, leaves))
    assert b"name 1" not in b"".join(path.read_bytes() for path in log.folder.rglob("*") if path.is_file())
    with pytest.raises(UsageMistake):
        log.erase(9)


def test_a_refreshed_checkpoint_is_newer_and_over_the_same_tree(log: TransparencyLog) -> None:
    log.append(renamed(1))
    before = log.checkpoint()
    later = TransparencyLog(log.folder, log.about, log.signer, lambda: BEGAN + timedelta(days=3))
    after = later.refresh()
    assert after.body == before.body
    assert after.signed_by(log.about.note_key) == BEGAN + timedelta(days=3)
    assert log.checkpoint_over(0) == after and log.append(renamed(2)).index == 1
    assert log.checkpoint_over(0) == before, "the checkpoint of its own time is kept"


def test_time_never_runs_backwards(log: TransparencyLog) -> None:
    earlier = TransparencyLog(log.folder, log.about, log.signer, lambda: BEGAN - timedelta(days=9))
    earlier.append(renamed(1))
    assert earlier.checkpoint().signed_by(log.about.note_key) == BEGAN


def test_a_log_is_started_once_and_signed_by_one_key(log: TransparencyLog) -> None:
    with pytest.raises(UsageMistake, match="not an empty folder"):
        transparency_log.start(log.folder, "other.example", lambda: OWN)
    with pytest.raises(UsageMistake, match="cannot be the name"):
        transparency_log.start(log.folder / "new", "no spaces please", lambda: OWN)
    stranger = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34))))
    with pytest.raises(UsageMistake, match="another key"):
        transparency_log.opened(log.folder, lambda: stranger).append(renamed(1))
    assert again(log).checkpoint().size == 0


# A process dies


class Killed(Exception):
    pass


def killed_at(monkeypatch: pytest.MonkeyPatch, log: TransparencyLog, moment: int) -> int:
    """An append that stops at the given write; how many writes there were."""
    written = 0

    def counted(original: Callable[..., Any]) -> Callable[..., Any]:
        def write(*arguments: Any, **named: Any) -> Any:
            nonlocal written
            if written == moment:
                raise Killed
            written += 1
            return original(*arguments, **named)

        return write

    with monkeypatch.context() as patch:
        patch.setattr(transparency_log, "write", counted(records.write))
        patch.setattr(records, "write", counted(records.write))  # of Record.save
        patch.setattr(TransparencyLog, "_add", counted(TransparencyLog._add))
        try:
            log.append(renamed(99))
        except Killed:
            return written
    return written


@pytest.mark.parametrize("moment", range(6))
def test_killed_between_any_two_writes_the_log_goes_on_whole(
    moment: int, log: TransparencyLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append(renamed(0))
    before = log.checkpoint()
    killed_at(monkeypatch, log, moment)
    seen = again(log).checkpoint()
    assert copy_at(log.folder).checkpoint.size <= seen.size
    last = again(log).append(renamed(1))
    found = again(log).logged()
    assert found[-1] == last and all(one.kept for one in found)
    for older in (before, seen):
        proof = merkle.consistency(older.size, [one.entry.leaf for one in found])
        newest = log.checkpoint()
        assert merkle.is_consistent(older.size, newest.size, older.root, newest.root, proof)
    assert copy_at(log.folder).checkpoint == newest


@pytest.mark.parametrize("length", [1, 40, -1])
def test_a_torn_tail_is_cut_off_and_never_signed(length: int, log: TransparencyLog) -> None:
    line = log.append(renamed(0)).entry.data
    with (log.folder / "entries.jsonl").open("ab") as file:
        file.write(line[:length])
    assert len(again(log).entries()) == 1
    log.append(renamed(1))
    assert (log.folder / "entries.jsonl").read_bytes().count(b"\n") == 2 == log.checkpoint().size


def test_a_line_for_which_there_is_no_record_is_cut_off(log: TransparencyLog) -> None:
    """It was written by nobody's append: the record comes first."""
    entry = log.append(renamed(0)).entry
    with (log.folder / "entries.jsonl").open("ab") as file:
        file.write(entry.data.replace(entry.salted.encode(), b"f" * 64) + b"\n")
    log.refresh()
    assert log.checkpoint().size == 1 and len(log.entries()) == 1


@pytest.mark.parametrize("deed", ["cut", "changed", "emptied", "gone", "swapped"])
def test_over_missing_or_changed_entries_nothing_is_signed(deed: str, log: TransparencyLog) -> None:
    for number in range(3):
        log.append(renamed(number))
    path, before = log.folder / "entries.jsonl", log.checkpoint().text
    lines = path.read_bytes().splitlines(keepends=True)
    if deed == "gone":
        path.unlink()
    else:
        path.write_bytes(
            {
                "cut": b"".join(lines[:2]),
                "changed": b"".join(lines).replace(b"renaming", b"release", 1),
                "emptied": b"",
                "swapped": b"".join([lines[1], lines[0], lines[2]]),
            }[deed]
        )
    for refused in (lambda: log.append(renamed(9)), log.refresh, lambda: again(log), lambda: log.erase(0)):
        with pytest.raises(LogBroken):
            refused()
    assert (log.folder / "checkpoint").read_text(encoding="utf-8") == before


def test_a_record_that_was_changed_is_noticed(log: TransparencyLog) -> None:
    log.append(renamed(0))
    path = log.folder / "records" / "000000.json"
    path.write_text(path.read_text().replace("name 0", "name 1"))
    with pytest.raises(LogBroken, match="not what was logged"):
        log.logged()


def test_whoever_asks_for_one_record_opens_no_other(log: TransparencyLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate asks each time, and a log has thousands."""
    wanted = log.append(renamed(0).model_copy(update={"tensors": "b" * 64}))
    for number in range(8):
        log.append(renamed(number))
    opened: list[str] = []
    load = Kept.load.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(Kept, "load", classmethod(lambda cls, path: opened.append(path.name) or load(cls, path)))
    assert again(log).holding("renaming", ["b" * 64]) == [wanted] and opened == ["000000.json"]
    assert not again(log).holding("run", ["b" * 64])


def test_whoever_asks_notices_another_record_that_was_changed(log: TransparencyLog) -> None:
    log.append(renamed(0))
    log.append(renamed(1))
    path = log.folder / "records" / "000000.json"
    path.write_text(path.read_text().replace("name 0", "name 9"))
    with pytest.raises(LogBroken, match="not what was logged"):
        log.holding("renaming", ["c" * 64])


def test_a_record_in_another_spelling_is_read_all_the_same(log: TransparencyLog) -> None:
    logged = log.append(renamed(0))
    path = log.folder / "records" / "000000.json"
    path.write_text(json.dumps(json.loads(path.read_text()), indent=2))
    assert log.holding("renaming", ["a" * 64]) == [logged]


def test_a_full_disk_leaves_the_log_as_it_was(log: TransparencyLog, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> Path:
        raise records.cannot_write(path, OSError(errno.ENOSPC, "No space left on device"))

    log.append(renamed(0))
    with monkeypatch.context() as patch, pytest.raises(WriteFailed):
        patch.setattr(transparency_log, "write", full)
        log.append(renamed(1))
    assert len(again(log).entries()) == 1
    assert log.append(renamed(2)).index == 2, "what was written and not signed is signed along"
    assert [one.kept is not None for one in again(log).logged()] == [True, True, True]


def test_processes_that_append_at_once_lose_nothing(log: TransparencyLog, tmp_path: Path) -> None:
    code = f"""
        import sys
        from pathlib import Path
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from handstyle.keys import KeySigner
        from handstyle.publication import transparency_log
        from handstyle.publication.log_entries import RenamingRecord
        own = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
        log = transparency_log.opened(Path({str(log.folder)!r}), lambda: own)
        for number in range(8):
            log.append(RenamingRecord(before=sys.argv[1], after=str(number), tensors="a" * 64))
    """
    started = [
        subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), name], stderr=subprocess.PIPE)
        for name in ("one", "two", "three")
    ]
    for process in started:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said.decode()
    found = [one.kept.record for one in again(log).logged() if one.kept]
    for name in ("one", "two", "three"):
        own = [record.after for record in found if isinstance(record, RenamingRecord) and record.before == name]
        assert own == [str(number) for number in range(8)]
    assert log.checkpoint().size == 24


@pytest.mark.parametrize("key", ["", "ssh-ed25519 AAAA", "ssh-rsa AAAA", 7])
def test_a_log_whose_key_is_none_is_told_with_its_file(log: TransparencyLog, key: object) -> None:
    about = log.folder / "log.json"
    about.write_text(json.dumps({**json.loads(about.read_text()), "key": key}))
    with pytest.raises(RecordDamaged, match=r"log\.json"):
        again(log)
