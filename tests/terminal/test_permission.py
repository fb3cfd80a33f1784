"""Do the options of `collect` become the permission that was meant, and nothing else?"""

from __future__ import annotations

from pathlib import Path

import pytest

from handstyle import digests
from handstyle.collection.rights_plan import RightsPlan
from handstyle.errors import RecordDamaged, UsageMistake
from handstyle.terminal.permission import StatedPermission

SOURCE = "https://example.org/drawings"
TOML = '[[rights]]\nworks = ["*"]\nauthor = "Zoë"\nbasis = "own-work"\n'


def author_in(plan: RightsPlan) -> str:
    (rights,) = plan.rights_for("any.png")
    return rights.author


def test_own_works_need_a_name(tmp_path: Path) -> None:
    assert author_in(StatedPermission(mine="Ada").for_folder(tmp_path)) == "Ada"
    with pytest.raises(UsageMistake):
        StatedPermission(mine="").for_folder(tmp_path)


def test_an_open_licence_needs_author_and_source_and_names_all_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UsageMistake) as mistake:
        StatedPermission(licence="CC-BY-4.0").for_folder(tmp_path)
    assert mistake.value.faults == ("--licence needs --author", "--licence needs --source")


def test_an_open_licence_covers_the_folder(tmp_path: Path) -> None:
    plan = StatedPermission(licence="CC-BY-4.0", author="Ada", source=SOURCE).for_folder(tmp_path)
    (rights,) = plan.rights_for("any.png")
    assert (rights.licence, rights.source) == ("CC-BY-4.0", SOURCE)


@pytest.mark.parametrize("place", [".", "texts", ".."])
def test_evidence_is_recorded_by_digest_and_is_no_work(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "works"
    (folder / "texts").mkdir(parents=True)
    licence = folder / place / "LICENCE.txt"
    licence.write_text("You may.")
    plan = StatedPermission(licence="MIT", author="Ada", source=SOURCE, evidence=licence).for_folder(folder)
    (evidence,) = plan.rights_for("any.png")[0].evidence
    assert evidence.sha256 == digests.of_bytes(b"You may.")
    assert any((near / evidence.file).resolve() == licence.resolve() for near in (folder, tmp_path))
    assert plan.documents == {licence.resolve()}


def test_evidence_that_publishing_would_not_find_again_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "works"
    folder.mkdir(parents=True)
    (tmp_path / "far.txt").write_text("You may.")
    for evidence in (tmp_path / "far.txt", folder / "missing.txt"):
        with pytest.raises(UsageMistake, match="--evidence"):
            StatedPermission(licence="MIT", author="Ada", source=SOURCE, evidence=evidence).for_folder(folder)


def test_a_file_of_rights_in_the_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "rights.toml").write_text(TOML, encoding="utf-8")
    assert author_in(StatedPermission().for_folder(tmp_path)) == "Zoë"


def test_what_is_typed_goes_before_what_lies_there(tmp_path: Path) -> None:
    (tmp_path / "rights.toml").write_text(TOML, encoding="utf-8")
    (tmp_path / "other.toml").write_text(TOML.replace("Zoë", "Ana"), encoding="utf-8")
    assert author_in(StatedPermission(mine="Ada").for_folder(tmp_path)) == "Ada"
    assert author_in(StatedPermission(rights=tmp_path / "other.toml").for_folder(tmp_path)) == "Ana"


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(RecordDamaged, match="does not exist"):
        StatedPermission(rights=tmp_path / "rights.toml").for_folder(tmp_path)


def test_without_a_word_nothing_is_permitted(tmp_path: Path) -> None:
    assert StatedPermission().for_folder(tmp_path) == RightsPlan()


@pytest.mark.parametrize(
    "stated",
    [
        StatedPermission(mine="Ada", licence="MIT", author="Ada", source=SOURCE),
        StatedPermission(mine="Ada", rights=Path("rights.toml")),
        StatedPermission(mine="Ada", author="Ada"),
        StatedPermission(rights=Path("rights.toml"), source=SOURCE),
    ],
)
def test_two_statements_at_once_are_none(stated: StatedPermission, tmp_path: Path) -> None:
    with pytest.raises(UsageMistake):
        stated.for_folder(tmp_path)
