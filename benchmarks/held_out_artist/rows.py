"""How is what a run found kept, so that nothing is run twice?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, TypeVar

from handstyle import digests
from handstyle.errors import WriteFailed
from handstyle.records import Record

OF_A_RUN = ("artist", "draw", "on", "method", "settings", "recipe", "works", "drawings", "split", "base")

Kind = TypeVar("Kind", bound=Record)


class Row(Record):
    """One method on one draw of one artist. `errors` and `base_errors` are per drawing, means over the noise levels;
    pictures that no model drew have distances and no errors."""

    format: Literal["handstyle/benchmark-row/2"] = "handstyle/benchmark-row/2"
    artist: str
    related: str
    draw: int
    on: Literal["tuning", "testing"]
    method: str
    settings: dict[str, object]
    recipe: str  # digest of all that it is trained by, defaults included
    works: int
    drawings: int  # that it was tested on
    steps: int = 0
    seconds: float = 0.0
    split: str  # digests
    base: str
    version: str
    base_prompt: str = ""  # that suits the base best
    base_errors: tuple[float, ...] = ()
    errors: tuple[float, ...] = ()
    distances: tuple[float | None, ...] = ()  # of pictures to each real drawing, where there is one
    looked_at: tuple[int, ...] = ()  # steps, where several were

    @property
    def key(self) -> str:
        told = self.as_json()
        return digests.of_json({name: told[name] for name in OF_A_RUN})


def read(path: Path, kind: type[Kind]) -> list[Kind]:
    """Whole lines; a torn last one, left by a crash, is passed over, and so are lines of an older format."""
    found, format = [], kind.model_fields.get("format")
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            data = json.loads(line)
        except ValueError:
            continue
        if format is not None and data.get("format") != format.default:
            continue
        found.append(kind.read(data, where=str(path)))
    return found


def add(path: Path, row: Record) -> None:
    """One line; after a torn one, on a line of its own."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torn = path.is_file() and not path.read_bytes().endswith(b"\n") and path.stat().st_size > 0
        with path.open("a", encoding="utf-8") as file:
            file.write("\n" if torn else "")
            file.write(json.dumps(row.as_json()) + "\n")
    except OSError as error:
        raise WriteFailed(f"{path} could not be written: {error.strerror}", hint="Free some space.") from error
