"""Does a folder become a collection that accounts for every picture, or get refused in full?"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from handstyle import digests
from handstyle.collection.intake import collect, load_work
from handstyle.collection.rights import open_licence, own_work
from handstyle.collection.rights_plan import RightsPlan, for_all, read_rights_toml
from handstyle.errors import CollectionFaulty, RightsMissing, UsageMistake, WorkChanged

FolderOf = Callable[..., Path]
Drawing = Callable[..., Image.Image]
MINE = for_all(own_work("Ada"))
EXAMPLE = Path(__file__).parents[2] / "src" / "handstyle" / "collection" / "example" / "works"


def refusal(folder: Path, **options: object) -> CollectionFaulty:
    with pytest.raises(CollectionFaulty) as refused:
        collect(folder, **{"rights": MINE, **options})  # type: ignore[arg-type]
    return refused.value


def test_a_work_carries_its_digests_its_size_its_words_and_its_permission(
    folder_of: FolderOf, drawing: Drawing
) -> None:
    folder = folder_of("grey_cat.png")
    collection = collect(folder, rights=MINE)
    (work,) = collection.works
    assert (work.name, work.width, work.height, work.caption, work.caption_from) == (
        *("grey_cat.png", 24, 16),
        *("grey cat", "file name"),
    )
    assert work.file_sha256 == digests.of_file(folder / "grey_cat.png")
    assert work.pixels_sha256 == digests.of_pixels(24, 16, drawing(1).tobytes())
    assert collection.rights_of(work) == own_work("Ada")


def test_the_example_becomes_32_of_32_works() -> None:
    licence = open_licence("Apache-2.0", "Mozilla", "https://github.com/mozilla/fxemoji")
    collection = collect(EXAMPLE, rights=for_all(licence), validation=None)
    assert (len(collection.works), len(collection.training), collection.number_of_pictures_found) == (32, 32, 32)
    assert {work.caption_from for work in collection.works} == {"metadata.jsonl"}


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """Ten drawings that differ."""
    folder = tmp_path / "example"
    folder.mkdir()
    for path in sorted(EXAMPLE.glob("*.png"))[:10]:
        shutil.copy(path, folder)
    return folder


def with_copies(folder: Path, name: str = "{} again.png") -> Path:
    """And of each a copy that differs in one pixel."""
    for path in sorted(folder.glob("*.png")):
        with Image.open(path) as image:
            copy = image.convert("RGB")
        copy.putpixel((0, 0), (1, 2, 3))
        copy.save(folder / name.format(path.stem))
    return folder


def test_one_in_five_is_withheld_unless_said_otherwise(example: Path) -> None:
    assert len(collect(example, rights=MINE).withheld) == 2
    assert len(collect(example, rights=MINE, validation=3).withheld) == 3
    assert collect(example, rights=MINE, validation=None).withheld == ()


@pytest.mark.parametrize("name", ["{} again.png", "0 {}.png"])
def test_a_work_and_its_copy_are_both_withheld_or_both_trained_on(example: Path, name: str) -> None:
    found = collect(with_copies(example, name), rights=MINE)
    assert len(found.works) == 20 and len(found.withheld) == 4
    drawings = {work.name.removesuffix(" again.png").removeprefix("0 ").removesuffix(".png") for work in found.withheld}
    assert len(drawings) == 2


def test_the_draw_of_the_example_is_by_the_digest_of_each_work() -> None:
    """In it nothing looks alike, and so it was drawn before copies were looked for."""
    licence = open_licence("Apache-2.0", "Mozilla", "https://github.com/mozilla/fxemoji")
    found = collect(EXAMPLE, rights=for_all(licence))
    drawn = sorted(found.works, key=lambda work: digests.of_bytes(f"withheld {work.pixels_sha256}".encode()))
    assert found.validation == tuple(sorted(work.name for work in drawn[:6]))


def test_the_collection_does_not_depend_on_where_the_folder_is_or_how_it_is_listed(
    folder_of: FolderOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of("c.png", "a.png", "sub/b.png", "sub/d.png", "e.png")
    (folder / "a.txt").write_text("a bee")
    expected = collect(folder, rights=MINE)
    moved = tmp_path / "elsewhere"
    shutil.copytree(folder, moved)
    walk = os.walk

    def walk_backwards(*arguments: object, **options: object) -> object:
        for parent, folders, files in walk(*arguments, **options):  # type: ignore[call-overload]
            folders.reverse()
            yield parent, folders, sorted(files, reverse=True)

    monkeypatch.setattr(os, "walk", walk_backwards)
    assert collect(moved, rights=MINE) == expected
    assert collect(moved, rights=MINE).digest == expected.digest


def test_nothing_of_the_users_is_touched(folder_of: FolderOf) -> None:
    folder = folder_of("a.png", "sub/b.jpg", "broken.png")
    (folder / "a.txt").write_text("a bee")
    (folder / "broken.png").write_bytes(b"broken")

    def state() -> dict[str, tuple[bytes, int]]:
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}

    before = state()
    refusal(folder)
    collection = collect(folder, rights=MINE, without=["broken.png"])
    load_work(folder, collection.works[0])
    assert state() == before


def test_all_faults_are_named_at_once_with_the_way_out(folder_of: FolderOf, drawing: Drawing) -> None:
    folder = folder_of("good.png", "same.png", "two words.png", "0001.png", "cut.png", "latin.png", "moving.gif")
    shutil.copy(folder / "good.png", folder / "same.png")
    (folder / "empty.png").write_bytes(b"")
    (folder / "two words.png").write_bytes(b"no picture")
    (folder / "cut.png").write_bytes((folder / "good.png").read_bytes()[:50])
    (folder / "latin.txt").write_bytes(b"caf\xe9")
    drawing(8, (1, 1)).save(folder / "dot.png")
    refused = refusal(folder)
    assert refused.what == f"8 faults keep {folder} from becoming a collection"
    for words in (
        "0001.png: nothing says what it shows",
        "cut.png: is damaged or cut short",
        "dot.png: is 1 x 1 pixels",
        "empty.png: is empty",
        "latin.txt: is not UTF-8 at byte 3",
        "moving.gif: is GIF, which is not read: save the frame you want as PNG",
        "same.png: shows the same pixels as good.png",
        "two words.png: is not a picture",
    ):
        assert sum(fault.startswith(words) for fault in refused.faults) == 1, words
    assert "--without 0001.png --without cut.png --without dot.png" in refused.hint
    assert refused.hint.endswith(("--without 'two words.png'", '--without "two words.png"'))


def test_the_way_out_leads_out_and_is_recorded(folder_of: FolderOf) -> None:
    folder = folder_of("a.png", "b.png", "c.png")
    (folder / "b.png").write_bytes(b"")
    collection = collect(folder, rights=MINE, without=["b.png"])
    assert [work.name for work in collection.works] == ["a.png", "c.png"]
    assert [(entry.name, entry.reason) for entry in collection.left_out] == [("b.png", "left out by name")]
    assert collection.number_of_pictures_found == 3


def test_words_can_be_left_out_too_and_are_no_pictures(folder_of: FolderOf) -> None:
    folder = folder_of("a.png", "b.png")
    (folder / "a.txt").write_text("a bee")
    (folder / "LICENSE.txt").write_text("terms")
    assert "--without LICENSE.txt" in refusal(folder).hint
    collection = collect(folder, rights=MINE, without=["LICENSE.txt"])
    assert (len(collection.works), collection.left_out) == (2, ())


def test_a_link_out_of_the_folder_stops_it_and_can_be_left_out(folder_of: FolderOf) -> None:
    folder = folder_of("a.png", "../outside.png")
    try:
        (folder / "b.png").symlink_to(folder.parent / "outside.png")
    except OSError:
        pytest.skip("this account may not make links")
    assert refusal(folder).faults == ("b.png: is a link out of the folder: put the file itself here",)
    assert collect(folder, rights=MINE, without=["b.png"]).number_of_pictures_found == 2


@pytest.mark.skipif(sys.platform != "linux", reason="only here may a file name be any bytes")
def test_a_name_that_is_not_utf8_can_be_left_out_as_it_was_spelled(folder_of: FolderOf) -> None:
    folder = folder_of("a.png", "b.png")
    (folder / "b.png").rename(Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.png")))
    assert "caf\\udce9.png" in refusal(folder).hint
    collection = collect(folder, rights=MINE, without=["caf\\udce9.png"])
    assert len(collection.digest) == 64


def test_a_picture_that_cannot_be_opened_is_a_fault(folder_of: FolderOf, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of("a.png", "closed.png")
    opened = Path.open

    def open_what_may_be_read(path: Path, *mode: Any) -> Any:
        if path.name == "closed.png":
            raise PermissionError(13, "Permission denied")
        return opened(path, *mode)

    monkeypatch.setattr(Path, "open", open_what_may_be_read)
    assert refusal(folder).faults == ("closed.png: cannot be opened (Permission denied): make it readable",)


def test_leaving_out_what_is_not_there_is_a_fault_with_the_nearest_name(folder_of: FolderOf) -> None:
    (fault,) = refusal(folder_of("grey_cat.png"), without=["gray_cat.png"]).faults
    assert fault == "--without gray_cat.png: there is no such file in the folder; did you mean grey_cat.png?"


def test_a_folder_without_pictures_is_refused(folder_of: FolderOf, tmp_path: Path) -> None:
    assert "there is no picture in it" in str(refusal(tmp_path))
    assert "every picture in it is left out" in str(refusal(folder_of("a.png"), without=["a.png"]))


def test_a_page_colour_that_is_none_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageMistake, match="not a plain colour"):
        collect(tmp_path / "missing", rights=MINE, background="whitish")


def test_a_misnamed_picture_is_accepted_with_a_note(folder_of: FolderOf) -> None:
    folder = folder_of("a.png", "b.png")
    (folder / "a.png").rename(folder / "a.jpg")
    collection = collect(folder, rights=MINE)
    assert collection.notes == ("a.jpg is a PNG by its content and was read as one",)


def test_one_damaged_picture_does_not_hide_what_is_wrong_with_another(folder_of: FolderOf) -> None:
    names = [f"{letter}.png" for letter in "abcdef"]
    folder = folder_of(*names)
    for name in names:
        (folder / name).write_bytes(b"")
    assert len(refusal(folder).faults) == 6


def test_progress_can_be_watched(folder_of: FolderOf) -> None:
    seen: list[tuple[str, int, int]] = []
    collect(folder_of("a.png", "b.png"), rights=MINE, progress=lambda *step: seen.append(step))
    assert seen == [("looking through the folder", 0, 1), *(("collecting", done, 2) for done in range(3))]


# Permission


def test_works_without_permission_are_refused_with_the_lines_that_would_add_it(folder_of: FolderOf) -> None:
    with pytest.raises(RightsMissing) as refused:
        collect(folder_of("a.png", "b.png"), rights=RightsPlan())
    assert refused.value.exit_code == 3
    assert "2 of 2 pictures" in refused.value.what
    for line in ('--mine "YOUR NAME"', '--licence SPDX-ID --author "NAME" --source URL', "--rights rights.toml"):
        assert line in refused.value.hint


def test_a_rights_file_that_lies_there_unused_is_pointed_out(folder_of: FolderOf) -> None:
    folder = folder_of("a.png")
    (folder / "rights.toml").write_text("")
    with pytest.raises(RightsMissing, match=r"--rights .*rights\.toml"):
        collect(folder, rights=RightsPlan())


def test_a_work_the_rights_file_forgot_comes_with_the_table_to_add(folder_of: FolderOf) -> None:
    folder = folder_of("a.png", "sub/b.png")
    (folder / "rights.toml").write_text('[[rights]]\nworks = ["a*"]\nauthor = "Ada"\nbasis = "own-work"\n')
    with pytest.raises(RightsMissing) as refused:
        collect(folder, rights=read_rights_toml(folder / "rights.toml"))
    assert refused.value.faults == ("sub/b.png: no permission names it (clause: any); ask whoever made it",)
    assert '[[rights]]\nworks = ["sub/b.png"]' in refused.value.hint


def test_a_work_that_two_permissions_name_is_refused(folder_of: FolderOf) -> None:
    folder = folder_of("a.png", "b.png")
    entry = '[[rights]]\nworks = ["{}"]\nauthor = "{}"\nbasis = "own-work"\n'
    (folder / "rights.toml").write_text(entry.format("*", "Ada") + entry.format("b*", "Bob"))
    with pytest.raises(
        RightsMissing, match=r"b\.png: 2 permissions name it: .* of Ada, .* of Bob \(clause: any\); let"
    ):
        collect(folder, rights=read_rights_toml(folder / "rights.toml"))


def test_a_permission_that_has_ended_or_never_covered_training_is_refused(folder_of: FolderOf) -> None:
    folder = folder_of("a.png")
    expired = own_work("Ada").model_copy(update={"valid_until": date(2030, 1, 1)})
    with pytest.raises(RightsMissing, match=r"of Ada ended on 2030-01-01 \(clause: last day\); ask for a new one"):
        collect(folder, rights=for_all(expired), on=date(2030, 1, 2))
    assert collect(folder, rights=for_all(expired), on=date(2030, 1, 1)).works
    no_derivatives = open_licence("CC-BY-ND-4.0", "Ada", "https://example.org")
    with pytest.raises(RightsMissing, match=r"a\.png: CC-BY-ND-4\.0 does not cover .* \(clause: use\); ask"):
        collect(folder, rights=for_all(no_derivatives))


def test_missing_permission_and_faulty_files_are_told_together(folder_of: FolderOf) -> None:
    folder = folder_of("a.png", "b.png")
    (folder / "b.png").write_bytes(b"")
    with pytest.raises(RightsMissing) as refused:
        collect(folder, rights=RightsPlan())
    unnamed = "no permission names it (clause: any); ask whoever made it"
    assert refused.value.faults == (
        f"a.png: {unnamed}", f"b.png: {unnamed}", "besides, b.png: is empty: save or copy it again"
    )  # fmt: skip


def test_a_work_left_out_needs_no_permission(folder_of: FolderOf) -> None:
    folder = folder_of("a.png", "b.png")
    (folder / "rights.toml").write_text('[[rights]]\nworks = ["a*"]\nauthor = "Ada"\nbasis = "own-work"\n')
    assert collect(folder, rights=read_rights_toml(folder / "rights.toml"), without=["b.png"]).works


def test_a_scanned_contract_among_the_works_is_evidence_and_no_work(folder_of: FolderOf) -> None:
    folder = folder_of("a.png", "contract.png")
    (folder / "rights.toml").write_text(
        '[[rights]]\nworks = ["*"]\nauthor = "Ada"\nbasis = "written-permission"\n'
        'evidence = ["contract.png"]\npermits = ["train"]\n'
    )
    collection = collect(folder, rights=read_rights_toml(folder / "rights.toml"))
    assert [work.name for work in collection.works] == ["a.png"]


# Coming back to a work


def test_a_work_is_loaded_as_it_was_collected(folder_of: FolderOf, drawing: Drawing) -> None:
    folder = folder_of("a.png")
    (work,) = collect(folder, rights=MINE).works
    assert load_work(folder, work).tobytes() == drawing(1).tobytes()


def test_a_work_whose_file_has_changed_or_gone_is_refused(folder_of: FolderOf, drawing: Drawing) -> None:
    folder = folder_of("a.png")
    (work,) = collect(folder, rights=MINE).works
    drawing(9).save(folder / "a.png")
    with pytest.raises(WorkChanged, match=r"a\.png is not the file that was collected"):
        load_work(folder, work)
    (folder / "a.png").unlink()
    with pytest.raises(WorkChanged, match="cannot be opened"):
        load_work(folder, work)


def test_a_work_on_another_page_is_refused(folder_of: FolderOf) -> None:
    folder = folder_of("a.png")
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(folder / "a.png")
    (work,) = collect(folder, rights=MINE, background="black").works
    assert load_work(folder, work, "black").getpixel((0, 0)) == (0, 0, 0)
    with pytest.raises(WorkChanged, match="come out differently"):
        load_work(folder, work, "white")


def test_a_work_cannot_be_loaded_from_outside_its_folder(folder_of: FolderOf) -> None:
    folder = folder_of("a.png", "../outside.png")
    (work,) = collect(folder, rights=MINE).works
    (folder / "a.png").unlink()
    try:
        (folder / "a.png").symlink_to(folder.parent / "outside.png")
    except OSError:
        pytest.skip("this account may not make links")
    with pytest.raises(WorkChanged, match="leads out"):
        load_work(folder, work)
