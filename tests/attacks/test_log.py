"""Can a keeper, or somebody who passes a release on, make its log tell anything but what happened?"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "publication"))

from ingredients import Ingredients, gathered
from logged_release import (
    BEGAN,
    OTHER,
    WITNESS_KEY,
    Case,
    case_in,
    checkpoint_alone,
    forked,
    other_base64,
    shortened,
    signed_again,
    witnessed,
)

from handstyle import checking, digests, envelopes
from handstyle.errors import LogBroken, ReleaseBroken, UsageMistake
from handstyle.publication import log_copy, log_memory, log_proof, logged, merkle, renaming, transparency_log
from handstyle.publication.disclosure import published_collection
from handstyle.publication.log_copy import copy_in
from handstyle.publication.log_entries import RenamingRecord, RunRecord, WithdrawalRecord
from handstyle.publication.log_proof import LogProof
from handstyle.publication.new_words import Asked
from handstyle.publication.provenance import Statement
from handstyle.publication.verification import Verification, verify
from handstyle.workspace import House


@pytest.fixture(scope="session")
def ingredients(tmp_path_factory: pytest.TempPathFactory) -> Ingredients:
    return gathered(tmp_path_factory.mktemp("ingredients"))


@pytest.fixture
def case(ingredients: Ingredients, tmp_path: Path) -> Case:
    return case_in(tmp_path, ingredients, before=2)


def words(found: Verification) -> str:
    return " | ".join(f"{finding.where}: {finding.words}" for finding in found.findings)


def assert_refused(found: Verification, why: str) -> None:
    assert found.status == "broken" and not found.holds
    assert why in words(found), words(found)


# What is honest


def test_a_release_in_a_log_says_so_and_a_first_sight_is_a_first_sight(case: Case) -> None:
    found = case.verify(case.copy())
    assert found.status == "intact", words(found)
    assert "logged in studio.example/log" in found.log[0] and "first seen" in found.log[2]
    again = case.later(2).verify(case.copy())
    assert again.holds and "first on 2026-11-25" in again.log[2]


def test_a_release_without_a_log_claims_integrity_only(ingredients: Ingredients, tmp_path: Path, case: Case) -> None:
    without = ingredients.assemble(tmp_path / "without")
    found = verify(without)
    assert found.holds and "integrity only" in found.log[0]
    case.release = without
    asked = case.verify(case.copy())
    assert asked.status == "unknown" and not asked.holds


def test_a_log_that_grew_honestly_is_followed(case: Case) -> None:
    for _ in range(5):
        case.later(10).something_else(3)
        assert case.verify(case.copy()).holds
    assert log_memory.checkpoint_in(case.seen().checkpoint).size == 2 + 3 + 15


# Stale news


def test_after_thirty_days_without_news_the_status_is_unknown_since_the_last(case: Case) -> None:
    assert case.later(30).verify().holds
    found = case.later(1).verify()
    assert (found.status, found.holds) == ("unknown", False)
    assert "UNKNOWN since 2026-11-25" in found.words and str(found.unknown_since) == "2026-11-25"


def test_the_verifier_chooses_how_old_news_may_be(case: Case) -> None:
    case.later(3)
    assert case.verify(max_age=timedelta(days=3)).holds
    assert case.verify(max_age=timedelta(days=2)).status == "unknown"


def test_an_old_copy_of_the_log_is_no_news(case: Case) -> None:
    old = case.copy()
    assert case.later(40).verify(old).status == "unknown"
    case.log.refresh()
    assert case.verify(case.copy()).holds


def test_news_is_remembered_and_grows_old_as_well(case: Case) -> None:
    case.later(20).log.refresh()
    assert case.verify(case.copy()).holds
    assert case.later(30).verify().holds, "by what was seen before"
    assert case.later(1).verify().status == "unknown"


def test_a_checkpoint_alone_is_news_only_where_nothing_was_added(case: Case) -> None:
    case.later(40).log.refresh()
    assert case.verify(checkpoint_alone(case.copy()), remember=False).holds
    case.something_else()
    found = case.verify(checkpoint_alone(case.copy()))
    assert found.status == "unknown" and any("what was added is not known" in line for line in found.log)


def test_a_date_to_come_is_no_news(case: Case) -> None:
    on = case.at.date()
    case.later(365).log.refresh()
    assert_refused(case.verify(case.copy(), on=on), "still to come")


# Cut, forked


def test_a_log_that_was_cut_is_refused_against_what_was_seen(case: Case) -> None:
    short = case.copy()
    case.something_else(2)
    assert case.verify(case.copy()).holds
    assert_refused(case.verify(short), "it was cut, or it is old")


def test_a_log_cut_and_signed_anew_is_refused_against_what_was_seen(case: Case) -> None:
    case.later(1).something_else().withdraw()
    assert case.verify(case.copy()).status == "withdrawn"
    case.later(1)
    assert_refused(case.verify(shortened(case.copy(), 1, case.at)), "it was cut, or it is old")


def test_a_log_forked_after_the_release_is_refused_against_what_was_seen(case: Case) -> None:
    case.something_else()
    assert case.verify(case.copy()).holds
    assert_refused(case.verify(forked(case.copy(), case.at)), "it was forked")


def test_a_longer_fork_is_refused_against_what_was_seen(case: Case) -> None:
    other = Case(case.log, case.release, case.ingredients, case.house)
    shared = case.copy()
    case.something_else(2)
    assert case.verify(case.copy()).holds
    found = copy_in(shared, "")
    assert found.entries is not None
    entries = (*found.entries, *(found.entries[0].model_copy(update={"salted": f"{n}" * 64}) for n in range(5)))
    from logged_release import LOG, signed_over

    assert_refused(other.verify(signed_over(entries, case.at, LOG)), "does not begin with the")


def test_a_log_forked_before_the_release_is_refused_by_the_release_itself(case: Case) -> None:
    assert_refused(case.verify(forked(case.copy(), case.at)), "it was forked")


def test_what_was_refused_is_not_remembered(case: Case) -> None:
    assert case.verify(case.copy()).holds
    before = case.seen()
    assert not case.verify(forked(case.copy(), case.at)).holds
    assert case.seen() == before


@pytest.mark.parametrize("remembering", [True, False])
def test_two_copies_that_contradict_each_other_are_both_shown(case: Case, remembering: bool) -> None:
    case.something_else()
    found = case.verify(case.copy(), forked(case.copy(), case.at), remember=remembering)
    assert_refused(found, "copy 1")


def test_a_fork_is_refused_against_a_witness(case: Case) -> None:
    """Somebody who never saw the log, but has the checkpoint that the witness signed."""
    case.something_else()
    seen_by_witness = checkpoint_alone(witnessed(case.copy(), case.at))
    assert case.verify(case.copy(), seen_by_witness, remember=False).holds
    assert_refused(case.verify(forked(case.copy(), case.at), seen_by_witness), "it was forked")


def test_a_cut_log_is_refused_against_a_witness(case: Case) -> None:
    case.something_else(2)
    seen_by_witness = checkpoint_alone(witnessed(case.copy(), case.at))
    assert_refused(case.verify(shortened(case.copy(), 1, case.at), seen_by_witness), "it was cut, or it is old")


def test_without_the_signature_of_a_witness_that_was_asked_for_it_is_refused(case: Case) -> None:
    assert case.verify(witnessed(case.copy(), case.at), witnesses=(WITNESS_KEY,), remember=False).holds
    assert_refused(case.verify(case.copy(), witnesses=(WITNESS_KEY,)), "not signed by a witness you named")
    case.later(1).log.refresh()
    newer = case.copy()
    older_signed = checkpoint_alone(witnessed(newer, case.at, signer=OTHER))
    assert_refused(case.verify(newer, older_signed, witnesses=(WITNESS_KEY,)), "not signed by a witness")


def test_a_forged_signature_of_a_witness_is_refused(case: Case) -> None:
    text = witnessed(case.copy(), case.at).decode()
    signature = text.rstrip("\n").split(" ")[-1]
    raw = bytearray(envelopes.decoded(signature))
    raw[-1] ^= 1
    found = case.verify(text.replace(signature, envelopes.encoded(bytes(raw))).encode(), witnesses=(WITNESS_KEY,))
    assert_refused(found, "does not fit what it signs")


# Another log


def test_a_log_signed_by_another_key_is_not_the_log(case: Case) -> None:
    found = copy_in(case.copy(), "")
    from logged_release import signed_over

    assert_refused(case.verify(signed_over(found.entries, case.at, OTHER)), "not signed by the key of the log")


def test_the_log_of_somebody_else_is_not_the_log(case: Case, ingredients: Ingredients, tmp_path: Path) -> None:
    from logged_release import LOG

    other = transparency_log.start(tmp_path / "other", "other.example/log", lambda: LOG, lambda: BEGAN)
    assert_refused(case.verify((other.folder / "log.txt").read_bytes()), "is the log other.example/log")


def test_a_keeper_who_starts_over_under_the_same_name_is_noticed(
    case: Case, ingredients: Ingredients, tmp_path: Path
) -> None:
    assert case.verify(case.copy()).holds
    fresh = transparency_log.start(tmp_path / "fresh", "studio.example/log", lambda: OTHER, lambda: BEGAN)
    prove = partial(logged.release, fresh, ingredients.style, [published_collection(ingredients.collection)])
    case.release = ingredients.assemble(tmp_path / "again", prove=prove)
    assert_refused(case.verify(), "another key than studio.example/log had when you first saw it")


def test_a_stranger_cannot_make_a_known_name_unusable(case: Case, ingredients: Ingredients, tmp_path: Path) -> None:
    """Under somebody else's signature, another log of that name is another log; it is said that there are two."""
    assert case.verify(case.copy()).holds
    content = [seen.model_copy(update={"signer": "SHA256:other", "key": OTHER.public}) for seen in [case.seen()]]
    house = House(tmp_path / "another house")
    body = log_memory.checkpoint_in(content[0].checkpoint)
    text = body.with_signature(body.origin, OTHER, BEGAN)
    text = type(text)(text.origin, text.size, text.root, text.signatures[-1:])
    log_memory.remember(house, content[0].model_copy(update={"checkpoint": text.text, "read_to": ""}))
    case.house = house
    found = case.verify(case.copy())
    assert found.holds and any("calls itself studio.example/log as well" in line for line in found.log)


# Proofs in the release


def flip(entry: int, *path: str) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        place = content["entries"][entry]
        for key in path[:-1]:
            place = place[key]
        value = place[path[-1]]
        place[path[-1]] = [other_base64(value[0]), *value[1:]] if isinstance(value, list) else "e" * 64

    return change


def swap_inclusions(content: dict[str, Any]) -> None:
    one, two = content["entries"][0], content["entries"][1]
    one["inclusion"], two["inclusion"] = two["inclusion"], one["inclusion"]


def swap_places(content: dict[str, Any]) -> None:
    one, two = content["entries"][1], content["entries"][2]
    for key in ("index", "inclusion"):
        one[key], two[key] = two[key], one[key]


def swap_records(content: dict[str, Any]) -> None:
    one, two = content["entries"][1], content["entries"][2]
    one["kept"], two["kept"] = two["kept"], one["kept"]


def same_salt(content: dict[str, Any]) -> None:
    content["entries"][1]["kept"]["salt"] = content["entries"][0]["kept"]["salt"]


def cut_proof(content: dict[str, Any]) -> None:
    content["entries"][0]["inclusion"] = content["entries"][0]["inclusion"][:-1]


def older_checkpoint(content: dict[str, Any]) -> None:
    content["checkpoint"] = content["entries"][0]["earlier"]["checkpoint"]


def no_earlier(content: dict[str, Any]) -> None:
    content["entries"][0]["earlier"] = None


def later_than_itself(content: dict[str, Any]) -> None:
    content["entries"][0]["earlier"] = {"checkpoint": content["checkpoint"], "consistency": ["A" * 43 + "="]}


def other_key(content: dict[str, Any]) -> None:
    content["key"] = OTHER.public


def weak_key(content: dict[str, Any]) -> None:
    """One with which any signature can fit anything."""
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + b"\1" + bytes(31)
    content["key"] = f"ssh-ed25519 {envelopes.encoded(blob)}"


def other_name(content: dict[str, Any]) -> None:
    content["origin"] = "other.example/log"


def withdrawal_instead(content: dict[str, Any]) -> None:
    content["entries"][0]["entry"]["kind"] = "withdrawal"


def dropped(number: int) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["entries"].pop(number)


ATTACKS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "a proof for another leaf": (swap_inclusions, "is not in the tree"),
    "another place in the tree": (swap_places, "is not in the tree"),
    "an altered proof": (flip(0, "inclusion"), "is not in the tree"),
    "a proof that ends early": (cut_proof, "is not in the tree"),
    "an altered entry": (flip(1, "entry", "salted"), "is not of the record"),
    "an altered record": (flip(1, "kept", "record", "tensors"), "is not of the record"),
    "another training": (flip(1, "kept", "record", "collection"), "another training than the signed lineage"),
    "another permission": (flip(0, "kept", "record", "permission"), "does not hold exactly the permissions"),
    "another salt": (flip(0, "kept", "salt"), "is not of the record"),
    "the same salt twice": (same_salt, "the same salt"),
    "records that changed places": (swap_records, "is not of the record"),
    "a permission as a withdrawal": (withdrawal_instead, "is not of the record"),
    "no permission": (dropped(0), "does not hold exactly the permissions"),
    "no training": (dropped(1), "does not hold exactly"),
    "no release": (dropped(2), "does not hold exactly"),
    "an older checkpoint": (older_checkpoint, "is not in the tree"),
    "no checkpoint of its time": (no_earlier, "does not say since when"),
    "a consistency proof of nothing": (later_than_itself, "somebody is told two things"),
    "another key": (other_key, "has not signed its checkpoint"),
    "a key that fits everything": (weak_key, "proves nothing"),
    "another name": (other_name, "has not signed its checkpoint"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_release_signed_again_with_another_proof_is_refused(case: Case, attack: str) -> None:
    change, why = ATTACKS[attack]
    case.rewrite(change)
    assert_refused(case.verify(), why)


def test_a_checkpoint_from_before_the_permission_is_not_of_its_time(case: Case) -> None:
    """It is of this log, and consistent; but it is over less."""
    leaves = [entry.leaf for entry in case.log.entries()]
    before = (case.log.folder / "checkpoints" / "000002").read_text(encoding="utf-8")
    proof = [envelopes.encoded(one) for one in merkle.consistency(2, leaves)]
    case.rewrite(lambda content: content["entries"][0].update(earlier={"checkpoint": before, "consistency": proof}))
    assert_refused(case.verify(), "not of its time")


def test_a_permission_that_was_entered_after_the_training_is_refused(
    case: Case, ingredients: Ingredients, tmp_path: Path
) -> None:
    log = transparency_log.start(tmp_path / "late", "studio.example/late", lambda: OTHER, lambda: BEGAN)
    style, collections = ingredients.style, [published_collection(ingredients.collection)]
    run = log.append(RunRecord(collection=style.collection, base=style.base.sha256, tensors=style.tensors))

    def prove(statement: Statement) -> LogProof:
        permissions = logged.permissions(log, *collections)
        release = log.append(log_proof.logged_release(statement))
        return log_proof.prove(log, [*permissions, run, release])

    with pytest.raises(ReleaseBroken) as broken:
        ingredients.assemble(tmp_path / "backwards", prove=prove)
    assert "shows a training before its permission" in broken.value.faults[0]
    honest = partial(logged.release, log, style, collections)
    case.release = ingredients.assemble(tmp_path / "forwards", prove=honest)
    assert case.verify().holds, "the training is entered again, behind the permission"


def test_the_proof_of_another_release_is_refused(case: Case, ingredients: Ingredients, tmp_path: Path) -> None:
    card = (case.release / "README.md").read_text(encoding="utf-8")
    other = ingredients.assemble(tmp_path / "other", card_text=card + "Another card.\n")
    (other / "log.json").write_bytes((case.release / "log.json").read_bytes())
    from handstyle.publication.provenance import ListedFile

    def listed(statement: dict[str, Any]) -> None:
        path = other / "log.json"
        entry = ListedFile(path="log.json", sha256=digests.of_file(path), size=path.stat().st_size)
        statement["files"] = sorted([*statement["files"], entry.as_json()], key=lambda file: file["path"])

    signed_again(other, ingredients.key, listed)
    case.release = other
    assert_refused(case.verify(), "another release than this one")


def test_a_release_whose_proof_was_taken_out_is_another_release(case: Case) -> None:
    (case.release / "log.json").unlink()
    assert_refused(case.verify(), "log.json: is missing")


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"null", b"{}", b"[" * 5000, b'{"format":"handstyle/log-proof/2"}', b"\xff\xfe", b"0" * 70_000],
)
def test_what_is_no_proof_is_refused_and_not_fallen_over(case: Case, content: bytes) -> None:
    (case.release / "log.json").write_bytes(content)
    signed_again(case.release, case.ingredients.key)
    assert_refused(case.verify(), "log.json")


@pytest.mark.parametrize(
    "origin", ["../../../etc/passwd", "a\x1b[2Jb", "a b", "x" * 5000, "", "cosignature/v1", "a\n7\n"]
)
def test_a_name_that_leads_elsewhere_is_no_name_of_a_log(case: Case, origin: str) -> None:
    case.rewrite(lambda content: content.update(origin=origin))
    found = case.verify()
    assert not found.holds and "\x1b" not in words(found)
    assert not case.house.seen_logs.exists()


# Another name


def rename(case: Case, prove: Any = None) -> renaming.Renamed:
    into = case.release.with_name("renamed")
    into.mkdir()
    asked = Asked("Quiet lines", None, case.at.date())
    made = renaming.release(case.release, into, asked, case.ingredients.key, prove)
    case.release = into
    return made


def test_a_renamed_release_keeps_its_proof_and_the_log_its_history(case: Case) -> None:
    size = case.log.checkpoint().size
    made = rename(case, partial(logged.renamed_release, case.log))
    assert case.verify(case.copy()).holds and made.left_out == ()
    new = case.log.logged()[size:]
    assert [one.entry.kind for one in new] == ["renaming", "release"], "nothing is entered as trained again"
    assert new[0].kept and isinstance(new[0].kept.record, RenamingRecord)
    assert (new[0].kept.record.before, new[0].kept.record.after) == ("soft-outline", "quiet-lines")
    for public in (case.copy(), (case.release / "log.json").read_bytes()):
        assert b"soft-outline" not in public
    case.withdraw()
    assert case.verify(case.copy()).status == "withdrawn", "another name does not get away from it"


def test_a_release_renamed_by_somebody_without_a_log_claims_integrity_only(case: Case) -> None:
    assert rename(case).left_out == ("log.json",)
    found = case.verify()
    assert found.holds and "integrity only" in found.log[0]


# Files that somebody was given


@pytest.mark.parametrize(
    "change",
    [
        lambda copy: copy.replace(b"permission", b"withdrawal", 1),
        lambda copy: copy.replace(b'{"ends"', b'{ "ends"', 1),
        lambda copy: copy.replace(b"\n\n", b"\n", 1),
        lambda copy: b"\n".join(copy.split(b"\n")[:2] + copy.split(b"\n")[3:]),
        lambda copy: copy.replace(b"handstyle/log/1", b"handstyle/log/2", 1),
        lambda copy: copy.replace(b"\nstudio", b"\n\nstudio", 1),
        lambda copy: copy + b"\n",
        lambda copy: b"",
        lambda copy: b"handstyle/log/1\n" + b"[" * 100_000,
        lambda copy: b"handstyle/log/1\n" + b"{}\n" * 300_000,
        lambda copy: b"\x00" * 70_000,
    ],
    ids=["kind", "space", "no gap", "one less", "version", "gap", "end", "empty", "deep", "many", "zeros"],
)
def test_a_copy_that_was_changed_is_no_log(case: Case, change: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "copy.txt"
    path.write_bytes(change(case.copy()))
    with pytest.raises(LogBroken):
        log_copy.copy_at(path)
    found = checking.verify(case.release, logs=[path])
    assert_refused(found, "copy.txt")


def test_a_copy_that_is_too_large_is_not_read(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_copy, "LARGEST_LOG", 1000)
    (tmp_path / "large.txt").write_bytes(case.copy() + b" " * 1000)
    with pytest.raises(LogBroken, match="larger than"):
        log_copy.copy_at(tmp_path / "large.txt")


def test_a_copy_that_is_not_there_is_a_mistake(case: Case, tmp_path: Path) -> None:
    with pytest.raises(UsageMistake):
        checking.verify(case.release, logs=[tmp_path / "nothing.txt"])


def test_what_was_seen_is_not_forgotten_in_silence(case: Case) -> None:
    """A damaged memory would make every log a first sight again."""
    assert case.verify(case.copy()).holds
    (path,) = case.house.seen_logs.glob("*.json")
    path.write_text(path.read_text().replace("studio.example", "studia.example"))
    with pytest.raises(LogBroken, match="what you have seen of a log is damaged"):
        case.verify(case.copy())


def test_what_two_verifiers_saw_at_once_is_joined(case: Case) -> None:
    small = case.copy()
    assert case.verify(small).holds
    earlier = case.seen()
    case.later(1).something_else().withdraw()
    assert case.verify(case.copy()).status == "withdrawn"
    log_memory.remember(case.house, earlier)
    assert case.seen().ended and log_memory.checkpoint_in(case.seen().checkpoint).size == 7


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_change_of_a_single_byte_of_a_copy_goes_unnoticed(case: Case, data: st.DataObject) -> None:
    whole = bytearray(case.copy())
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    try:
        found = case.verify(bytes(whole), remember=False)
    except ValueError:  # it is no log any more
        return
    assert found.status == "broken"


# Withdrawn


def test_a_withdrawal_in_the_log_is_seen_by_whoever_has_the_release(case: Case) -> None:
    case.later(3).withdraw()
    found = case.verify(case.copy())
    assert (found.status, found.holds) == ("withdrawn", False)
    assert "WITHDRAWN since 2026-11-28" in found.words and str(found.withdrawn_since) == "2026-11-28"


def test_one_withdrawn_work_is_enough(case: Case) -> None:
    case.withdraw(0)
    assert case.verify(case.copy()).status == "withdrawn"


def test_what_was_once_seen_withdrawn_stays_so_without_a_copy(case: Case) -> None:
    case.withdraw()
    assert case.verify(case.copy()).status == "withdrawn"
    assert case.verify().status == "withdrawn"


def test_the_withdrawal_of_other_works_does_not_reach_this_release(case: Case) -> None:
    case.log.append(WithdrawalRecord(statement="c" * 64, holder="Ada", since=case.at.date(), works=()), ends=["f" * 64])
    assert case.verify(case.copy()).status == "intact"


def test_a_withdrawn_release_is_withdrawn_also_where_the_news_is_old(case: Case) -> None:
    case.withdraw()
    copy = case.copy()
    assert case.later(90).verify(copy).status == "withdrawn"


def test_what_an_entry_ends_stands_only_in_a_withdrawal(case: Case) -> None:
    from handstyle.publication.log_entries import Entry

    case.withdraw()
    line = case.log.entries()[-1].data
    for wrong in (
        line.replace(b'"withdrawal"', b'"renaming"'),
        line.replace(b'"ends":[', b'"ends":["' + b"0" * 63 + b'",'),
    ):
        with pytest.raises(ValueError):
            Entry.of_line(wrong)
