"""Does the ledger count every picture once, and notice when somebody edits it?"""

from __future__ import annotations

import multiprocessing
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handstyle.errors import RecordDamaged
from handstyle.generation import ledger

ADA, BEE = "a" * 64, "b" * 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "workspace" / "ledger.jsonl"


def filled(path: Path) -> Path:
    for day, styles in ((1, [ADA]), (2, [ADA, BEE]), (3, [BEE])):
        ledger.add(path, "made", styles, 1, f"{day}" * 64, date(2026, 11, day))
    ledger.add(path, "released", [ADA], 7, "f" * 64, date(2026, 11, 4))
    return path


def test_what_was_never_counted_is_nought(path: Path) -> None:
    found = ledger.count(path, ADA)
    assert (found.made, found.released, found.releases, found.head) == (0, 0, 0, ledger.BEGINNING)


def test_pictures_and_releases_are_counted_for_each_style_that_was_worn(path: Path) -> None:
    filled(path)
    ada, bee = ledger.count(path, ADA), ledger.count(path, BEE)
    assert (ada.made, ada.released, ada.releases, ada.first, ada.last) == (
        *(2, 7, 1),
        *(date(2026, 11, 1), date(2026, 11, 4)),
    )
    assert (bee.made, bee.released) == (2, 0)
    assert ada.head == bee.head


def test_a_period_has_its_first_and_its_last_day(path: Path) -> None:
    filled(path)
    assert ledger.count(path, ADA, since=date(2026, 11, 2)).made == 1
    assert ledger.count(path, ADA, until=date(2026, 11, 1)).made == 1
    assert ledger.count(path, ADA, since=date(2026, 11, 2), until=date(2026, 11, 2)).made == 1
    assert ledger.count(path, ADA, since=date(2027, 1, 1)).made == 0


def test_lines_are_only_added(path: Path) -> None:
    before = filled(path).read_bytes()
    ledger.add(path, "made", [ADA], 1, "9" * 64)
    assert path.read_bytes().startswith(before)


def test_a_line_that_was_taken_out_or_moved_or_changed_is_noticed(path: Path) -> None:
    lines = filled(path).read_bytes().splitlines(keepends=True)
    for wrong in (lines[1:], lines[:1] + lines[2:], [lines[1], lines[0], *lines[2:]], [*lines, lines[-1]],
                  [lines[0].replace(b'"pictures":1', b'"pictures":2'), *lines[1:]], [lines[0] + b"\n", *lines[1:]],
                  [lines[0].replace(b",", b", ", 1), *lines[1:]]):  # fmt: skip
        path.write_bytes(b"".join(wrong))
        with pytest.raises(RecordDamaged, match="does not count"):
            ledger.count(path, ADA)


def test_a_cut_off_end_shows_in_the_head_that_a_statement_names(path: Path) -> None:
    head = ledger.count(filled(path), ADA).head
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert ledger.count(path, ADA).head != head


def test_half_a_line_of_a_process_that_was_killed_is_taken_away(path: Path) -> None:
    whole = filled(path).read_bytes()
    for torn in (b"{", whole.splitlines()[0][:40]):
        path.write_bytes(whole + torn)
        with pytest.raises(RecordDamaged):
            ledger.count(path, ADA)
        ledger.add(path, "made", [ADA], 1, "9" * 64)
        assert ledger.count(path, ADA).made == 3
        path.write_bytes(whole)


def _add_ten(path: Path) -> None:
    for _ in range(10):
        ledger.add(path, "made", [ADA], 1, "c" * 64)


def test_two_processes_lose_no_line(path: Path) -> None:
    both = [multiprocessing.get_context("spawn").Process(target=_add_ten, args=(path,)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert ledger.count(path, ADA).made == 20


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_byte_of_it_can_be_changed_unnoticed(path: Path, data: st.DataObject) -> None:
    whole = filled(path).read_bytes() if not path.exists() else path.read_bytes()
    head = ledger.count(path, ADA)
    at = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[at]))
    path.write_bytes(whole[:at] + bytes([byte]) + whole[at + 1 :])
    try:
        assert ledger.count(path, ADA).head != head.head  # of the last line only the head tells
    except RecordDamaged:
        pass
    finally:
        path.write_bytes(whole)
