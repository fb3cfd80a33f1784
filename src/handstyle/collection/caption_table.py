"""How are the captions of a collection edited in one table, and read again?

A CSV file (RFC 4180) in UTF-8, as spreadsheets write it: a line a work, with `file_name`, `text` and what else helps to
decide. Only `file_name` and `text` count when it is read; the works' own files are never written to.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from handstyle.collection.captions import Caption, Captions, words_in
from handstyle.collection.listing import Fault
from handstyle.collection.plain_text import unwelcome_in
from handstyle.collection.works import Work
from handstyle.errors import UsageMistake
from handstyle.records import read_named

COLUMNS = ("file_name", "text", "suggestion", "was", "from")
LARGEST = 64 << 20  # bytes
MARK = "\ufeff"  # by which spreadsheets know that it is UTF-8
PLACEHOLDERS = ("caption", "file", "folder")


def table(works: Sequence[Work], texts: Mapping[str, str], suggestions: Mapping[str, str]) -> str:
    """`texts` are new captions by the works' names; a work without one keeps its own."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, quoting=csv.QUOTE_MINIMAL)
    writer.writerow(COLUMNS)
    for work in works:
        text = texts.get(work.name, work.caption)
        writer.writerow([work.name, text, suggestions.get(work.name, ""), work.caption, work.caption_from])
    return MARK + file.getvalue()


def from_template(template: str, works: Iterable[Work]) -> dict[str, str]:
    """`{caption}`, `{file}` and `{folder}` filled in for each work. Raises UsageMistake."""
    unknown = [name for name in re.findall(r"{([^{}]*)}", template) if name not in PLACEHOLDERS]
    if unknown or not re.search(r"{[^{}]*}", template):
        raise UsageMistake(
            f"the template `{template:.80}` {f'asks for {{{unknown[0]}}}' if unknown else 'would say the same of all'}",
            hint=f"Use {', '.join(f'{{{name}}}' for name in PLACEHOLDERS)}.",
        )
    made = {}
    for work in works:
        folder = PurePosixPath(work.name).parent.name
        known = {"caption": work.caption, "file": words_in(work.name), "folder": words_in(folder) if folder else ""}
        filled = re.sub(r"{([^{}]*)}", lambda match, known=known: known[match[1]], template)  # type: ignore[misc]
        parts = (" ".join(part.split()) for part in filled.split(","))
        made[work.name] = ", ".join(filter(None, parts))  # what is empty goes, with its comma
    return made


def over(captions: Captions, path: Path, names: Sequence[str]) -> Captions:
    """The captions with those of a table in place of their own. What the table does not name keeps its words."""
    known = {_key(name): name for name in names}
    of, faults = dict(captions.of), []
    described: set[str] = set()
    for line, row in _rows(path):
        try:
            name = known.get(_key(row["file_name"].replace("\\", "/")))
            if name is None:
                raise ValueError(f"names {row['file_name']!r:.200}, which is not here")
            if name in described:
                raise ValueError(f"{name} has a caption further up: keep one")
            described.add(name)
            of[name] = Caption(_cleaned(row["text"]), "table")
        except ValueError as error:
            faults.append(Fault(f"{path.name} line {line}", str(error)))
    # A work that the table describes needs no words of its own.
    kept = [fault for fault in captions.faults if fault.name not in described]
    return Captions(of, (*kept, *faults))


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Raises UsageMistake for what is no such table."""
    hint = "Export one with `handstyle captions`, edit its column `text`, and save it as CSV in UTF-8."
    try:
        text = read_named(path, LARGEST).decode("utf-8").removeprefix(MARK)
        heading = text.split("\n", 1)[0]
        between = ";" if heading.count(";") > heading.count(",") else ","  # as spreadsheets in many countries save it
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True, delimiter=between)
        if not {"file_name", "text"} <= set(reader.fieldnames or ()):
            raise ValueError("its first line does not name the columns `file_name` and `text`")
        for row in reader:
            if None in row or None in row.values():
                raise ValueError(f"line {reader.line_num} has another number of fields than the first line")
            yield reader.line_num, row
    except UnicodeDecodeError as error:
        raise UsageMistake(f"{path} is not UTF-8 at byte {error.start}", hint=hint) from error
    except (csv.Error, ValueError) as error:
        raise UsageMistake(f"{path} is not a table of captions: {error}", hint=hint) from error


def _cleaned(text: str) -> str:
    caption = " ".join(text.split())
    if not caption:
        raise ValueError("the caption is empty: write what the picture shows, or delete the line")
    if unwelcome := unwelcome_in(caption):
        raise ValueError(f"the caption holds {unwelcome}, which is no letter: delete it")
    return caption


def _key(name: str) -> str:
    # One file system composes accents and another takes them apart; the name is the same.
    return unicodedata.normalize("NFC", PurePosixPath(name).as_posix())
