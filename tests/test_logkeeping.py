"""Is a log kept without knowing what a tree is, and does a witness sign only what only grew?"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "attacks"))
sys.path.insert(0, str(Path(__file__).parent / "collection"))

from desk import AFTER, Desk
from logged_release import WITNESS, forked, shortened

from handstyle import logkeeping
from handstyle.errors import LogBroken, UsageMistake
from handstyle.keys import KeySigner, own_key
from handstyle.publication.log_copy import copy_at
from handstyle.publication.log_memory import seen_logs
from handstyle.publication.signed_note import NoteKey
from handstyle.publication.transparency_log import now
from handstyle.workspace import House

NAME = "witness.example/w1"


@pytest.fixture
def desk(tmp_path: Path, six_works: Path) -> Desk:
    desk = Desk(tmp_path, six_works)
    desk.start_log()
    desk.collect(desk.consent())
    return desk


def published(desk: Desk, to: str = "given.txt") -> Path:
    path = desk.place / to
    path.write_bytes((desk.place / "log" / "log.txt").read_bytes())
    return path


def test_what_is_collected_is_in_the_log_once(desk: Desk) -> None:
    for _ in range(2):
        desk.collect(desk.place / "ada.consent.json")
    shown = logkeeping.show(desk.house)
    assert [(line.number, line.kind) for line in shown.entries] == [(0, "permission")]
    assert "6 works by Ada Example: signed by Ada Example" in shown.entries[0].says
    assert NoteKey.read(shown.key).name == shown.origin == "studio.example/log"


def test_a_second_log_is_not_begun_by_mistake(desk: Desk) -> None:
    with pytest.raises(UsageMistake, match="you keep a log already"):
        logkeeping.start(desk.place / "other", None, desk.house)


def test_a_log_without_a_name_is_called_after_its_key(tmp_path: Path) -> None:
    house = House(tmp_path / "house")
    shown = logkeeping.start(tmp_path / "log", None, house)
    assert shown.origin.startswith("log-") and len(shown.origin) == 20
    assert logkeeping.refresh(house).signed == shown.signed


def test_without_a_log_there_is_nothing_to_show(tmp_path: Path) -> None:
    with pytest.raises(UsageMistake, match="you keep no log"):
        logkeeping.show(House(tmp_path))


def test_the_log_of_a_withdrawal_says_so_to_its_keeper(desk: Desk) -> None:
    desk.enter(desk.taken_back(desk.place / "ada.consent.json"))
    assert logkeeping.show(desk.house).entries[1].says == "6 works, by Ada Example since 2020-06-01"


# A witness


def sign(desk: Desk, file: Path, house: House, key: str | None = None) -> logkeeping.Cosigned:
    return logkeeping.witness(file, NAME, WITNESS, desk.place / "checkpoint.txt", house, key)


def test_a_witness_signs_what_only_grew_and_the_keeper_takes_it_in(desk: Desk, tmp_path: Path) -> None:
    house, key = House(tmp_path / "witness"), logkeeping.show(desk.house).key
    first = sign(desk, published(desk), house, key)
    assert first.first_seen and first.size == 1
    logkeeping.accept(Path(first.file), desk.house)
    joined = copy_at(desk.place / "log").checkpoint
    assert joined.signed_by(NoteKey.read(first.key)) and joined.signed_by(NoteKey.read(key))
    desk.enter(desk.taken_back(desk.place / "ada.consent.json"))
    second = sign(desk, published(desk), house)
    assert not second.first_seen and second.size == 2
    desk.collect(desk.consent(on=AFTER, name="new"))
    with pytest.raises(UsageMistake, match="another checkpoint than the newest"):
        logkeeping.accept(Path(second.file), desk.house)


@pytest.mark.parametrize("deed", ["cut", "forked"])
def test_a_witness_signs_no_log_that_lost_or_changed_something(desk: Desk, deed: str, tmp_path: Path) -> None:
    house, key = House(tmp_path / "witness"), logkeeping.show(desk.house).key
    desk.enter(desk.taken_back(desk.place / "ada.consent.json"))
    sign(desk, published(desk), house, key)
    seen = seen_logs(house)
    own = KeySigner(own_key(desk.house.log_key))
    given = published(desk)
    copy = given.read_bytes()
    given.write_bytes(forked(copy, now(), own) if deed == "forked" else shortened(copy, 1, now(), own))
    with pytest.raises(LogBroken, match="is not the log you saw, grown"):
        sign(desk, given, house)
    assert seen_logs(house) == seen


def test_a_witness_does_not_guess_whose_log_it_is(desk: Desk, tmp_path: Path) -> None:
    house, given = House(tmp_path / "witness"), published(desk)
    with pytest.raises(UsageMistake, match="never seen here"):
        sign(desk, given, house)
    other = NoteKey("studio.example/log", WITNESS.key.public_key()).line
    with pytest.raises(LogBroken, match="not signed by the key you gave"):
        sign(desk, given, house, other)
    for key in ("nonsense", "a+b+c"):
        with pytest.raises(UsageMistake, match="no key of a log"):
            sign(desk, given, house, key)
    given.write_text(copy_at(given).checkpoint.text, encoding="utf-8")
    with pytest.raises(UsageMistake, match="checkpoint alone"):
        sign(desk, given, house, other)
