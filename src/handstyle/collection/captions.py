"""What do the words beside an image say it shows?

A file's own `.txt` wins, then its `.caption`, `metadata.jsonl`, then `metadata.csv`, then the words in its file name.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from handstyle import digests
from handstyle.collection.listing import METADATA, Fault, Listing
from handstyle.collection.plain_text import unwelcome_in
from handstyle.collection.works import CaptionSource

CAPTION_KEYS = ("text", "prompt", "caption")
LARGEST_SIDECAR = 1 << 20  # bytes
LARGEST_METADATA = 64 << 20  # bytes
MOST_FAULTS = 10_000  # in metadata: whoever has more lines wrong has given the wrong file
MOST_SUGGESTIONS = 20  # each looks at the name of every picture, and one wrong folder makes every line wrong


@dataclass(frozen=True, slots=True)
class Caption:
    text: str
    source: CaptionSource


@dataclass(frozen=True)
class Captions:
    of: Mapping[str, Caption]
    faults: tuple[Fault, ...]


def read_captions(folder: Path, listing: Listing, wanted: Iterable[str]) -> Captions:
    """The caption of each wanted picture, and every fault in the words beside the pictures."""
    wanted = tuple(wanted)
    sidecars = _from_sidecars(folder, listing, wanted)
    sources = [sidecars, *(_from_metadata(folder, listing, kind) for kind in METADATA)]
    faults = [fault for source in sources for fault in source.faults]
    found: dict[str, Caption] = {}
    for name in wanted:
        told = next((source.of[name] for source in sources if name in source.of), None)
        caption = told or Caption(words_in(name), "file name")
        if caption.text:
            found[name] = caption
        elif told is None:
            sidecar = PurePosixPath(name).with_suffix(".txt").name
            faults.append(
                Fault(name, f"nothing says what it shows, not even its name: write it into {sidecar} beside it")
            )
    return Captions(found, tuple(faults))


def words_in(name: str) -> str:
    """`animals/grey_cat-02.png` -> `grey cat`; numbers at the end only count, so they say nothing."""
    words = re.split(r"[\s_.()\[\]-]+", PurePosixPath(name).stem)
    while words and not any(letter.isalpha() for letter in words[-1]):
        words.pop()
    return " ".join(word for word in words if word)


def _from_sidecars(folder: Path, listing: Listing, wanted: tuple[str, ...]) -> Captions:
    pictures: dict[str, list[str]] = {}
    for name in listing.pictures:
        pictures.setdefault(key_of(PurePosixPath(name).with_suffix("")), []).append(name)
    texts = {text: pictures.get(key_of(PurePosixPath(text).with_suffix("")), []) for text in listing.texts
             if PurePosixPath(text).name not in METADATA}  # fmt: skip
    of: dict[str, Caption] = {}
    faults = []
    asked, are_sidecars = frozenset(wanted), any(texts.values())
    for text, named in texts.items():
        if not named and are_sidecars:  # where captions are sidecars, one without a picture is a slip
            faults.append(Fault(text, "is a caption without its picture: name it like the picture"))
        if asked.isdisjoint(named):
            continue
        try:
            caption = cleaned(utf8(folder / text, LARGEST_SIDECAR))
        except ValueError as error:
            faults.append(Fault(text, str(error)))
            caption = ""  # the fault is told: no second one for want of a caption
        of.update(dict.fromkeys(named, Caption(caption, "sidecar")))
    return Captions(of, tuple(faults))


def _from_metadata(folder: Path, listing: Listing, kind: CaptionSource) -> Captions:
    """Of every `metadata` file of one kind; its file names are relative to where it lies."""
    pictures = {key_of(PurePosixPath(name)): name for name in listing.pictures}
    rows = _json_lines if kind == "metadata.jsonl" else _csv_rows
    of: dict[str, Caption] = {}
    faults: list[Fault] = []
    for file in (text for text in listing.texts if PurePosixPath(text).name == kind):
        try:
            for line, row in rows(utf8(folder / file, LARGEST_METADATA)):
                try:
                    suggest = len(faults) < MOST_SUGGESTIONS
                    name = _picture_named(row, PurePosixPath(file).parent, pictures, suggest)
                    caption = Caption(cleaned(_caption_in(row)), kind)
                    if of.setdefault(name, caption) != caption:
                        raise ValueError(f"{name} has another caption further up: keep one")
                except ValueError as error:
                    faults.append(Fault(f"{file} line {line}", str(error)))
                    if len(faults) >= MOST_FAULTS:
                        raise ValueError(f"{MOST_FAULTS} lines are wrong, so the rest was not read") from error
        except ValueError as error:
            faults.append(Fault(file, str(error)))
    return Captions(of, tuple(faults))


def _json_lines(text: str) -> Iterator[tuple[int, Any]]:
    # Not splitlines(): JSON strings may hold other line separators as they are.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield number, json.loads(line, object_pairs_hook=digests.once)
            except (ValueError, RecursionError) as error:
                raise ValueError(f"line {number} is not JSON ({error}): write one object a line") from error


def _csv_rows(text: str) -> Iterator[tuple[int, Any]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        digests.once([(heading, None) for heading in reader.fieldnames or ()])
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num} is not CSV: {error}") from error


def _picture_named(row: Any, folder: PurePosixPath, pictures: Mapping[str, str], suggest: bool) -> str:
    name = row.get("file_name") if isinstance(row, dict) else None
    if not isinstance(name, str) or not name:
        raise ValueError("has no `file_name`")
    if None in row:  # where csv puts the fields that no heading names
        raise ValueError("has more fields than the first line: put a caption that holds commas in double quotes")
    for spelling in (name, name.replace("\\", "/")):
        if picture := pictures.get(key_of(folder / spelling)):
            return picture
    nearest = difflib.get_close_matches(name, pictures.values(), n=1) if suggest else []
    raise ValueError(f"names {name!r:.200}, which is not here" + (f"; did you mean {nearest[0]}?" if nearest else ""))


def _caption_in(row: dict[str, Any]) -> str:
    for key in CAPTION_KEYS:
        if row.get(key) is not None:
            if not isinstance(row[key], str):
                raise ValueError(f"its `{key}` is not text")
            return str(row[key])
    raise ValueError(f"has none of {', '.join(f'`{key}`' for key in CAPTION_KEYS)}")


def cleaned(text: str) -> str:
    caption = " ".join(text.split())
    if not caption:
        raise ValueError("the caption is empty: write what the picture shows, or delete it to use the file name")
    if unwelcome := unwelcome_in(caption):
        raise ValueError(f"the caption holds {unwelcome}, which is no letter: delete it")
    return caption


def utf8(path: Path, largest: int) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(largest + 1)
    except OSError as error:
        raise ValueError(f"cannot be opened ({error.strerror}): make it readable") from error
    if len(data) > largest:
        raise ValueError(f"is larger than {largest >> 20} MB: too long for captions")
    try:
        return data.decode("utf-8").removeprefix("\ufeff")  # the mark some editors put in front
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8 at byte {error.start}: save it as UTF-8") from error


def key_of(name: PurePath) -> str:
    # One file system composes accents and another takes them apart; the name is the same.
    return unicodedata.normalize("NFC", name.as_posix())
