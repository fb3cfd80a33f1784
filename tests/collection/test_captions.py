"""Does each picture get the words that were written for it, and never another's?"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handstyle.collection.captions import Caption, Captions, read_captions, words_in
from handstyle.collection.listing import list_folder

FolderOf = Callable[..., Path]


def captions_of(folder: Path) -> Captions:
    listing = list_folder(folder)
    return read_captions(folder, listing, listing.pictures)


def the_fault(folder: Path) -> str:
    (fault,) = captions_of(folder).faults
    return str(fault)


def test_the_sidecar_wins_over_jsonl_over_csv_over_the_file_name(folder_of: FolderOf) -> None:
    folder = folder_of("a_name.png", "b.png", "c.png", "d.png")
    (folder / "d.txt").write_text("from the sidecar\n")
    (folder / "metadata.jsonl").write_text("".join(
        json.dumps({"file_name": f"{name}.png", "text": "from jsonl"}) + "\n" for name in "cd"))  # fmt: skip
    (folder / "metadata.csv").write_text("file_name,text\nb.png,from csv\nc.png,from csv\nd.png,from csv\n")
    assert captions_of(folder) == Captions(
        {
            "a_name.png": Caption("a name", "file name"),
            "b.png": Caption("from csv", "metadata.csv"),
            "c.png": Caption("from jsonl", "metadata.jsonl"),
            "d.png": Caption("from the sidecar", "sidecar"),
        },
        (),
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("grey_cat-02.png", "grey cat"),
        ("sub/folder/Red.Fox.png", "Red Fox"),
        ("two cats (1).png", "two cats"),
        ("2_cats.jpg", "2 cats"),
        ("猫_01.png", "猫"),
        ("route 66 sign.png", "route 66 sign"),
        ("0001.png", ""),
        ("___.png", ""),
    ],
)
def test_a_file_name_turns_into_words(name: str, words: str) -> None:
    assert words_in(name) == words


@pytest.mark.parametrize("key", ["text", "prompt", "caption"])
def test_the_usual_names_of_the_caption_are_known(folder_of: FolderOf, key: str) -> None:
    folder = folder_of("a.png", "b.png")
    (folder / "metadata.jsonl").write_text(json.dumps({"file_name": "a.png", key: "a cat", "id": 7}))
    (folder / "metadata.csv").write_text(f'id,{key},file_name\n7,"a dog, asleep",b.png\n')
    assert {name: caption.text for name, caption in captions_of(folder).of.items()} == {
        "a.png": "a cat",
        "b.png": "a dog, asleep",
    }


def test_metadata_speaks_of_the_folder_it_lies_in(folder_of: FolderOf) -> None:
    folder = folder_of("cats/a.png", "cats/b.png", "a.png")
    (folder / "cats" / "metadata.jsonl").write_text('{"file_name": "a.png", "text": "a cat"}')
    (folder / "metadata.jsonl").write_text('{"file_name": "cats\\\\b.png", "text": "another cat"}')
    found = captions_of(folder).of
    assert (found["cats/a.png"].text, found["cats/b.png"].text, found["a.png"].text) == ("a cat", "another cat", "a")


def test_white_space_and_the_mark_of_windows_editors_are_no_part_of_a_caption(folder_of: FolderOf) -> None:
    folder = folder_of("a.png", "b.png")
    (folder / "a.txt").write_bytes(b"\xef\xbb\xbf a grey\r\n  cat \r\n")
    (folder / "metadata.csv").write_bytes(b"\xef\xbb\xbffile_name,text\r\nb.png,a dog\r\n")
    assert [caption.text for caption in captions_of(folder).of.values()] == ["a grey cat", "a dog"]


def test_accents_may_be_composed_or_taken_apart(folder_of: FolderOf) -> None:
    composed, apart = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    folder = folder_of(f"{composed}.png", "b.png")
    (folder / "metadata.jsonl").write_text(json.dumps({"file_name": f"{apart}.png", "text": "a café"}))
    assert captions_of(folder).of[f"{composed}.png"].text == "a café"


def test_a_sidecar_that_is_not_utf8_is_named_with_its_byte(folder_of: FolderOf) -> None:
    folder = folder_of("a.png")
    (folder / "a.txt").write_bytes("the café".encode("latin-1"))
    assert the_fault(folder) == "a.txt: is not UTF-8 at byte 7: save it as UTF-8"


def test_metadata_that_is_not_utf8_is_named_with_its_byte(folder_of: FolderOf) -> None:
    folder = folder_of("a.png")
    (folder / "metadata.csv").write_bytes(b"file_name,text\na.png,caf\xe9\n")
    assert the_fault(folder) == "metadata.csv: is not UTF-8 at byte 24: save it as UTF-8"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"file_name": "cats.png", "text": "x"}', "names 'cats.png', which is not here; did you mean cat.png?"),
        ('{"file_name": "../cat.png", "text": "x"}', "which is not here"),
        ('{"file_name": "/cat.png", "text": "x"}', "which is not here"),
        ('{"file_name": "cat.png", "text": "  "}', "the caption is empty"),
        ('{"file_name": "cat.png", "text": 3}', "its `text` is not text"),
        ('{"file_name": "cat.png", "txet": "x"}', "has none of `text`, `prompt`, `caption`"),
        ('{"file_name": "cat.png", "text": "\\ud800"}', "which is no letter"),
        ('{"file_name": "cat.png", "text": "a\\u0000b"}', "which is no letter"),
        ('{"file_name": 7, "text": "x"}', "has no `file_name`"),
        ('["cat.png"]', "has no `file_name`"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_a_faulty_line_of_metadata_is_named(folder_of: FolderOf, line: str, words: str) -> None:
    folder = folder_of("cat.png")
    (folder / "metadata.jsonl").write_text("\n" + line + "\n")
    assert the_fault(folder).startswith("metadata.jsonl")
    assert "line 2" in the_fault(folder)
    assert words in the_fault(folder)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("file_name,text\ncat.png,a cat, asleep\n", "line 2: has more fields than the first line"),
        ('file_name,text\ncat.png,"a cat\n', "is not CSV"),
        ("cat.png,a cat\ncat.png,a cat\n", "line 2: has no `file_name`"),
        ("file_name,text\ncat.png\n", "line 2: has none of"),
        ("file_name,text\ncat.png,\n", "line 2: the caption is empty"),
    ],
)
def test_a_faulty_table_is_named(folder_of: FolderOf, table: str, words: str) -> None:
    folder = folder_of("cat.png")
    (folder / "metadata.csv").write_text(table)
    assert words in the_fault(folder)


def test_two_captions_for_one_picture_in_one_file_are_a_fault_unless_they_agree(folder_of: FolderOf) -> None:
    folder = folder_of("a.png")
    (folder / "metadata.csv").write_text("file_name,text\na.png,a cat\na.png,a cat\n")
    assert captions_of(folder).faults == ()
    (folder / "metadata.csv").write_text("file_name,text\na.png,a cat\na.png,a dog\n")
    assert the_fault(folder) == "metadata.csv line 3: a.png has another caption further up: keep one"


@pytest.mark.parametrize("content", [b"", b" \n", b"\xef\xbb\xbf"])
def test_an_empty_sidecar_is_one_fault(folder_of: FolderOf, content: bytes) -> None:
    folder = folder_of("0001.png")
    (folder / "0001.txt").write_bytes(content)
    assert the_fault(folder).startswith("0001.txt: the caption is empty")


def test_a_picture_that_nothing_describes_is_a_fault(folder_of: FolderOf) -> None:
    folder = folder_of("sub/0001.png")
    assert the_fault(folder) == (
        "sub/0001.png: nothing says what it shows, not even its name: write it into 0001.txt beside it"
    )


def test_among_sidecars_one_without_a_picture_is_a_slip_and_otherwise_a_text_is_just_a_text(
    folder_of: FolderOf,
) -> None:
    folder = folder_of("grey_cat.png", "dog.png")
    (folder / "gray_cat.txt").write_text("a grey cat")
    assert captions_of(folder).faults == ()
    (folder / "dog.txt").write_text("a dog")
    assert the_fault(folder) == "gray_cat.txt: is a caption without its picture: name it like the picture"


def test_the_words_of_a_picture_that_is_left_out_do_not_matter(folder_of: FolderOf) -> None:
    folder = folder_of("a.png", "b.png")
    (folder / "a.txt").write_bytes(b"\xff")
    assert read_captions(folder, list_folder(folder), ["b.png"]).faults == ()


def test_a_text_far_too_long_for_a_caption_is_not_read_whole(folder_of: FolderOf) -> None:
    folder = folder_of("a.png")
    (folder / "a.txt").write_bytes(b"a " * (1 << 20))
    assert the_fault(folder) == "a.txt: is larger than 1 MB: too long for captions"


# What the two parsers give meaning to, and a number longer than Python reads.
SCRAPS = st.sampled_from(
    ['{"file_name": "a.png", ', '"text": ', '"x"}', "file_name,text\n", "a.png,", '"', "\n", "\0", "[", "9" * 5000]
)


@given(name=st.sampled_from(["a.txt", "metadata.jsonl", "metadata.csv"]),
       content=st.binary() | st.text().map(str.encode) | st.lists(SCRAPS).map("".join).map(str.encode))  # fmt: skip
def test_any_bytes_are_a_caption_or_a_fault(
    tmp_path_factory: pytest.TempPathFactory, drawing: Callable[[], object], name: str, content: bytes
) -> None:
    folder = tmp_path_factory.mktemp("words")
    drawing().save(folder / "a.png")
    (folder / name).write_bytes(content)
    captions = captions_of(folder)
    for fault in captions.faults:
        assert str(fault).encode("utf-8")
    for caption in captions.of.values():
        assert caption.text.encode("utf-8").strip()
