"""Does a table of captions come back as it was edited, and tell what is wrong in it?"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from PIL import Image

from handstyle.collection.caption_table import COLUMNS, from_template, table
from handstyle.collection.intake import collect
from handstyle.collection.rights import own_work
from handstyle.collection.rights_plan import for_all
from handstyle.collection.works import Collection
from handstyle.errors import CollectionFaulty, UsageMistake

RIGHTS = for_all(own_work("Ada"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "works"
    for place, name in enumerate(("sea/grey boat.png", "sea/Zoë.png", "hut.png")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (place * 80, 0, 0)).save(root / name)
    (root / "hut.txt").write_text('a hut, "red"; small', encoding="utf-8")
    return root


def collected(folder: Path, path: Path | None = None) -> Collection:
    return collect(folder, rights=RIGHTS, validation=None, table=path)


def written(path: Path, rows: list[list[str]], delimiter: str = ",", encoding: str = "utf-8-sig") -> Path:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter).writerows(rows)
    path.write_bytes(file.getvalue().encode(encoding))
    return path


def captions(found: Collection) -> dict[str, tuple[str, str]]:
    return {work.name: (work.caption, work.caption_from) for work in found.works}


def test_a_table_that_nobody_edited_changes_no_caption(folder: Path, tmp_path: Path) -> None:
    before = collected(folder)
    path = tmp_path / "captions.csv"
    path.write_text(table(before.works, {}, {}), encoding="utf-8", newline="")
    after = collected(folder, path)
    assert [work.caption for work in after.works] == [work.caption for work in before.works]
    assert {source for _, source in captions(after).values()} == {"table"}


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_edited_words_stand_in_place_of_those_beside_the_picture(folder: Path, tmp_path: Path, delimiter: str) -> None:
    rows = [
        ["file_name", "text", "mine"],
        ["hut.png", "  a blue  hut, big; old ", "x"],
        ["sea\\Zoe\u0308.png", "Zoë", "y"],
    ]
    found = collected(folder, written(tmp_path / "t.csv", rows, delimiter))
    assert captions(found) == {
        "hut.png": ("a blue hut, big; old", "table"),
        "sea/Zoë.png": ("Zoë", "table"),
        "sea/grey boat.png": ("grey boat", "file name"),
    }
    assert (folder / "hut.txt").read_text(encoding="utf-8") == 'a hut, "red"; small'


def test_everything_that_is_wrong_is_told_at_once(folder: Path, tmp_path: Path) -> None:
    rows = [["file_name", "text"], ["hut.png", " "], ["boat.png", "boat"], ["sea/Zoë.png", "a"], ["sea/Zoë.png", "b"]]
    with pytest.raises(CollectionFaulty) as refused:
        collected(folder, written(tmp_path / "t.csv", rows))
    told = "\n".join(refused.value.faults)
    assert "t.csv line 2" in told and "the caption is empty" in told
    assert "names 'boat.png', which is not here" in told and "has a caption further up" in told


def test_a_work_without_words_of_its_own_may_get_them_from_the_table(folder: Path, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), "blue").save(folder / "0042.png")
    with pytest.raises(CollectionFaulty, match="becoming"):
        collected(folder)
    found = collected(folder, written(tmp_path / "t.csv", [["file_name", "text"], ["0042.png", "a kite"]]))
    assert captions(found)["0042.png"] == ("a kite", "table")


NO_TABLES = {
    "other columns": b"name,words\nhut.png,a\n",
    "too many fields": b"file_name,text\nhut.png,a,b\n",
    "too few fields": b"file_name,text\nhut.png\n",
    "not UTF-8": b"file_name,text\nhut.png,\xe9\n",
    "empty": b"",
}


@pytest.mark.parametrize("data", NO_TABLES.values(), ids=NO_TABLES)
def test_what_is_no_table_is_refused(folder: Path, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(UsageMistake) as refused:
        collected(folder, tmp_path / "t.csv")
    assert "handstyle captions" in refused.value.hint


def test_a_template_fills_in_what_is_known_and_drops_what_is_not(folder: Path) -> None:
    works = collected(folder).works
    assert from_template("{caption}, {folder}, by night", works) == {
        "hut.png": 'a hut, "red"; small, by night',
        "sea/Zoë.png": "Zoë, sea, by night",
        "sea/grey boat.png": "grey boat, sea, by night",
    }
    assert from_template("{folder}, {file}", works)["hut.png"] == "hut"
    for wrong in ("{name}", "a boat"):
        with pytest.raises(UsageMistake, match="template"):
            from_template(wrong, works)


def test_the_table_names_its_columns_and_holds_the_suggestions(folder: Path) -> None:
    works = collected(folder).works
    rows = list(csv.reader(io.StringIO(table(works, {}, {"hut.png": "a small house"}).removeprefix("\ufeff"))))
    assert tuple(rows[0]) == COLUMNS
    assert rows[1] == ["hut.png", 'a hut, "red"; small', "a small house", 'a hut, "red"; small', "sidecar"]
