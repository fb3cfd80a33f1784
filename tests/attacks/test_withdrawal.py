"""Can works be used again after their permission was taken back, or taken back by somebody who may not?"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "collection"))

from consents import PRESS, STRANGER
from desk import ADA, ADA_HOLDS, AFTER, DRAFTED, PRESS_HOLDS, SINCE, Desk

from handstyle import gates, loading, logkeeping, withdrawing
from handstyle.collection.rights import own_work
from handstyle.collection.rights_plan import RightsPlan, for_all, read_rights_toml
from handstyle.errors import GateClosed, UsageMistake, Withdrawn
from handstyle.publication import logged, withdrawal
from handstyle.workspace import Workspace


@pytest.fixture
def desk(tmp_path: Path, six_works: Path) -> Desk:
    return Desk(tmp_path, six_works)


# Presented again


def test_a_withdrawn_consent_presented_again_is_refused(desk: Desk) -> None:
    file = desk.consent()
    desk.collect(file)
    desk.enter(desk.taken_back(file))
    with pytest.raises(Withdrawn) as refused:
        desk.collect(file)
    assert refused.value.exit_code == 3 and len(refused.value.faults) == 6
    assert all(f"withdrawn by Ada Example since {SINCE}" in fault for fault in refused.value.faults)
    assert "retrain-without" in refused.value.hint and min(desk.works.glob("*.png")).name in refused.value.faults[0]


def test_a_consent_withdrawn_before_it_was_ever_used_is_refused(desk: Desk) -> None:
    file = desk.consent()
    desk.enter(desk.taken_back(file))
    with pytest.raises(Withdrawn):
        desk.collect(file)


@pytest.mark.parametrize("place", ["another workspace", "copied pixels"])
def test_it_is_refused_everywhere_and_under_any_name(desk: Desk, place: str) -> None:
    file = desk.consent()
    desk.collect(file)
    desk.enter(desk.taken_back(file))
    if place == "copied pixels":
        from PIL import Image

        for number, path in enumerate(sorted(desk.works.glob("*.png"))):
            Image.open(path).convert("RGBA").save(desk.works / f"fox {number}.webp", lossless=True, exact=True)
            path.unlink()
        for path in (*desk.works.glob("*.jsonl"), *desk.works.glob("*.toml")):
            path.unlink()
    with pytest.raises(Withdrawn):
        desk.collect(file, workspace=Workspace(desk.place / "other"))


def test_an_older_consent_for_the_same_works_is_refused_as_well(desk: Desk) -> None:
    older = desk.consent(on=date(2020, 2, 1), name="older")
    file = desk.consent()
    desk.enter(desk.taken_back(file))
    with pytest.raises(Withdrawn):
        desk.collect(older)


def test_a_consent_of_the_day_of_the_withdrawal_is_refused(desk: Desk) -> None:
    desk.enter(desk.taken_back(desk.consent()))
    with pytest.raises(Withdrawn):
        desk.collect(desk.consent(on=SINCE, name="same day"))


@pytest.mark.parametrize("claim", ["own work", "without the holder", "same name, other key"])
def test_somebody_elses_word_does_not_permit_again(desk: Desk, claim: str) -> None:
    desk.enter(desk.taken_back(desk.consent()))
    other = {**PRESS_HOLDS, "roles": ["copyright-owner"]}
    impostor = {**ADA_HOLDS, "key": STRANGER.public}
    with pytest.raises(Withdrawn):
        if claim == "own work":
            desk.collect(plan=for_all(own_work("Ada Example")))
        elif claim == "without the holder":
            desk.collect(desk.consent(on=AFTER, holders=[other], signers=[PRESS], name="new"))
        else:
            desk.collect(desk.consent(on=AFTER, holders=[impostor], signers=[STRANGER], name="new"))


def on_paper(desk: Desk, consent: Path) -> RightsPlan:
    """As the keeper would state that the new consent came back signed by hand."""
    (desk.place / "scan.png").write_bytes(b"a page with something like a signature")
    path = desk.place / "rights.toml"
    path.write_text(
        f'[[rights]]\nconsent = "{consent.name}"\nbasis = "written-permission"\nevidence = ["scan.png"]\n',
        encoding="utf-8",
    )
    return read_rights_toml(path)


def test_what_was_withdrawn_with_a_key_is_not_permitted_anew_on_the_keepers_word(desk: Desk) -> None:
    desk.enter(desk.taken_back(desk.consent()))
    with pytest.raises(Withdrawn):
        desk.collect(plan=on_paper(desk, desk.consent(on=AFTER, signers=(), name="new")))


def test_what_was_withdrawn_by_letter_is_permitted_anew_by_letter(desk: Desk) -> None:
    desk.collect(plan=on_paper(desk, desk.consent(signers=(), name="old")))
    desk.on_written_word("Ada Example")
    with pytest.raises(Withdrawn):
        desk.collect(plan=on_paper(desk, desk.place / "old.consent.json"))
    desk.collect(plan=on_paper(desk, desk.consent(on=AFTER, signers=(), name="new")))


def test_a_new_consent_by_the_same_holder_permits_anew(desk: Desk) -> None:
    desk.start_log()
    file = desk.consent()
    desk.collect(file)
    desk.enter(desk.taken_back(file))
    desk.collect(desk.consent(on=AFTER, name="new"))


def test_one_of_two_holders_is_enough_to_take_it_back(desk: Desk) -> None:
    file = desk.consent(holders=(ADA_HOLDS, PRESS_HOLDS), signers=(ADA, PRESS))
    desk.collect(file)
    desk.enter(desk.taken_back(file, PRESS))
    with pytest.raises(Withdrawn, match="Example Press"):
        desk.collect(file)


def test_a_new_consent_needs_the_one_who_took_it_back(desk: Desk) -> None:
    both = {"holders": (ADA_HOLDS, PRESS_HOLDS), "signers": (ADA, PRESS)}
    desk.enter(desk.taken_back(desk.consent(**both), PRESS))
    with pytest.raises(Withdrawn):
        desk.collect(desk.consent(on=AFTER, name="new"))
    desk.collect(desk.consent(on=AFTER, name="both", **both))


# Records that get lost


def lose_statements(desk: Desk) -> None:
    for folder in (desk.house.withdrawals, desk.workspace.withdrawals):
        for path in folder.glob("*"):
            path.unlink()


def test_one_of_three_places_is_enough_to_refuse(desk: Desk) -> None:
    """The keeper's folder, the workspace, the log."""
    desk.start_log()
    file = desk.consent()
    desk.collect(file)
    desk.enter(desk.taken_back(file))
    for path in desk.house.withdrawals.iterdir():
        path.unlink()
    with pytest.raises(Withdrawn):
        gates.require_permission(desk.workspace, loading.current_collection(desk.workspace)[0], "train")
    lose_statements(desk)
    with pytest.raises(Withdrawn, match="Ada Example"):
        desk.collect(file)


def test_the_log_remembers_also_what_was_erased(desk: Desk) -> None:
    desk.start_log()
    file = desk.consent()
    desk.collect(file)
    entered = desk.enter(desk.taken_back(file))
    assert entered.logged == 1
    lose_statements(desk)
    logkeeping.erase(1, desk.house)
    with pytest.raises(Withdrawn, match="a holder of rights"):
        desk.collect(file)


def test_a_permission_that_stands_is_not_erased_before_it_is_taken_back(desk: Desk) -> None:
    desk.start_log()
    file = desk.consent()
    desk.collect(file)
    with pytest.raises(UsageMistake, match="not taken back"):
        logkeeping.erase(0, desk.house)
    desk.enter(desk.taken_back(file))
    assert logkeeping.erase(0, desk.house).entries[0].says == ""
    with pytest.raises(Withdrawn):
        desk.collect(file)


def test_a_log_that_is_gone_stops_everything(desk: Desk) -> None:
    desk.start_log()
    (desk.place / "log").rename(desk.place / "hidden")
    with pytest.raises(UsageMistake, match="there is no log"):
        desk.collect(desk.consent())


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b'"sig":"', b'"sig":"A', 1),
        lambda data: data + b" ",
        lambda data: b"",
        lambda data: b"[" * 10_000,
        lambda data: b"\xff",
        lambda data: data.replace(b'"signatures":[', b'"signatures":[],"signatures":[', 1),
    ],
    ids=["signature", "space", "empty", "deep", "no text", "twice"],
)
def test_a_withdrawal_that_was_damaged_does_not_count_as_none(desk: Desk, change: Callable[[bytes], bytes]) -> None:
    file = desk.consent()
    desk.collect(file)
    desk.enter(desk.taken_back(file))
    (path,) = desk.house.withdrawals.iterdir()
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(GateClosed, match="no withdrawal that holds"):
        desk.collect(file)


# By somebody who may not


def test_a_strangers_key_signs_no_withdrawal(desk: Desk) -> None:
    with pytest.raises(UsageMistake, match="none of the holders"):
        desk.taken_back(desk.consent(), STRANGER)


def test_a_withdrawal_that_a_stranger_made_is_not_entered(desk: Desk) -> None:
    file = desk.consent()
    desk.collect(file)
    works = [(work.file_sha256, work.pixels_sha256) for work in loading.current_collection(desk.workspace)[0].works]
    for name in ("Ada Example", "A Stranger"):
        forged = withdrawal.made(works, holder=name, signer=STRANGER, since=SINCE)
        path = desk.place / f"forged{withdrawal.ENDING}"
        path.write_bytes(forged.data)
        with pytest.raises(GateClosed, match="no permission here knows that key"):
            desk.enter(path)
    desk.collect(file)


def test_a_consent_does_not_pass_for_a_withdrawal_nor_the_other_way(desk: Desk) -> None:
    from handstyle.collection import consent
    from handstyle.errors import ConsentBroken

    file = desk.consent()
    with pytest.raises(GateClosed):
        withdrawal.opened(file.read_bytes(), "here")
    with pytest.raises(ConsentBroken):
        consent.opened(desk.taken_back(file).read_bytes(), "here")


def test_a_signed_withdrawal_with_another_date_or_other_works_does_not_hold(desk: Desk) -> None:
    import json

    from handstyle import digests, envelopes

    content = json.loads(desk.taken_back(desk.consent()).read_bytes())
    payload = json.loads(envelopes.decoded(content["payload"]))
    for change in ("since", "works"):
        altered = json.loads(json.dumps(payload))
        if change == "since":
            altered["predicate"]["since"] = "2099-01-01"
            altered["predicate"]["words"][0] = altered["predicate"]["words"][0].replace("2020-06-01", "2099-01-01")
        else:
            altered["subject"][0]["digest"]["sha256"] = "0" * 64
        data = digests.canonical({**content, "payload": envelopes.encoded(digests.canonical(altered))})
        with pytest.raises(GateClosed, match="does not fit"):
            withdrawal.opened(data, "here")


# On written word


def test_the_keeper_enters_what_a_holder_wrote(desk: Desk) -> None:
    desk.start_log()
    desk.collect(plan=for_all(own_work("Ben Pen")))
    entered = desk.on_written_word("Ben Pen")
    assert (entered.works, entered.logged) == (6, 1)
    with pytest.raises(Withdrawn, match="Ben Pen"):
        desk.collect(plan=for_all(own_work("Ben Pen")))


def test_single_works_can_be_taken_back_and_the_others_stay(desk: Desk) -> None:
    desk.start_log()
    file = desk.consent()
    desk.collect(file)
    names = sorted(path.name for path in desk.works.glob("*.png"))
    entered = desk.on_written_word("Ada Example", names=names[:1])
    assert entered.works == 1
    with pytest.raises(Withdrawn) as refused:
        desk.collect(file)
    assert len(refused.value.faults) == 1 and names[0] in refused.value.faults[0]
    desk.collect(file, without=names[:1])


def test_a_letter_by_somebody_who_holds_nothing_takes_nothing_back(desk: Desk) -> None:
    file = desk.consent()
    desk.collect(file)
    with pytest.raises(UsageMistake, match="no work here has a permission by Ben Pen"):
        desk.on_written_word("Ben Pen")
    with pytest.raises(UsageMistake, match="none of the holders"):
        desk.on_written_word("Ben Pen", given=file)


def test_a_withdrawal_is_logged_once(desk: Desk) -> None:
    desk.start_log()
    file = desk.consent()
    desk.collect(file)
    taken = desk.taken_back(file)
    assert desk.enter(taken).logged == desk.enter(taken).logged == 1


def test_entered_again_it_does_not_reach_a_later_consent(desk: Desk) -> None:
    desk.start_log()
    file = desk.consent()
    desk.collect(file)
    taken = desk.taken_back(file)
    desk.enter(taken)
    renewed = desk.consent(on=AFTER, name="new")
    desk.collect(renewed)
    desk.enter(taken)
    second = withdrawing.sign(file, ADA, to=desk.place / f"late{withdrawal.ENDING}", on=date(2020, 6, 2))
    desk.enter(Path(second.file))
    desk.collect(renewed)


# The log's entry


def test_the_public_entry_names_no_work_and_no_person(desk: Desk) -> None:
    desk.start_log()
    file = desk.consent()
    desk.collect(file)
    desk.on_written_word("Ada Example", names=[min(desk.works.glob("*.png")).name])
    log = logged.keepers_log(desk.house)
    assert log is not None
    public = (log.folder / "log.txt").read_bytes()
    collection, _ = loading.current_collection(desk.workspace)
    for secret in [b"Ada", *(work.pixels_sha256.encode() for work in collection.works)]:
        assert secret not in public
    assert DRAFTED.isoformat().encode() not in public
    assert [len(entry.ends) for entry in log.entries()] == [0, 1]
