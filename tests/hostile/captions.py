"""Words beside the pictures: does each picture get its own, or is the fault told with file and line?"""

from __future__ import annotations

import json
from typing import Any

from tests.hostile.case import Case, End, Place, Words, refused, says
from tests.hostile.pictures import collecting
from tests.hostile.png import GOOD

BOM = b"\xef\xbb\xbf"


def worded(title: str, ends: End, **files: bytes | str) -> Case:
    """One picture, `boat.png`, and files of words: `boat_txt`, `metadata_jsonl`, `metadata_csv`."""

    def make(place: Place) -> Words:
        place.write("boat.png", GOOD)
        for name, content in files.items():
            place.write(name.replace("_", "."), content)
        return collecting(place)

    return Case(title, make, ends)


def row(**fields: Any) -> str:
    return json.dumps({"file_name": "boat.png", **fields})


A_BOAT = says(boat="a boat")
FILE_NAME = says(boat="boat")
NOT_UTF8, NO_LETTER = refused("is not UTF-8 at byte"), refused("which is no letter: delete it")
LONG_NUMBER = "9" * 5000

SIDECARS = [
    worded("a sidecar", A_BOAT, boat_txt="a boat\n"),
    worded("a sidecar behind a mark of order of bytes", A_BOAT, boat_txt=BOM + b"a boat"),
    worded("a sidecar of UTF-16", NOT_UTF8, boat_txt="a boat".encode("utf-16")),
    worded("a sidecar of UTF-16 without a mark", NO_LETTER, boat_txt="a boat".encode("utf-16-le")),
    worded("a sidecar of an old encoding", refused("boat.txt: is not UTF-8 at byte 5"),
            boat_txt="a caf\xe9".encode("latin-1")),
    worded("a sidecar with NUL", NO_LETTER, boat_txt=b"a\0boat"),
    worded("a sidecar with half a character", NOT_UTF8, boat_txt=b"a \xed\xa0\x80 boat"),
    worded("a sidecar with a letter spelled too long", NOT_UTF8, boat_txt=b"a \xc0\xae boat"),
    worded("a sidecar with a command for a terminal", NO_LETTER, boat_txt="a \x1b[2J boat"),
    worded("a sidecar that turns the line round", NO_LETTER, boat_txt="a \u202e boat"),
    worded("an empty sidecar", refused("the caption is empty"), boat_txt=b""),
    worded("a sidecar of nothing but a mark", refused("the caption is empty"), boat_txt=BOM),
    worded("a sidecar of all kinds of blanks", refused("the caption is empty"), boat_txt="\u2003 \t\r\n\u00a0"),
    worded("a sidecar on many lines", A_BOAT, boat_txt="a\r\n\r\n\tboat\r"),
    worded("a sidecar of 2 MB", refused("is larger than 1 MB"), boat_txt=b"a " * (1 << 20)),
    worded("a sidecar of a million signs without a blank", says(boat="a" * 1_000_000), boat_txt=b"a" * 1_000_000),
    worded("a sidecar of braces and percents", says(boat="{caption} %s {0.__class__}"),
            boat_txt="{caption} %s {0.__class__}"),
    worded("a sidecar without its picture", refused("cat.txt: is a caption without its picture"), boat_txt="a boat",
            cat_txt="a cat"),
    worded("a text that is no caption", FILE_NAME, notes_txt="bought on Tuesday"),
    worded("a sidecar over two kinds of metadata", A_BOAT, boat_txt="a boat", metadata_jsonl=row(text="x"),
            metadata_csv="file_name,text\nboat.png,y\n"),
]  # fmt: skip

JSON_LINES = [
    worded("metadata", A_BOAT, metadata_jsonl=row(text="a boat")),
    worded("metadata behind a mark of order of bytes", A_BOAT, metadata_jsonl=BOM + row(text="a boat").encode()),
    worded("metadata of UTF-16", NOT_UTF8, metadata_jsonl=row(text="a boat").encode("utf-16")),
    worded("metadata of nothing", FILE_NAME, metadata_jsonl=""),
    worded("metadata of blank lines", FILE_NAME, metadata_jsonl="\n\r\n  \n"),
    worded("metadata of NUL", refused("line 1 is not JSON"), metadata_jsonl=b"\0" * 1000),
    worded("half a line of metadata", refused("line 1 is not JSON"), metadata_jsonl=row(text="a boat")[:-5]),
    worded("two objects on a line", refused("line 1 is not JSON"), metadata_jsonl=row(text="a") + row(text="b")),
    worded("one object on two lines", refused("line 1 is not JSON"),
            metadata_jsonl='{"file_name": "boat.png",\n"text": "a boat"}'),
    worded("lists in lists without an end", refused("line 1 is not JSON"), metadata_jsonl="[" * 100_000),
    worded("tables in tables without an end", refused("line 1 is not JSON"), metadata_jsonl='{"a":' * 100_000),
    worded("a number of 5000 digits", refused("line 1 is not JSON"),
            metadata_jsonl='{"file_name": "boat.png", "text": ' + LONG_NUMBER + "}"),
    worded("not a number", A_BOAT, metadata_jsonl='{"file_name": "boat.png", "text": "a boat", "score": NaN}'),
    worded("a list instead of a table", refused("has no `file_name`"), metadata_jsonl='["boat.png", "a boat"]'),
    worded("a word instead of a table", refused("has no `file_name`"), metadata_jsonl='"boat.png"'),
    worded("a name that is a number", refused("has no `file_name`"),
            metadata_jsonl='{"file_name": 7, "text": "a boat"}'),
    worded("a name that is empty", refused("has no `file_name`"), metadata_jsonl='{"file_name": "", "text": "a boat"}'),
    worded("a name with NUL", refused("which is not here"),
            metadata_jsonl='{"file_name": "boat.png\\u0000", "text": "a boat"}'),
    worded("a name that is half a character", refused("which is not here"),
            metadata_jsonl='{"file_name": "\\ud800.png", "text": "a boat"}'),
    worded("a name of a megabyte", refused("which is not here"),
            metadata_jsonl=json.dumps({"file_name": "b" * (1 << 20), "text": "a"})),
    worded("a name that leads out", refused("which is not here"),
            metadata_jsonl='{"file_name": "../given/boat.png", "text": "a boat"}'),
    worded("a name from the root", refused("which is not here"),
            metadata_jsonl='{"file_name": "/boat.png", "text": "a boat"}'),
    worded("a name nearly right", refused("did you mean boat.png?"),
            metadata_jsonl='{"file_name": "boot.png", "text": "a boat"}'),
    worded("a name by a detour", A_BOAT, metadata_jsonl='{"file_name": "./boat.png", "text": "a boat"}'),
    worded("no words", refused("has none of `text`, `prompt`, `caption`"), metadata_jsonl=row(words="a boat")),
    worded("words that are a number", refused("its `text` is not text"), metadata_jsonl=row(text=3)),
    worded("words that are a table", refused("its `text` is not text"), metadata_jsonl=row(text={"en": "a boat"})),
    worded("words that are nothing", refused("has none of"), metadata_jsonl=row(text=None)),
    worded("words that are blank", refused("the caption is empty"), metadata_jsonl=row(text=" \t")),
    worded("words with NUL", NO_LETTER, metadata_jsonl=row(text="a\0boat")),
    worded("words that are half a character", NO_LETTER, metadata_jsonl='{"file_name": "boat.png", "text": "\\ud83d"}'),
    worded("words with a separator of lines", says(boat="a boat"), metadata_jsonl=row(text="a\u2028boat")),
    worded("a key twice", refused("stands in it twice"),
            metadata_jsonl='{"file_name": "boat.png", "text": "a boat", "text": "a cat"}'),
    worded("two lines that differ", refused("line 2: boat.png has another caption"),
            metadata_jsonl=row(text="a boat") + "\n" + row(text="a cat")),
    worded("two lines that agree", A_BOAT, metadata_jsonl=row(text="a boat") + "\n" + row(text="a boat")),
    worded("50,000 lines about pictures that are not here", refused("which is not here"),
           metadata_jsonl="\n".join(json.dumps({"file_name": f"{number}.png", "text": "x"})
                   for number in range(50_000))),
]  # fmt: skip

TABLES = [
    worded("a table", A_BOAT, metadata_csv="file_name,text\nboat.png,a boat\n"),
    worded("a table behind a mark of order of bytes", A_BOAT,
            metadata_csv=BOM + b"file_name,text\r\nboat.png,a boat\r\n"),
    worded("a table of UTF-16", NOT_UTF8, metadata_csv="file_name,text\nboat.png,a boat\n".encode("utf-16")),
    worded("a table of nothing", FILE_NAME, metadata_csv=""),
    worded("a table of headings", FILE_NAME, metadata_csv="file_name,text\n"),
    worded("a table without headings", refused("has no `file_name`"),
            metadata_csv="boat.png,a boat\nboat.png,a boat\n"),
    worded("a table of semicolons", refused("has no `file_name`"), metadata_csv="file_name;text\nboat.png;a boat\n"),
    worded("a heading twice", refused("stands in it twice"),
            metadata_csv="file_name,text,text\nboat.png,a boat,a cat\n"),
    worded("a comma without quotes", refused("put a caption that holds commas in double quotes"),
            metadata_csv="file_name,text\nboat.png,a boat, at sea\n"),
    worded("a comma in quotes", says(boat="a boat, at sea"),
            metadata_csv='file_name,text\nboat.png,"a boat, at sea"\n'),
    worded("a line break in quotes", A_BOAT, metadata_csv='file_name,text\nboat.png,"a\nboat"\n'),
    worded("quotes that are not closed", refused("is not CSV"), metadata_csv='file_name,text\nboat.png,"a boat\n'),
    worded("quotes in the middle", refused("is not CSV"), metadata_csv='file_name,text\nboat.png,"a" boat\n'),
    worded("a row that is too short", refused("has none of"), metadata_csv="file_name,text\nboat.png\n"),
    worded("a row of NUL", refused("which is no letter"), metadata_csv=b"file_name,text\nboat.png,\0\0\0\n"),
    worded("a field of 200 kB", refused("is not CSV"), metadata_csv="file_name,text\nboat.png," + "a" * 200_000 + "\n"),
    worded("a formula", says(boat="=HYPERLINK(\"http://example.org\")"),
            metadata_csv='file_name,text\nboat.png,"=HYPERLINK(""http://example.org"")"\n'),
    worded("old line ends", A_BOAT, metadata_csv="file_name,text\rboat.png,a boat\r"),
    worded("ten thousand columns", A_BOAT,
            metadata_csv="file_name,text" + "".join(f",c{n}"
            for n in range(10_000)) + "\nboat.png,a boat" + "," * 10_000 + "\n"),
    worded("two kinds of metadata that differ", A_BOAT, metadata_jsonl=row(text="a boat"),
            metadata_csv="file_name,text\nboat.png,a cat\n"),
    worded("70 MB of it", refused("is larger than 64 MB"),
            metadata_csv=b"file_name,text\n" + b"boat.png,a boat\n" * 4_600_000),
]  # fmt: skip


def wrong_folder(place: Place) -> Words:
    """Each line is wrong in the same way, and each could be the name of any of the files."""
    for number in range(2_000):
        place.write(f"drawing-{number:04}.gif", b"")
    lines = (json.dumps({"file_name": f"train/drawing-{number:04}.gif", "text": "a boat"}) for number in range(2_000))
    place.write("metadata.jsonl", "\n".join(lines))
    return collecting(place)


CASES: list[Case] = [
    Case("2,000 lines that name another folder", wrong_folder, refused("which is not here; did you mean")),
    # Found by fuzzing: each line was told, and to gather half a million took longer than anybody waits.
    worded(
        "half a million lines that are no captions",
        refused("so the rest was not read"),
        metadata_csv=b"file_name,text\n" + b"e,text\n" * 500_000,
    ),
    *SIDECARS,
    *JSON_LINES,
    *TABLES,
]
