"""Is every picture of a folder listed, and nothing followed out of it?"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from handstyle.collection.listing import list_folder
from handstyle.errors import UsageMistake

FolderOf = Callable[..., Path]


def linked(link: Path, target: Path, is_folder: bool = False) -> None:
    try:
        link.symlink_to(target, target_is_directory=is_folder)
    except OSError:
        pytest.skip("this account may not make links")


def test_pictures_and_words_are_listed_from_sub_folders_too(folder_of: FolderOf) -> None:
    folder = folder_of("b.png", "a/deep/c.jpg")
    (folder / "b.txt").write_text("a bee")
    (folder / "a" / "metadata.csv").write_text("file_name,text\n")
    listing = list_folder(folder)
    assert listing.pictures == ("a/deep/c.jpg", "b.png")
    assert listing.texts == ("a/metadata.csv", "b.txt")
    assert listing.faults == ()


def test_files_that_are_nobodys_work_are_passed_over(folder_of: FolderOf) -> None:
    folder = folder_of("a.png", ".hidden.png", ".git/b.png")
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "rights.toml", "notes.md", "model.ckpt", "._a.png"):
        (folder / name).write_bytes(b"\0\x05\x16\x07")
    assert list_folder(folder).pictures == ("a.png",)


def test_a_picture_without_a_telling_name_is_still_a_picture(folder_of: FolderOf) -> None:
    folder = folder_of("a.png")
    (folder / "a.png").rename(folder / "scan.0001")
    assert list_folder(folder).pictures == ("scan.0001",)


def test_pictures_in_other_formats_are_listed_so_that_none_is_dropped_in_silence(folder_of: FolderOf) -> None:
    folder = folder_of("a.png")
    for name in ("b.gif", "c.HEIC", "d.psd", "e.nef"):
        (folder / name).write_bytes(b"")
    assert list_folder(folder).pictures == ("a.png", "b.gif", "c.HEIC", "d.psd", "e.nef")


def test_the_rights_file_and_its_evidence_are_no_works(folder_of: FolderOf) -> None:
    folder = folder_of("a.png", "contract.png")
    assert list_folder(folder, frozenset({(folder / "contract.png").resolve()})).pictures == ("a.png",)


def test_a_link_out_of_the_folder_is_a_fault(folder_of: FolderOf, tmp_path: Path) -> None:
    folder = folder_of("a.png", "../outside.png")
    linked(folder / "b.png", tmp_path / "outside.png")
    linked(folder / "a.txt", tmp_path / "secret.txt")
    (tmp_path / "secret.txt").write_text("secret")
    listing = list_folder(folder)
    assert [fault.name for fault in listing.faults] == ["a.txt", "b.png"]
    assert "out of the folder" in listing.faults[0].words
    assert (listing.pictures, listing.texts) == (("a.png",), ())


def test_a_link_within_the_folder_is_a_file_like_any_other(folder_of: FolderOf) -> None:
    folder = folder_of("a.png")
    linked(folder / "b.png", folder / "a.png")
    assert list_folder(folder).pictures == ("a.png", "b.png")


def test_a_link_that_leads_nowhere_or_in_a_circle_is_a_fault(folder_of: FolderOf) -> None:
    folder = folder_of("a.png")
    linked(folder / "b.png", folder / "gone.png")
    linked(folder / "c.png", folder / "d.png")
    linked(folder / "d.png", folder / "c.png")
    listing = list_folder(folder)
    assert [fault.name for fault in listing.faults] == ["b.png", "c.png", "d.png"]
    assert all("leads nowhere" in fault.words for fault in listing.faults)


def test_a_link_to_a_folder_is_a_fault_and_a_circle_does_not_trap(folder_of: FolderOf) -> None:
    folder = folder_of("a.png")
    linked(folder / "again", folder, is_folder=True)
    listing = list_folder(folder)
    assert [fault.name for fault in listing.faults] == ["again"]
    assert listing.pictures == ("a.png",)


def test_the_folder_itself_may_be_a_link(folder_of: FolderOf, tmp_path: Path) -> None:
    linked(tmp_path / "link", folder_of("a.png"), is_folder=True)
    assert list_folder(tmp_path / "link").pictures == ("a.png",)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in this file system")
def test_a_pipe_is_not_waited_for(folder_of: FolderOf) -> None:
    folder = folder_of("a.png")
    os.mkfifo(folder / "b.png")
    os.mkfifo(folder / "pipe")
    (fault,) = list_folder(folder).faults
    assert str(fault).startswith("b.png: is not an ordinary file")


@pytest.mark.skipif(sys.platform != "linux", reason="only here may a file name be any bytes")
def test_a_name_that_is_not_utf8_is_a_fault_that_can_be_printed(folder_of: FolderOf) -> None:
    folder = folder_of("a.png")
    (folder / "a.png").rename(Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.png")))
    (fault,) = list_folder(folder).faults
    assert fault.name == "caf\\udce9.png"
    assert str(fault).encode("utf-8")


def test_a_sub_folder_that_cannot_be_opened_is_a_fault(folder_of: FolderOf, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of("a.png", "closed/b.png")
    scan = os.scandir

    def scan_what_is_open(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", scan_what_is_open)
    (fault,) = list_folder(folder).faults
    assert str(fault) == "closed: cannot be opened (Permission denied): make the folder readable"


def test_what_is_no_folder_is_a_usage_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageMistake, match="is not a folder"):
        list_folder(tmp_path / "missing")
