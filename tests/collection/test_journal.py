"""Is what was read remembered through any end, and never believed against the bytes?"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from handstyle.collection import journal as journals
from handstyle.collection import reading
from handstyle.collection.intake import collect
from handstyle.collection.journal import Remembered
from handstyle.collection.reading import Shown, look_at
from handstyle.collection.rights import own_work
from handstyle.collection.rights_plan import RightsPlan, for_all, read_rights_toml
from handstyle.errors import RightsMissing

FolderOf = Callable[..., Path]
Drawing = Callable[..., Image.Image]
WHITE = (255, 255, 255)
MINE = for_all(own_work("Ada"))


@pytest.fixture
def shown(folder_of: FolderOf) -> Shown:
    return look_at(folder_of("a.png") / "a.png", WHITE)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "desk" / "reading" / "a.jsonl"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The digests of the files that are decoded from now on."""
    seen: list[str] = []
    picture_in = reading.picture_in

    def watched(data: bytes, kind: reading.FileFormat, page: tuple[int, int, int], digest: str, most: int) -> object:
        seen.append(digest)
        return picture_in(data, kind, page, digest, most)

    monkeypatch.setattr(reading, "picture_in", watched)
    return seen


def keep(path: Path, *names: str, of: Shown) -> None:
    with closing(Remembered(path, WHITE, names)) as memory:
        for name in names:
            memory.keep(name, of)


def recalled(path: Path, *names: str, page: tuple[int, int, int] = WHITE) -> list[Shown | None]:
    with closing(Remembered(path, page, names)) as memory:
        return [memory.recall(name) for name in names]


def test_what_was_kept_is_recalled_by_name(path: Path, shown: Shown) -> None:
    keep(path, "a.png", "b/c\u00e9.png", of=shown)
    assert recalled(path, "a.png", "b/c\u00e9.png", "d.png") == [shown, shown, None]


def test_a_torn_last_line_is_dropped_and_the_next_one_is_whole(path: Path, shown: Shown) -> None:
    keep(path, "a.png", "b.png", of=shown)
    whole = path.read_bytes()
    for torn in range(1, 60, 7):
        path.write_bytes(whole[:-torn])
        assert recalled(path, "a.png", "b.png") == [shown, None]
        keep(path, "c.png", of=shown)
        assert recalled(path, "a.png", "b.png", "c.png") == [shown, None, shown]


def test_a_line_that_was_changed_is_dropped_wherever_it_stands(path: Path, shown: Shown) -> None:
    keep(path, "a.png", "b.png", of=shown)
    path.write_bytes(path.read_bytes().replace(shown.pixels_sha256.encode(), b"0" * 64, 1))
    assert recalled(path, "a.png", "b.png") == [None, shown]


ZEROS = "0" * 64
NONSENSE = [
    *(None, [], ["PNG", "x", "y", 1, 1, None, []], ["PNG", ZEROS, ZEROS, 0, 5, None, []]),
    ["PNG", ZEROS, "A" * 64, 5, 5, None, []],
    ["PNG", ZEROS, "00 " * 32, 5, 5, None, []],
    ["PNG", ZEROS, ZEROS, 5, 5, [2**64, 0, 0, 0], []],
    ["PNG", ZEROS, ZEROS, 5, 5, ["7", 0, 0, 0], []],
    ["PNG", ZEROS, ZEROS, 5, 5, [7, 0, 0, 256], []],
    ["PNG", ZEROS, ZEROS, 5, 5, [7, 0, 0, 0], [{"says": "open"}]],
]


@pytest.mark.parametrize("entry", [{}, 7, *(["a.png", rest] for rest in NONSENSE)])
def test_a_true_line_that_says_nonsense_is_not_believed(path: Path, shown: Shown, entry: object) -> None:
    keep(path, "b.png", of=shown)
    with path.open("ab") as file:
        file.write(journals._line(entry))  # type: ignore[arg-type]
    assert recalled(path, "a.png", "b.png") == [None, shown]


def test_a_journal_of_another_decoder_page_or_format_is_begun_anew(
    path: Path, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(path, "a.png", of=shown)
    assert recalled(path, "a.png", page=(0, 0, 0)) == [None]
    assert recalled(path, "a.png") == [None], "the journal of the other page has taken its place"
    for name, value in (("FORMAT", "handstyle/reading/0"), ("features", _FeaturesOfAnotherBuild)):
        keep(path, "a.png", of=shown)
        with monkeypatch.context() as patch:
            patch.setattr(journals, name, value)
            assert recalled(path, "a.png") == [None]


class _FeaturesOfAnotherBuild:
    @staticmethod
    def version(name: str) -> str:
        return "0"


def test_lines_that_no_longer_count_are_left_behind_at_last(path: Path, shown: Shown) -> None:
    keep(path, "a.png", *(f"{number}.png" for number in range(30)), of=shown)
    assert recalled(path, "a.png") == [shown]
    assert path.read_bytes().count(b"\n") == 2
    assert recalled(path, "a.png") == [shown]


def test_while_another_process_keeps_it_nothing_is_remembered(path: Path, shown: Shown) -> None:
    with closing(Remembered(path, WHITE, ["a.png"])) as first:
        first.keep("a.png", shown)
        with closing(Remembered(path, WHITE, ["a.png"])) as second:
            second.keep("b.png", shown)
            assert second.recall("a.png") is None
    assert recalled(path, "a.png", "b.png") == [shown, None]


def test_of_works_without_permission_nothing_is_remembered(folder_of: FolderOf, path: Path) -> None:
    folder = folder_of("a.png", "b.png")
    with pytest.raises(RightsMissing):
        collect(folder, rights=RightsPlan(), kept_in=path)
    assert not path.parent.exists()
    (folder / "rights.toml").write_text('[[rights]]\nworks = ["a*"]\nauthor = "Ada"\nbasis = "own-work"\n')
    with pytest.raises(RightsMissing):
        collect(folder, rights=read_rights_toml(folder / "rights.toml"), kept_in=path)
    a, b = recalled(path, "a.png", "b.png")
    assert a is not None and b is None


def test_a_journal_that_cannot_be_kept_keeps_nobody_from_collecting(folder_of: FolderOf, tmp_path: Path) -> None:
    (tmp_path / "desk").write_text("no folder")
    assert collect(folder_of("a.png"), rights=MINE, kept_in=tmp_path / "desk" / "a.jsonl").works


def test_what_is_remembered_is_not_decoded_again(folder_of: FolderOf, path: Path, decoded: list[str]) -> None:
    folder = folder_of("a.png", "b.png")
    first = collect(folder, rights=MINE, kept_in=path)
    assert len(decoded) == 2
    assert collect(folder, rights=MINE, kept_in=path) == first
    assert len(decoded) == 2
    (folder / "b.png").rename(folder / "c.png")
    collect(folder, rights=MINE, kept_in=path)
    assert len(decoded) == 3, "a file under a new name is read anew"


def test_a_file_that_changes_behind_the_back_of_its_date_is_noticed(
    folder_of: FolderOf, drawing: Drawing, path: Path, decoded: list[str]
) -> None:
    folder = folder_of("a.png")
    file = folder / "a.png"
    drawing(1).save(file, compress_level=0)
    collect(folder, rights=MINE, kept_in=path)
    before = file.stat()
    with file.open("r+b") as same:  # the same place, length and date
        drawing(2).save(same, "PNG", compress_level=0)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = file.stat()
    assert (before.st_size, before.st_mtime_ns, before.st_ino) == (after.st_size, after.st_mtime_ns, after.st_ino)
    assert collect(folder, rights=MINE, kept_in=path) == collect(folder, rights=MINE)
    assert len(set(decoded)) == 2
